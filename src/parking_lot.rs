//! Drop-in replacements of the crate [`parking_lot`], version 0.13: the same names, signatures and
//! semantics, watched.
//!
//! Without the feature `detect` every name here is the original itself.
//!
//! The locks are those of [`lock_api`] over raw locks of ours, which tell the recorder and hand on to the raw locks of
//! parking_lot. So the guards, and all that can be done with them, *are* lock_api's. The locks themselves are a thin
//! layer around lock_api's, because a lock is to know where it was made, and they lend out the lock inside by `Deref`.
//! What differs from the original:
//!
//! - Where a guard names its lock (`MutexGuard::mutex`, `RwLockReadGuard::rwlock`, `ArcMutexGuard::into_arc` and the
//!   like), it is the lock inside, [`lock_api::Mutex`] and not [`Mutex`]. It is watched all the same.
//! - A lock made of the `INIT` constant of a raw lock does not know where it was made.
//! - A panic that the user asks for upon a deadlock ([`OnDeadlock::Panic`](crate::OnDeadlock::Panic)) ends the process
//!   where no guard may be left without its lock: at the end of `unlocked`, in `with_upgraded`, and when a [`Condvar`]
//!   takes its mutex again.
//!
//! What is *not seen* is when a holder looks at what a lock guards, or changes it: `Deref` of lock_api's guards goes to the
//! data and asks no raw lock, and guards of our own would not be lock_api's, to whose types (`map`, `MutexGuard::mutex`,
//! functions over `lock_api::MutexGuard<'_, R, T>`) programs hold. The trace says so ([`Op::DataHidden`]), and prediction
//! takes it that each holder saw all that holders before it had done: a cycle of these locks is `possible`, never
//! `predicted`. The same holds for the parking_lot of unchanged code, where the raw lock is all that is ours.
//!
//! [`Op::DataHidden`]: crate::event::Op::DataHidden

#[cfg(not(feature = "detect"))]
pub use ::parking_lot::*;

#[cfg(feature = "detect")]
mod condvar;
#[cfg(feature = "detect")]
mod mutex;
#[cfg(feature = "detect")]
mod once;
#[cfg(feature = "detect")]
mod places;
#[cfg(feature = "detect")]
mod raw_mutex;
#[cfg(feature = "detect")]
mod raw_rwlock;
#[cfg(feature = "detect")]
mod remutex;
#[cfg(feature = "detect")]
mod rwlock;

#[cfg(feature = "detect")]
pub use {
    ::parking_lot::{OnceState, RawThreadId, lock_api},
    condvar::{Condvar, RawCondvar, WaitTimeoutResult},
    lock_api::{
        ArcMutexGuard, ArcReentrantMutexGuard, ArcRwLockReadGuard, ArcRwLockUpgradableReadGuard, ArcRwLockWriteGuard,
    },
    mutex::{FairMutex, FairMutexGuard, MappedFairMutexGuard, MappedMutexGuard, Mutex, MutexGuard, WatchedMutex},
    once::Once,
    raw_mutex::{RawFairMutex, RawMutex, WatchedRaw},
    raw_rwlock::{RawRwLock, RawRwLockRecursive},
    remutex::{MappedReentrantMutexGuard, ReentrantMutex, ReentrantMutexGuard},
    rwlock::{
        MappedRecursiveRwLockReadGuard, MappedRecursiveRwLockWriteGuard, MappedRwLockReadGuard, MappedRwLockWriteGuard,
        RecursiveRwLock, RecursiveRwLockReadGuard, RecursiveRwLockUpgradableReadGuard, RecursiveRwLockWriteGuard,
        RwLock, RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard, WatchedRwLock,
    },
};
