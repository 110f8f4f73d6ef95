//! Drop-in replacements of [`std::sync`]: the same names, signatures and semantics, watched.
//!
//! Without the feature `detect` every name here is the original itself.

#[cfg(feature = "detect")]
mod mutex;

#[cfg(feature = "detect")]
pub use mutex::{Mutex, MutexGuard};

pub use std::sync::{Arc, LockResult, PoisonError, TryLockError, TryLockResult, Weak};
