//! The raw mutexes of parking_lot before 0.13, watched: for lock_api 0.4, as `gordian::parking_lot` does for later ones.

use std::panic::Location;
use std::ptr;

use ::parking_lot::lock_api;

use super::{SPINS, places};
use crate::event::{Attempt, Mode, ObjectKind};
use crate::record::Place;
use crate::record::locks::{self, LockMeta};

/// `parking_lot::RawMutex`, watched.
pub type RawMutex = WatchedRaw<::parking_lot::RawMutex>;

/// `parking_lot::RawFairMutex`, watched.
pub type RawFairMutex = WatchedRaw<::parking_lot::RawFairMutex>;

/// A raw mutex of parking_lot, and what the recorder keeps beside it.
pub struct WatchedRaw<R> {
    inner: R,
    meta: LockMeta,
}

/// The end of the name of the files of lock_api (`mutex.rs`, `remutex.rs`) that use raw mutexes.
const FILE: &str = "mutex.rs";

impl<R: lock_api::RawMutex> WatchedRaw<R> {
    pub(super) const fn new(kind: ObjectKind, created: Place) -> Self {
        Self { inner: R::INIT, meta: LockMeta::opaque(kind, created) }
    }

    pub(super) fn meta(&self) -> &LockMeta {
        &self.meta
    }

    /// What `places` knows the lock by.
    pub(super) fn address(&self) -> usize {
        ptr::from_ref(self).addr()
    }

    fn users(&self, place: Place) -> Place {
        places::users(place, FILE, self.address())
    }

    /// A lock on behalf of the operation at `place`.
    #[inline]
    pub(super) fn lock_at(&self, place: Place) {
        if !self.inner.try_lock() {
            self.contended(place);
        }
        locks::acquired(&self.meta, Attempt::Blocking, place);
    }

    #[cold]
    fn contended(&self, place: Place) {
        for _ in 0..SPINS {
            if self.inner.try_lock() {
                return;
            }
            std::hint::spin_loop();
        }
        let _waiting = locks::request(&self.meta, Mode::Exclusive, false, place);
        self.inner.lock();
    }

    /// Unlocks what the current thread has locked, and has told the recorder of as released.
    pub(super) fn unlock_unseen(&self) {
        // SAFETY: by the caller's promise.
        unsafe { self.inner.unlock() };
    }

    fn acquired_if(&self, acquired: bool, attempt: Attempt, place: Place) -> bool {
        if acquired {
            locks::acquired(&self.meta, attempt, self.users(place));
        } else {
            locks::missed(&self.meta, Mode::Exclusive, self.users(place));
        }
        acquired
    }

    /// Before a release by a call at `place`. If it is one of the user's, it may be an `unlocked`.
    fn released(&self, place: Place) {
        if !places::may_be_lock_apis(place, FILE) {
            places::note(self.address(), place);
        }
        locks::released(&self.meta);
    }
}

// SAFETY: locking and unlocking is the inner lock's.
unsafe impl<R: lock_api::RawMutex> lock_api::RawMutex for WatchedRaw<R> {
    const INIT: Self = Self::new(ObjectKind::Mutex, Location::caller());

    type GuardMarker = R::GuardMarker;

    #[inline]
    #[track_caller]
    fn lock(&self) {
        self.lock_at(self.users(Location::caller()));
    }

    #[inline]
    #[track_caller]
    fn try_lock(&self) -> bool {
        self.acquired_if(self.inner.try_lock(), Attempt::Try, Location::caller())
    }

    #[inline]
    #[track_caller]
    unsafe fn unlock(&self) {
        self.released(Location::caller());
        // SAFETY: by the caller's promise.
        unsafe { self.inner.unlock() };
    }

    #[inline]
    fn is_locked(&self) -> bool {
        self.inner.is_locked()
    }
}

// SAFETY: as for `RawMutex`.
unsafe impl<R: lock_api::RawMutexFair> lock_api::RawMutexFair for WatchedRaw<R> {
    #[inline]
    #[track_caller]
    unsafe fn unlock_fair(&self) {
        self.released(Location::caller());
        // SAFETY: by the caller's promise.
        unsafe { self.inner.unlock_fair() };
    }

    #[track_caller]
    unsafe fn bump(&self) {
        let place = self.users(Location::caller());
        locks::released(&self.meta);
        // Whether there is someone to hand the lock to, only the inner lock knows. A wait that isn't one does no harm: no
        // one else can hold the lock then.
        let waiting = locks::request(&self.meta, Mode::Exclusive, false, place);
        // SAFETY: by the caller's promise.
        unsafe { self.inner.bump() };
        drop(waiting);
        locks::acquired(&self.meta, Attempt::Blocking, place);
    }
}

// SAFETY: as for `RawMutex`.
unsafe impl<R: lock_api::RawMutexTimed> lock_api::RawMutexTimed for WatchedRaw<R> {
    type Duration = R::Duration;
    type Instant = R::Instant;

    #[track_caller]
    fn try_lock_for(&self, timeout: R::Duration) -> bool {
        self.acquired_if(self.inner.try_lock_for(timeout), Attempt::Timed, Location::caller())
    }

    #[track_caller]
    fn try_lock_until(&self, timeout: R::Instant) -> bool {
        self.acquired_if(self.inner.try_lock_until(timeout), Attempt::Timed, Location::caller())
    }
}
