//! The raw mutexes, watched.

use std::panic::Location;
use std::ptr;

use ::parking_lot::lock_api;

use super::places;
use crate::event::{Attempt, Mode, ObjectKind};
use crate::record::Place;
use crate::record::locks::{self, LockMeta};
use crate::sync::pauses;

/// [`parking_lot::RawMutex`], watched.
pub type RawMutex = WatchedRaw<::parking_lot::RawMutex>;

/// [`parking_lot::RawFairMutex`], watched.
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

    /// What [`places`] knows the lock by.
    #[inline(always)]
    pub(super) fn address(&self) -> usize {
        ptr::from_ref(self).addr()
    }

    #[inline(always)]
    fn users(&self, place: Place) -> Place {
        places::users(place, FILE, self.address())
    }

    /// A lock on behalf of the operation at `place`.
    #[inline(always)]
    pub(super) fn lock_at(&self, place: Place) -> R::Guard {
        self.meta.prefetch();
        let Some(guard) = self.inner.try_lock() else { return self.lock_slow(place) };
        locks::acquired(&self.meta, Attempt::Blocking, place);
        guard
    }

    /// Unlocks what the current thread has locked, and has told the recorder of as released.
    pub(super) fn unlock_unseen(&self)
    where
        R::Guard: Default,
    {
        // SAFETY: by the caller's promise; the guard of a lock of parking_lot is a marker without state.
        unsafe { self.inner.unlock(R::Guard::default()) };
    }

    #[cold]
    #[inline(never)]
    fn lock_slow(&self, place: Place) -> R::Guard {
        let guard = self.lock_contended(place);
        locks::acquired(&self.meta, Attempt::Blocking, place);
        guard
    }

    fn lock_contended(&self, place: Place) -> R::Guard {
        for () in pauses() {
            if let Some(guard) = self.inner.try_lock() {
                return guard;
            }
        }
        let _waiting = locks::request(&self.meta, Mode::Exclusive, false, place);
        self.inner.lock()
    }

    fn acquired_if(&self, guard: Option<R::Guard>, attempt: Attempt, place: Place) -> Option<R::Guard> {
        if guard.is_some() {
            locks::acquired(&self.meta, attempt, self.users(place));
        } else {
            locks::missed(&self.meta, Mode::Exclusive, self.users(place));
        }
        guard
    }

    /// Before a release by a call at `place`. If it is one of the user's, it may be an `unlocked`.
    #[inline(always)]
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

    type Guard = R::Guard;

    #[inline]
    #[track_caller]
    fn lock(&self) -> R::Guard {
        self.lock_at(self.users(Location::caller()))
    }

    #[inline]
    #[track_caller]
    fn try_lock(&self) -> Option<R::Guard> {
        self.acquired_if(self.inner.try_lock(), Attempt::Try, Location::caller())
    }

    #[inline]
    #[track_caller]
    unsafe fn unlock(&self, guard: R::Guard) {
        self.released(Location::caller());
        // SAFETY: by the caller's promise.
        unsafe { self.inner.unlock(guard) };
    }

    #[inline]
    fn is_locked(&self) -> bool {
        let locked = self.inner.is_locked();
        if locked {
            // As good as an attempt. Where it is asked from, lock_api does not pass on.
            locks::missed(&self.meta, Mode::Exclusive, self.meta.created());
        }
        locked
    }
}

// SAFETY: as for `RawMutex`.
unsafe impl<R: lock_api::RawMutexFair> lock_api::RawMutexFair for WatchedRaw<R> {
    #[inline]
    #[track_caller]
    unsafe fn unlock_fair(&self, guard: R::Guard) {
        self.released(Location::caller());
        // SAFETY: by the caller's promise.
        unsafe { self.inner.unlock_fair(guard) };
    }

    #[track_caller]
    unsafe fn bump(&self, guard: &mut R::Guard) {
        let place = self.users(Location::caller());
        locks::released(&self.meta);
        // Whether there is someone to hand the lock to, only the inner lock knows. A wait that isn't one does no harm: no
        // one else can hold the lock then.
        let waiting = locks::request(&self.meta, Mode::Exclusive, false, place);
        // SAFETY: by the caller's promise.
        unsafe { self.inner.bump(guard) };
        drop(waiting);
        locks::acquired(&self.meta, Attempt::Blocking, place);
    }
}

// SAFETY: as for `RawMutex`.
unsafe impl<R: lock_api::RawMutexTimed> lock_api::RawMutexTimed for WatchedRaw<R> {
    type Duration = R::Duration;
    type Instant = R::Instant;

    #[track_caller]
    fn try_lock_for(&self, timeout: R::Duration) -> Option<R::Guard> {
        self.acquired_if(self.inner.try_lock_for(timeout), Attempt::Timed, Location::caller())
    }

    #[track_caller]
    fn try_lock_until(&self, timeout: R::Instant) -> Option<R::Guard> {
        self.acquired_if(self.inner.try_lock_until(timeout), Attempt::Timed, Location::caller())
    }
}
