//! The layer over the very version of parking_lot that a program uses, 0.11 or 0.12: the same names, watched.
//!
//! The root of a crate of its own, compiled against that version, its lock_api and the library `gordian`. Most of it are
//! the source files of `gordian::parking_lot`; what differs is lock_api 0.4, where raw locks hand out no tokens and any
//! reader may ask to go before the writers that wait (cfg `lock_api_0_4`).

pub use ::parking_lot::*;

// What the files find in the library.
use ::gordian::{event, sync};
mod record {
    pub(crate) use ::gordian::runtime::{Place, condvars, locks, queue};
}
mod name {
    pub(crate) use ::gordian::Named;
}

#[path = "../parking_lot/condvar.rs"]
mod condvar;
#[path = "../parking_lot/mutex.rs"]
mod mutex;
#[path = "../parking_lot/once.rs"]
mod once;
#[path = "../parking_lot/places.rs"]
mod places;
#[path = "parking_lot/raw_mutex.rs"]
mod raw_mutex;
#[path = "parking_lot/raw_rwlock.rs"]
mod raw_rwlock;
#[path = "../parking_lot/remutex.rs"]
mod remutex;
#[path = "../parking_lot/rwlock.rs"]
mod rwlock;

pub use condvar::{Condvar, WaitTimeoutResult};
pub use mutex::{FairMutex, FairMutexGuard, MappedFairMutexGuard, MappedMutexGuard, Mutex, MutexGuard};
pub use once::Once;
pub use raw_mutex::{RawFairMutex, RawMutex};
pub use raw_rwlock::RawRwLock;
pub use remutex::{MappedReentrantMutexGuard, ReentrantMutex, ReentrantMutexGuard};
pub use rwlock::{
    MappedRwLockReadGuard, MappedRwLockWriteGuard, RwLock, RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard,
};

/// As in `gordian::parking_lot`.
const SPINS: u32 = 64;

/// See `parking_lot::const_mutex`.
#[track_caller]
pub const fn const_mutex<T>(val: T) -> Mutex<T> {
    Mutex::new(val)
}

/// See `parking_lot::const_fair_mutex`.
#[track_caller]
pub const fn const_fair_mutex<T>(val: T) -> FairMutex<T> {
    FairMutex::new(val)
}

/// See `parking_lot::const_rwlock`.
#[track_caller]
pub const fn const_rwlock<T>(val: T) -> RwLock<T> {
    RwLock::new(val)
}

/// See `parking_lot::const_reentrant_mutex`.
#[track_caller]
pub const fn const_reentrant_mutex<T>(val: T) -> ReentrantMutex<T> {
    ReentrantMutex::new(val)
}
