//! Drop-in replacements of [`std::sync`]: the same names, signatures and semantics, watched.
//!
//! Without the feature `detect` every name here is the original itself.

#[cfg(feature = "detect")]
pub mod atomic;
#[cfg(feature = "detect")]
mod barrier;
#[cfg(feature = "detect")]
mod condvar;
#[cfg(feature = "detect")]
mod lazy_lock;
#[cfg(feature = "detect")]
pub mod mpsc;
#[cfg(feature = "detect")]
mod mutex;
#[cfg(feature = "detect")]
mod once;
#[cfg(feature = "detect")]
mod once_lock;
#[cfg(not(feature = "detect"))]
mod plain;
#[cfg(feature = "detect")]
mod rwlock;

#[cfg(feature = "detect")]
pub use barrier::{Barrier, BarrierWaitResult};
#[cfg(feature = "detect")]
pub use condvar::{Condvar, WaitTimeoutResult};
#[cfg(feature = "detect")]
pub use lazy_lock::LazyLock;
#[cfg(feature = "detect")]
pub(crate) use mutex::pauses;
#[cfg(feature = "detect")]
pub use mutex::{Mutex, MutexGuard};
#[cfg(feature = "detect")]
#[allow(deprecated, reason = "a drop-in has what the original has")]
pub use once::{ONCE_INIT, Once};
#[cfg(feature = "detect")]
pub use once_lock::OnceLock;
#[cfg(feature = "detect")]
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
#[cfg(feature = "detect")]
pub use std::sync::{Arc, LockResult, OnceState, PoisonError, TryLockError, TryLockResult, Weak};

#[cfg(not(feature = "detect"))]
pub use std::sync::*;
