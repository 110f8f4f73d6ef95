//! The raw reader-writer locks, watched.

use std::panic::Location;
use std::ptr;
use std::time::{Duration, Instant};

use ::parking_lot::lock_api::{self, RawRwLockUpgrade as _};

use super::places;
use crate::event::{Attempt, Mode, ObjectKind};
use crate::record::Place;
use crate::record::locks::{self, RwMeta};
use crate::sync::pauses;

/// [`parking_lot::RawRwLock`], watched.
///
/// `RECURSIVE` readers never wait for a writer that waits itself.
pub struct RawRwLock<const RECURSIVE: bool = false> {
    inner: ::parking_lot::RawRwLock<RECURSIVE>,
    meta: RwMeta,
}

/// [`parking_lot::RawRwLockRecursive`], watched.
pub type RawRwLockRecursive = RawRwLock<true>;

/// The stateless token of a raw lock that is held.
type Token<const RECURSIVE: bool> = <::parking_lot::RawRwLock<RECURSIVE> as lock_api::RawRwLock>::SharedGuard;

/// The end of the name of the file of lock_api that uses raw reader-writer locks.
const FILE: &str = "rwlock.rs";

const EXCLUSIVE: Mode = Mode::Exclusive;
const UPGRADABLE: Mode = Mode::Upgradable;

impl<const RECURSIVE: bool> RawRwLock<RECURSIVE> {
    /// How a reader holds it.
    const READ: Mode = if RECURSIVE { Mode::SharedRecursive } else { Mode::Shared };

    pub(super) const fn new(created: Place) -> Self {
        Self { inner: lock_api::RawRwLock::INIT, meta: RwMeta::opaque(ObjectKind::RwLock, created) }
    }

    pub(super) fn set_name(&self, name: &str) {
        self.meta.lock.set_name(name);
    }

    fn address(&self) -> usize {
        ptr::from_ref(self).addr()
    }

    #[inline(always)]
    fn users(&self, place: Place) -> Place {
        places::users(place, FILE, self.address())
    }

    /// An acquisition that waits as long as it takes.
    #[inline(always)]
    fn lock<G>(&self, mode: Mode, place: Place, attempt: impl Fn() -> Option<G>, lock: impl FnOnce() -> G) -> G {
        let place = self.users(place);
        let guard = attempt().unwrap_or_else(|| self.contended(mode, place, attempt, lock));
        self.acquired(mode, Attempt::Blocking, place);
        guard
    }

    #[cold]
    fn contended<G>(&self, mode: Mode, place: Place, attempt: impl Fn() -> Option<G>, lock: impl FnOnce() -> G) -> G {
        for () in pauses() {
            if let Some(guard) = attempt() {
                return guard;
            }
        }
        let _waiting = locks::request(&self.meta.lock, mode, false, place);
        lock()
    }

    #[inline(never)]
    fn acquired(&self, mode: Mode, attempt: Attempt, place: Place) {
        if mode == UPGRADABLE {
            // For `with_upgraded`.
            places::note(self.address(), place);
        }
        self.meta.acquired(mode, attempt, place);
    }

    fn acquired_if<G>(&self, guard: Option<G>, mode: Mode, attempt: Attempt, place: Place) -> Option<G> {
        if guard.is_some() {
            self.acquired(mode, attempt, self.users(place));
        } else {
            locks::missed(&self.meta.lock, mode, self.users(place));
        }
        guard
    }

    /// Before a release by a call at `place`. If it is one of the user's, it may be an `unlocked`.
    #[inline(always)]
    fn released(&self, mode: Mode, place: Place) {
        if !places::may_be_lock_apis(place, FILE) {
            places::note(self.address(), place);
        }
        self.meta.released(mode);
    }

    /// The lock is handed to someone who waits for it, if there is anyone, and taken again.
    fn bump(&self, mode: Mode, place: Place, bump: impl FnOnce()) {
        let place = self.users(place);
        self.meta.released(mode);
        // Whether there is someone, only the inner lock knows. A wait that isn't one does no harm: no one can hold the lock
        // then in a mode that is in the way.
        let waiting = locks::request(&self.meta.lock, mode, false, place);
        bump();
        drop(waiting);
        self.acquired(mode, Attempt::Blocking, place);
    }

    /// The hold has changed its mode, which did not wait for anyone.
    fn downgraded(&self, to: Mode, place: Place) {
        self.acquired(to, Attempt::Try, self.users(place));
    }

    /// An upgradable hold has become an exclusive one.
    fn upgraded(&self, attempt: Attempt, place: Place) {
        self.meta.released(UPGRADABLE);
        self.acquired(EXCLUSIVE, attempt, place);
    }

    fn upgraded_if<G, E>(&self, result: Result<G, E>, attempt: Attempt, place: Place) -> Result<G, E> {
        if result.is_ok() {
            self.upgraded(attempt, self.users(place));
        }
        result
    }

    /// Waits for the readers to leave.
    ///
    /// # Safety
    ///
    /// As for the original.
    #[cold]
    unsafe fn upgrade_contended(&self, guard: Token<RECURSIVE>, place: Place) -> Token<RECURSIVE> {
        /// The guard is gone when this is called, so no one else would release the lock after a panic.
        struct Unlock<'a, const RECURSIVE: bool>(&'a RawRwLock<RECURSIVE>);
        impl<const RECURSIVE: bool> Drop for Unlock<'_, RECURSIVE> {
            fn drop(&mut self) {
                self.0.meta.released(UPGRADABLE);
                // SAFETY: the lock is held upgradably, and the guard of that is lost in the panic.
                unsafe { self.0.inner.unlock_upgradable(Token::<RECURSIVE>::default()) };
            }
        }
        let unlock = Unlock(self);
        let waiting = locks::request(&self.meta.lock, EXCLUSIVE, true, place);
        std::mem::forget(unlock);
        // SAFETY: by the caller's promise.
        let guard = unsafe { self.inner.upgrade(guard) };
        drop(waiting);
        guard
    }
}

// SAFETY: locking and unlocking is the inner lock's.
unsafe impl<const RECURSIVE: bool> lock_api::RawRwLock for RawRwLock<RECURSIVE> {
    const INIT: Self = Self::new(Location::caller());

    type SharedGuard = Token<RECURSIVE>;
    type ExclusiveGuard = Token<RECURSIVE>;

    #[inline]
    #[track_caller]
    fn lock_shared(&self) -> Token<RECURSIVE> {
        let (attempt, lock) = (|| self.inner.try_lock_shared(), || self.inner.lock_shared());
        self.lock(Self::READ, Location::caller(), attempt, lock)
    }

    #[inline]
    #[track_caller]
    fn try_lock_shared(&self) -> Option<Token<RECURSIVE>> {
        self.acquired_if(self.inner.try_lock_shared(), Self::READ, Attempt::Try, Location::caller())
    }

    #[inline]
    #[track_caller]
    unsafe fn unlock_shared(&self, guard: Token<RECURSIVE>) {
        self.released(Self::READ, Location::caller());
        // SAFETY: by the caller's promise.
        unsafe { self.inner.unlock_shared(guard) };
    }

    #[inline]
    #[track_caller]
    fn lock_exclusive(&self) -> Token<RECURSIVE> {
        let (attempt, lock) = (|| self.inner.try_lock_exclusive(), || self.inner.lock_exclusive());
        self.lock(EXCLUSIVE, Location::caller(), attempt, lock)
    }

    #[inline]
    #[track_caller]
    fn try_lock_exclusive(&self) -> Option<Token<RECURSIVE>> {
        self.acquired_if(self.inner.try_lock_exclusive(), EXCLUSIVE, Attempt::Try, Location::caller())
    }

    #[inline]
    #[track_caller]
    unsafe fn unlock_exclusive(&self, guard: Token<RECURSIVE>) {
        self.released(EXCLUSIVE, Location::caller());
        // SAFETY: by the caller's promise.
        unsafe { self.inner.unlock_exclusive(guard) };
    }

    #[inline]
    fn is_locked(&self) -> bool {
        let locked = self.inner.is_locked();
        if locked {
            // As good as an attempt. Where it is asked from, lock_api does not pass on.
            locks::missed(&self.meta.lock, Mode::Exclusive, self.meta.lock.created());
        }
        locked
    }

    #[inline]
    fn is_locked_exclusive(&self) -> bool {
        let locked = self.inner.is_locked_exclusive();
        if locked {
            locks::missed(&self.meta.lock, Mode::Shared, self.meta.lock.created());
        }
        locked
    }
}

// SAFETY: as for `RawRwLock`.
unsafe impl<const RECURSIVE: bool> lock_api::RawRwLockFair for RawRwLock<RECURSIVE> {
    #[inline]
    #[track_caller]
    unsafe fn unlock_shared_fair(&self, guard: Token<RECURSIVE>) {
        self.released(Self::READ, Location::caller());
        // SAFETY: by the caller's promise.
        unsafe { self.inner.unlock_shared_fair(guard) };
    }

    #[inline]
    #[track_caller]
    unsafe fn unlock_exclusive_fair(&self, guard: Token<RECURSIVE>) {
        self.released(EXCLUSIVE, Location::caller());
        // SAFETY: by the caller's promise.
        unsafe { self.inner.unlock_exclusive_fair(guard) };
    }

    #[track_caller]
    unsafe fn bump_shared(&self, guard: &mut Token<RECURSIVE>) {
        // SAFETY: by the caller's promise.
        self.bump(Self::READ, Location::caller(), || unsafe { self.inner.bump_shared(guard) });
    }

    #[track_caller]
    unsafe fn bump_exclusive(&self, guard: &mut Token<RECURSIVE>) {
        // SAFETY: by the caller's promise.
        self.bump(EXCLUSIVE, Location::caller(), || unsafe { self.inner.bump_exclusive(guard) });
    }
}

// SAFETY: as for `RawRwLock`.
unsafe impl<const RECURSIVE: bool> lock_api::RawRwLockDowngrade for RawRwLock<RECURSIVE> {
    #[track_caller]
    unsafe fn downgrade(&self, guard: Token<RECURSIVE>) -> Token<RECURSIVE> {
        self.meta.released(EXCLUSIVE);
        // SAFETY: by the caller's promise.
        let guard = unsafe { self.inner.downgrade(guard) };
        self.downgraded(Self::READ, Location::caller());
        guard
    }
}

// SAFETY: as for `RawRwLock`.
unsafe impl<const RECURSIVE: bool> lock_api::RawRwLockTimed for RawRwLock<RECURSIVE> {
    type Duration = Duration;
    type Instant = Instant;

    #[track_caller]
    fn try_lock_shared_for(&self, timeout: Duration) -> Option<Token<RECURSIVE>> {
        self.acquired_if(self.inner.try_lock_shared_for(timeout), Self::READ, Attempt::Timed, Location::caller())
    }

    #[track_caller]
    fn try_lock_shared_until(&self, timeout: Instant) -> Option<Token<RECURSIVE>> {
        self.acquired_if(self.inner.try_lock_shared_until(timeout), Self::READ, Attempt::Timed, Location::caller())
    }

    #[track_caller]
    fn try_lock_exclusive_for(&self, timeout: Duration) -> Option<Token<RECURSIVE>> {
        self.acquired_if(self.inner.try_lock_exclusive_for(timeout), EXCLUSIVE, Attempt::Timed, Location::caller())
    }

    #[track_caller]
    fn try_lock_exclusive_until(&self, timeout: Instant) -> Option<Token<RECURSIVE>> {
        self.acquired_if(self.inner.try_lock_exclusive_until(timeout), EXCLUSIVE, Attempt::Timed, Location::caller())
    }
}

// SAFETY: as for `RawRwLock`.
unsafe impl<const RECURSIVE: bool> lock_api::RawRwLockUpgrade for RawRwLock<RECURSIVE> {
    type UpgradableGuard = Token<RECURSIVE>;

    #[inline]
    #[track_caller]
    fn lock_upgradable(&self) -> Token<RECURSIVE> {
        let (attempt, lock) = (|| self.inner.try_lock_upgradable(), || self.inner.lock_upgradable());
        self.lock(UPGRADABLE, Location::caller(), attempt, lock)
    }

    #[inline]
    #[track_caller]
    fn try_lock_upgradable(&self) -> Option<Token<RECURSIVE>> {
        self.acquired_if(self.inner.try_lock_upgradable(), UPGRADABLE, Attempt::Try, Location::caller())
    }

    #[inline]
    #[track_caller]
    unsafe fn unlock_upgradable(&self, guard: Token<RECURSIVE>) {
        self.released(UPGRADABLE, Location::caller());
        // SAFETY: by the caller's promise.
        unsafe { self.inner.unlock_upgradable(guard) };
    }

    #[track_caller]
    unsafe fn upgrade(&self, guard: Token<RECURSIVE>) -> Token<RECURSIVE> {
        let place = self.users(Location::caller());
        // SAFETY: by the caller's promise, for both.
        let guard =
            unsafe { self.inner.try_upgrade(guard).unwrap_or_else(|guard| self.upgrade_contended(guard, place)) };
        self.upgraded(Attempt::Blocking, place);
        guard
    }

    #[track_caller]
    unsafe fn try_upgrade(&self, guard: Token<RECURSIVE>) -> Result<Token<RECURSIVE>, Token<RECURSIVE>> {
        // SAFETY: by the caller's promise.
        let result = unsafe { self.inner.try_upgrade(guard) };
        self.upgraded_if(result, Attempt::Try, Location::caller())
    }
}

// SAFETY: as for `RawRwLock`.
unsafe impl<const RECURSIVE: bool> lock_api::RawRwLockUpgradeFair for RawRwLock<RECURSIVE> {
    #[inline]
    #[track_caller]
    unsafe fn unlock_upgradable_fair(&self, guard: Token<RECURSIVE>) {
        self.released(UPGRADABLE, Location::caller());
        // SAFETY: by the caller's promise.
        unsafe { self.inner.unlock_upgradable_fair(guard) };
    }

    #[track_caller]
    unsafe fn bump_upgradable(&self, guard: &mut Token<RECURSIVE>) {
        // SAFETY: by the caller's promise.
        self.bump(UPGRADABLE, Location::caller(), || unsafe { self.inner.bump_upgradable(guard) });
    }
}

// SAFETY: as for `RawRwLock`.
unsafe impl<const RECURSIVE: bool> lock_api::RawRwLockUpgradeDowngrade for RawRwLock<RECURSIVE> {
    #[track_caller]
    unsafe fn downgrade_upgradable(&self, guard: Token<RECURSIVE>) -> Token<RECURSIVE> {
        self.meta.released(UPGRADABLE);
        // SAFETY: by the caller's promise.
        let guard = unsafe { self.inner.downgrade_upgradable(guard) };
        self.downgraded(Self::READ, Location::caller());
        guard
    }

    #[track_caller]
    unsafe fn downgrade_to_upgradable(&self, guard: Token<RECURSIVE>) -> Token<RECURSIVE> {
        self.meta.released(EXCLUSIVE);
        // SAFETY: by the caller's promise.
        let guard = unsafe { self.inner.downgrade_to_upgradable(guard) };
        self.downgraded(UPGRADABLE, Location::caller());
        guard
    }
}

// SAFETY: as for `RawRwLock`.
unsafe impl<const RECURSIVE: bool> lock_api::RawRwLockUpgradeTimed for RawRwLock<RECURSIVE> {
    #[track_caller]
    fn try_lock_upgradable_for(&self, timeout: Duration) -> Option<Token<RECURSIVE>> {
        self.acquired_if(self.inner.try_lock_upgradable_for(timeout), UPGRADABLE, Attempt::Timed, Location::caller())
    }

    #[track_caller]
    fn try_lock_upgradable_until(&self, timeout: Instant) -> Option<Token<RECURSIVE>> {
        let guard = self.inner.try_lock_upgradable_until(timeout);
        self.acquired_if(guard, UPGRADABLE, Attempt::Timed, Location::caller())
    }

    #[track_caller]
    unsafe fn try_upgrade_for(
        &self,
        guard: Token<RECURSIVE>,
        timeout: Duration,
    ) -> Result<Token<RECURSIVE>, Token<RECURSIVE>> {
        // SAFETY: by the caller's promise.
        let result = unsafe { self.inner.try_upgrade_for(guard, timeout) };
        self.upgraded_if(result, Attempt::Timed, Location::caller())
    }

    #[track_caller]
    unsafe fn try_upgrade_until(
        &self,
        guard: Token<RECURSIVE>,
        timeout: Instant,
    ) -> Result<Token<RECURSIVE>, Token<RECURSIVE>> {
        // SAFETY: by the caller's promise.
        let result = unsafe { self.inner.try_upgrade_until(guard, timeout) };
        self.upgraded_if(result, Attempt::Timed, Location::caller())
    }
}
