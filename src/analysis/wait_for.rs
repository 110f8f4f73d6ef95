//! Deadlocks that are: cycles and knots in who waits for whom.
