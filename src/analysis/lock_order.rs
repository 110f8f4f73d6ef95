//! Deadlocks that could be: cycles in the order in which locks are taken.
