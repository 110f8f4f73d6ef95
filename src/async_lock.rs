//! Drop-in replacements of the crate [`async_lock`], version 3: the same names, signatures and semantics, watched, for executors
//! of every kind.
//!
//! ```
//! use gordian::async_lock::{Mutex, RwLock};
//! use gordian::task::instrument;
//!
//! let (total, limit) = (Mutex::new(3), RwLock::new(9));
//! futures::executor::block_on(instrument(async {
//!     *total.lock().await += 4;
//!     assert!(*total.lock().await < *limit.read().await);
//! }));
//! *limit.write_blocking() = 1;
//! ```
//!
//! All of the crate is watched: [`Mutex`], [`RwLock`], [`Semaphore`], [`Barrier`], [`OnceCell`], and the named futures of
//! [`futures`](mod@futures). What a future does that is in no task is not looked at: it is to be run by `gordian::tokio` or by
//! `gordian::futures::executor::block_on`, or made a task by [`gordian::task::instrument`]. The `…_blocking` methods are waits of
//! their thread, and in a poll that has to wait `blocking-in-async`. Without the feature `detect` everything is the original.
//!
//! # Who comes first
//!
//! The locks are unfair: who is woken tries again, and others may come first (until one has waited for half a millisecond after
//! it was woken). But one only is woken at a time. So a future that was woken, and that its task polls no more, keeps the
//! lock from all that were pending: a `futurelock`.
//!
//! A [`RwLock`] has one place for a writer or an upgradable reader, which are served like the owners of a mutex. A writer that
//! has got that place keeps new readers away while it waits for the old ones to leave: so a second read is a hazard as soon as
//! anyone writes (`recursive-read`). One that waits for the place keeps no reader away; so beside an upgradable reader, until that
//! upgrades, readers come and go. Readers are woken one by the other; one that is polled no more keeps the rest of them
//! waiting, which is not told.
//!
//! A [`RwLock`]'s writer is made of an upgradable reader of the original that upgrades at once: that is what the original's
//! writer does, and tells the two waits apart.

#[cfg(feature = "detect")]
mod barrier;
#[cfg(feature = "detect")]
pub mod futures;
#[cfg(feature = "detect")]
mod macros;
#[cfg(feature = "detect")]
mod mutex;
#[cfg(feature = "detect")]
mod once_cell;
#[cfg(feature = "detect")]
mod rwlock;
#[cfg(feature = "detect")]
mod semaphore;

#[cfg(feature = "detect")]
pub use barrier::Barrier;
#[cfg(feature = "detect")]
pub use mutex::{Mutex, MutexGuard, MutexGuardArc};
#[cfg(feature = "detect")]
pub use once_cell::OnceCell;
#[cfg(feature = "detect")]
pub use rwlock::{
    RwLock, RwLockReadGuard, RwLockReadGuardArc, RwLockUpgradableReadGuard, RwLockUpgradableReadGuardArc,
    RwLockWriteGuard, RwLockWriteGuardArc,
};
#[cfg(feature = "detect")]
pub use semaphore::{Semaphore, SemaphoreGuard, SemaphoreGuardArc};

pub use ::async_lock::*;
