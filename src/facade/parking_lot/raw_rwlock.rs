//! The raw reader-writer lock of parking_lot before 0.13, watched: for lock_api 0.4.

use std::cell::RefCell;
use std::panic::Location;
use std::ptr;
use std::time::{Duration, Instant};

use ::parking_lot::lock_api::{self, RawRwLockUpgrade as _};

use super::{SPINS, places};
use crate::event::{Attempt, Mode, ObjectKind};
use crate::record::Place;
use crate::record::locks::RwMeta;

/// `parking_lot::RawRwLock`, watched. The parameter is there for the file that this one shares with later versions.
pub struct RawRwLock<const RECURSIVE: bool = false> {
    inner: ::parking_lot::RawRwLock,
    meta: RwMeta,
}

/// Not in these versions.
pub type RawRwLockRecursive = RawRwLock<true>;

/// The end of the name of the file of lock_api that uses raw reader-writer locks.
const FILE: &str = "rwlock.rs";

const READ: Mode = Mode::Shared;
const RECURSIVE_READ: Mode = Mode::SharedRecursive;
const EXCLUSIVE: Mode = Mode::Exclusive;
const UPGRADABLE: Mode = Mode::Upgradable;

thread_local! {
    /// The locks that this thread reads by way of `read_recursive`: the release of a reader does not tell which kind it was.
    static RECURSIVE_READS: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

impl<const R: bool> RawRwLock<R> {
    pub(super) const fn new(created: Place) -> Self {
        let inner = <::parking_lot::RawRwLock as lock_api::RawRwLock>::INIT;
        Self { inner, meta: RwMeta::opaque(ObjectKind::RwLock, created) }
    }

    pub(super) fn set_name(&self, name: &str) {
        self.meta.set_name(name);
    }

    fn address(&self) -> usize {
        ptr::from_ref(self).addr()
    }

    fn users(&self, place: Place) -> Place {
        places::users(place, FILE, self.address())
    }

    /// An acquisition that waits as long as it takes.
    #[inline]
    fn lock(&self, mode: Mode, place: Place, attempt: impl Fn() -> bool, lock: impl FnOnce()) {
        let place = self.users(place);
        if !attempt() {
            self.contended(mode, place, attempt, lock);
        }
        self.acquired(mode, Attempt::Blocking, place);
    }

    #[cold]
    fn contended(&self, mode: Mode, place: Place, attempt: impl Fn() -> bool, lock: impl FnOnce()) {
        for _ in 0..SPINS {
            if attempt() {
                return;
            }
            std::hint::spin_loop();
        }
        let _waiting = self.meta.request(mode, false, place);
        lock();
    }

    fn acquired(&self, mode: Mode, attempt: Attempt, place: Place) {
        match mode {
            // For `with_upgraded`.
            UPGRADABLE => places::note(self.address(), place),
            RECURSIVE_READ => drop(RECURSIVE_READS.try_with(|reads| reads.borrow_mut().push(self.address()))),
            _ => {}
        }
        self.meta.acquired(mode, attempt, place);
    }

    fn acquired_if(&self, acquired: bool, mode: Mode, attempt: Attempt, place: Place) -> bool {
        if acquired {
            self.acquired(mode, attempt, self.users(place));
        } else {
            locks::missed(&self.meta.lock, mode, self.users(place));
        }
        acquired
    }

    /// How this thread reads the lock, which it is about to cease.
    fn ends_read(&self) -> Mode {
        let recursive = RECURSIVE_READS.try_with(|reads| {
            let mut reads = reads.borrow_mut();
            let place = reads.iter().rposition(|&address| address == self.address());
            place.map(|place| reads.swap_remove(place)).is_some()
        });
        if recursive.unwrap_or(false) { RECURSIVE_READ } else { READ }
    }

    /// Before a release by a call at `place`. If it is one of the user's, it may be an `unlocked`.
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
        let waiting = self.meta.request(mode, false, place);
        bump();
        drop(waiting);
        self.acquired(mode, Attempt::Blocking, place);
    }

    /// The hold has changed its mode, which did not wait for anyone.
    fn downgraded(&self, to: Mode, place: Place) {
        self.acquired(to, Attempt::Try, self.users(place));
    }

    /// An upgradable hold has become an exclusive one, if so.
    fn upgraded_if(&self, upgraded: bool, attempt: Attempt, place: Place) -> bool {
        if upgraded {
            self.meta.released(UPGRADABLE);
            self.acquired(EXCLUSIVE, attempt, self.users(place));
        }
        upgraded
    }
}

// SAFETY: locking and unlocking is the inner lock's.
unsafe impl<const R: bool> lock_api::RawRwLock for RawRwLock<R> {
    const INIT: Self = Self::new(Location::caller());

    type GuardMarker = <::parking_lot::RawRwLock as lock_api::RawRwLock>::GuardMarker;

    #[inline]
    #[track_caller]
    fn lock_shared(&self) {
        let (attempt, lock) = (|| self.inner.try_lock_shared(), || self.inner.lock_shared());
        self.lock(READ, Location::caller(), attempt, lock);
    }

    #[inline]
    #[track_caller]
    fn try_lock_shared(&self) -> bool {
        self.acquired_if(self.inner.try_lock_shared(), READ, Attempt::Try, Location::caller())
    }

    #[inline]
    #[track_caller]
    unsafe fn unlock_shared(&self) {
        self.released(self.ends_read(), Location::caller());
        // SAFETY: by the caller's promise.
        unsafe { self.inner.unlock_shared() };
    }

    #[inline]
    #[track_caller]
    fn lock_exclusive(&self) {
        let (attempt, lock) = (|| self.inner.try_lock_exclusive(), || self.inner.lock_exclusive());
        self.lock(EXCLUSIVE, Location::caller(), attempt, lock);
    }

    #[inline]
    #[track_caller]
    fn try_lock_exclusive(&self) -> bool {
        self.acquired_if(self.inner.try_lock_exclusive(), EXCLUSIVE, Attempt::Try, Location::caller())
    }

    #[inline]
    #[track_caller]
    unsafe fn unlock_exclusive(&self) {
        self.released(EXCLUSIVE, Location::caller());
        // SAFETY: by the caller's promise.
        unsafe { self.inner.unlock_exclusive() };
    }

    #[inline]
    fn is_locked(&self) -> bool {
        self.inner.is_locked()
    }

    #[inline]
    fn is_locked_exclusive(&self) -> bool {
        self.inner.is_locked_exclusive()
    }
}

// SAFETY: as for `RawRwLock`.
unsafe impl<const R: bool> lock_api::RawRwLockFair for RawRwLock<R> {
    #[track_caller]
    unsafe fn unlock_shared_fair(&self) {
        self.released(self.ends_read(), Location::caller());
        // SAFETY: by the caller's promise.
        unsafe { self.inner.unlock_shared_fair() };
    }

    #[track_caller]
    unsafe fn unlock_exclusive_fair(&self) {
        self.released(EXCLUSIVE, Location::caller());
        // SAFETY: by the caller's promise.
        unsafe { self.inner.unlock_exclusive_fair() };
    }

    #[track_caller]
    unsafe fn bump_shared(&self) {
        // SAFETY: by the caller's promise.
        self.bump(self.ends_read(), Location::caller(), || unsafe { self.inner.bump_shared() });
    }

    #[track_caller]
    unsafe fn bump_exclusive(&self) {
        // SAFETY: by the caller's promise.
        self.bump(EXCLUSIVE, Location::caller(), || unsafe { self.inner.bump_exclusive() });
    }
}

// SAFETY: as for `RawRwLock`.
unsafe impl<const R: bool> lock_api::RawRwLockDowngrade for RawRwLock<R> {
    #[track_caller]
    unsafe fn downgrade(&self) {
        self.meta.released(EXCLUSIVE);
        // SAFETY: by the caller's promise.
        unsafe { self.inner.downgrade() };
        self.downgraded(READ, Location::caller());
    }
}

// SAFETY: as for `RawRwLock`.
unsafe impl<const R: bool> lock_api::RawRwLockTimed for RawRwLock<R> {
    type Duration = Duration;
    type Instant = Instant;

    #[track_caller]
    fn try_lock_shared_for(&self, timeout: Duration) -> bool {
        self.acquired_if(self.inner.try_lock_shared_for(timeout), READ, Attempt::Timed, Location::caller())
    }

    #[track_caller]
    fn try_lock_shared_until(&self, timeout: Instant) -> bool {
        self.acquired_if(self.inner.try_lock_shared_until(timeout), READ, Attempt::Timed, Location::caller())
    }

    #[track_caller]
    fn try_lock_exclusive_for(&self, timeout: Duration) -> bool {
        self.acquired_if(self.inner.try_lock_exclusive_for(timeout), EXCLUSIVE, Attempt::Timed, Location::caller())
    }

    #[track_caller]
    fn try_lock_exclusive_until(&self, timeout: Instant) -> bool {
        self.acquired_if(self.inner.try_lock_exclusive_until(timeout), EXCLUSIVE, Attempt::Timed, Location::caller())
    }
}

// SAFETY: as for `RawRwLock`; who reads recursively goes before the writers that wait.
unsafe impl<const R: bool> lock_api::RawRwLockRecursive for RawRwLock<R> {
    #[track_caller]
    fn lock_shared_recursive(&self) {
        let (attempt, lock) = (|| self.inner.try_lock_shared_recursive(), || self.inner.lock_shared_recursive());
        self.lock(RECURSIVE_READ, Location::caller(), attempt, lock);
    }

    #[track_caller]
    fn try_lock_shared_recursive(&self) -> bool {
        let acquired = self.inner.try_lock_shared_recursive();
        self.acquired_if(acquired, RECURSIVE_READ, Attempt::Try, Location::caller())
    }
}

// SAFETY: as for `RawRwLock`.
unsafe impl<const R: bool> lock_api::RawRwLockRecursiveTimed for RawRwLock<R> {
    #[track_caller]
    fn try_lock_shared_recursive_for(&self, timeout: Duration) -> bool {
        let acquired = self.inner.try_lock_shared_recursive_for(timeout);
        self.acquired_if(acquired, RECURSIVE_READ, Attempt::Timed, Location::caller())
    }

    #[track_caller]
    fn try_lock_shared_recursive_until(&self, timeout: Instant) -> bool {
        let acquired = self.inner.try_lock_shared_recursive_until(timeout);
        self.acquired_if(acquired, RECURSIVE_READ, Attempt::Timed, Location::caller())
    }
}

// SAFETY: as for `RawRwLock`.
unsafe impl<const R: bool> lock_api::RawRwLockUpgrade for RawRwLock<R> {
    #[track_caller]
    fn lock_upgradable(&self) {
        let (attempt, lock) = (|| self.inner.try_lock_upgradable(), || self.inner.lock_upgradable());
        self.lock(UPGRADABLE, Location::caller(), attempt, lock);
    }

    #[track_caller]
    fn try_lock_upgradable(&self) -> bool {
        self.acquired_if(self.inner.try_lock_upgradable(), UPGRADABLE, Attempt::Try, Location::caller())
    }

    #[track_caller]
    unsafe fn unlock_upgradable(&self) {
        self.released(UPGRADABLE, Location::caller());
        // SAFETY: by the caller's promise.
        unsafe { self.inner.unlock_upgradable() };
    }

    #[track_caller]
    unsafe fn upgrade(&self) {
        let place = self.users(Location::caller());
        // SAFETY: by the caller's promise, for both.
        unsafe {
            if !self.inner.try_upgrade() {
                let waiting = self.meta.request(EXCLUSIVE, true, place);
                self.inner.upgrade();
                drop(waiting);
            }
        }
        self.upgraded_if(true, Attempt::Blocking, place);
    }

    #[track_caller]
    unsafe fn try_upgrade(&self) -> bool {
        // SAFETY: by the caller's promise.
        let upgraded = unsafe { self.inner.try_upgrade() };
        self.upgraded_if(upgraded, Attempt::Try, Location::caller())
    }
}

// SAFETY: as for `RawRwLock`.
unsafe impl<const R: bool> lock_api::RawRwLockUpgradeFair for RawRwLock<R> {
    #[track_caller]
    unsafe fn unlock_upgradable_fair(&self) {
        self.released(UPGRADABLE, Location::caller());
        // SAFETY: by the caller's promise.
        unsafe { self.inner.unlock_upgradable_fair() };
    }

    #[track_caller]
    unsafe fn bump_upgradable(&self) {
        // SAFETY: by the caller's promise.
        self.bump(UPGRADABLE, Location::caller(), || unsafe { self.inner.bump_upgradable() });
    }
}

// SAFETY: as for `RawRwLock`.
unsafe impl<const R: bool> lock_api::RawRwLockUpgradeDowngrade for RawRwLock<R> {
    #[track_caller]
    unsafe fn downgrade_upgradable(&self) {
        self.meta.released(UPGRADABLE);
        // SAFETY: by the caller's promise.
        unsafe { self.inner.downgrade_upgradable() };
        self.downgraded(READ, Location::caller());
    }

    #[track_caller]
    unsafe fn downgrade_to_upgradable(&self) {
        self.meta.released(EXCLUSIVE);
        // SAFETY: by the caller's promise.
        unsafe { self.inner.downgrade_to_upgradable() };
        self.downgraded(UPGRADABLE, Location::caller());
    }
}

// SAFETY: as for `RawRwLock`.
unsafe impl<const R: bool> lock_api::RawRwLockUpgradeTimed for RawRwLock<R> {
    #[track_caller]
    fn try_lock_upgradable_for(&self, timeout: Duration) -> bool {
        self.acquired_if(self.inner.try_lock_upgradable_for(timeout), UPGRADABLE, Attempt::Timed, Location::caller())
    }

    #[track_caller]
    fn try_lock_upgradable_until(&self, timeout: Instant) -> bool {
        let acquired = self.inner.try_lock_upgradable_until(timeout);
        self.acquired_if(acquired, UPGRADABLE, Attempt::Timed, Location::caller())
    }

    #[track_caller]
    unsafe fn try_upgrade_for(&self, timeout: Duration) -> bool {
        // SAFETY: by the caller's promise.
        let upgraded = unsafe { self.inner.try_upgrade_for(timeout) };
        self.upgraded_if(upgraded, Attempt::Timed, Location::caller())
    }

    #[track_caller]
    unsafe fn try_upgrade_until(&self, timeout: Instant) -> bool {
        // SAFETY: by the caller's promise.
        let upgraded = unsafe { self.inner.try_upgrade_until(timeout) };
        self.upgraded_if(upgraded, Attempt::Timed, Location::caller())
    }
}
