//! [`tokio::sync`], watched.

mod barrier;
pub mod broadcast;
pub mod mpsc;
mod mutex;
mod mutex_guards;
mod notify;
mod once_cell;
pub mod oneshot;
mod raw;
mod rwlock;
mod rwlock_guards;
mod semaphore;
#[cfg(not(tokio_before = "1.47"))]
mod set_once;
pub mod watch;

pub use ::tokio::sync::*;

pub use barrier::Barrier;
pub use mutex::Mutex;
pub use mutex_guards::{MappedMutexGuard, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard};
pub use notify::Notify;
pub use once_cell::OnceCell;
pub use rwlock::RwLock;
pub use rwlock_guards::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLockMappedWriteGuard, RwLockReadGuard,
    RwLockWriteGuard,
};
pub use semaphore::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
#[cfg(not(tokio_before = "1.47"))]
pub use set_once::SetOnce;

/// [`tokio::sync::futures`], watched.
pub mod futures {
    pub use super::notify::Notified;
    #[cfg(not(tokio_before = "1.47"))]
    pub use super::notify::OwnedNotified;
}
