//! Data races by happens-before.
