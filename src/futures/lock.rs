//! [`futures::lock`], watched.

mod guards;
mod mutex;

pub use guards::{MappedMutexGuard, MutexGuard, OwnedMutexGuard};
pub use mutex::{Mutex, MutexLockFuture, OwnedMutexLockFuture};
