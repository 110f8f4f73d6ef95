//! [`parking_lot::RwLock`] and [`parking_lot::RecursiveRwLock`],
//! watched.

use std::fmt;
#[cfg(not(no_arc_lock))]
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
#[cfg(not(no_arc_lock))]
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::parking_lot::lock_api;
#[cfg(not(no_arc_lock))]
use lock_api::{ArcRwLockReadGuard, ArcRwLockUpgradableReadGuard, ArcRwLockWriteGuard};

use super::raw_rwlock::{RawRwLock, RawRwLockRecursive};
use crate::name::Named;

/// [`parking_lot::RwLock`], watched. A reader queues behind a writer that waits, so reading twice is
/// a hazard.
pub type RwLock<T> = WatchedRwLock<T, false>;

/// The guard of a reader of a [`RwLock`].
pub type RwLockReadGuard<'a, T> = lock_api::RwLockReadGuard<'a, RawRwLock, T>;

/// The guard of the writer of a [`RwLock`].
pub type RwLockWriteGuard<'a, T> = lock_api::RwLockWriteGuard<'a, RawRwLock, T>;

/// The guard of the upgradable reader of a [`RwLock`].
pub type RwLockUpgradableReadGuard<'a, T> = lock_api::RwLockUpgradableReadGuard<'a, RawRwLock, T>;

/// The guard of a part of what a reader of a [`RwLock`] reads.
pub type MappedRwLockReadGuard<'a, T> = lock_api::MappedRwLockReadGuard<'a, RawRwLock, T>;

/// The guard of a part of what the writer of a [`RwLock`] writes.
pub type MappedRwLockWriteGuard<'a, T> = lock_api::MappedRwLockWriteGuard<'a, RawRwLock, T>;

/// [`parking_lot::RecursiveRwLock`], watched. A reader never waits for a writer that waits
/// itself, so reading twice is no hazard.
pub type RecursiveRwLock<T> = WatchedRwLock<T, true>;

/// The guard of a reader of a [`RecursiveRwLock`].
pub type RecursiveRwLockReadGuard<'a, T> = lock_api::RwLockReadGuard<'a, RawRwLockRecursive, T>;

/// The guard of the writer of a [`RecursiveRwLock`].
pub type RecursiveRwLockWriteGuard<'a, T> = lock_api::RwLockWriteGuard<'a, RawRwLockRecursive, T>;

/// The guard of the upgradable reader of a [`RecursiveRwLock`].
pub type RecursiveRwLockUpgradableReadGuard<'a, T> = lock_api::RwLockUpgradableReadGuard<'a, RawRwLockRecursive, T>;

/// The guard of a part of what a reader of a [`RecursiveRwLock`] reads.
pub type MappedRecursiveRwLockReadGuard<'a, T> = lock_api::MappedRwLockReadGuard<'a, RawRwLockRecursive, T>;

/// The guard of a part of what the writer of a [`RecursiveRwLock`] writes.
pub type MappedRecursiveRwLockWriteGuard<'a, T> = lock_api::MappedRwLockWriteGuard<'a, RawRwLockRecursive, T>;

type Inner<T, const RECURSIVE: bool> = lock_api::RwLock<RawRwLock<RECURSIVE>, T>;

/// A [`lock_api::RwLock`] that knows where it was made.
#[repr(transparent)]
pub struct WatchedRwLock<T: ?Sized, const RECURSIVE: bool>(Inner<T, RECURSIVE>);

impl<T, const RECURSIVE: bool> WatchedRwLock<T, RECURSIVE> {
    /// See [`lock_api::RwLock::new`]. The place of the call is the lock's class.
    #[inline]
    #[track_caller]
    pub const fn new(value: T) -> Self {
        Self(Inner::from_raw(RawRwLock::new(Location::caller()), value))
    }

    /// See [`lock_api::RwLock::from_raw`].
    #[inline]
    pub const fn from_raw(raw_rwlock: RawRwLock<RECURSIVE>, value: T) -> Self {
        Self(Inner::from_raw(raw_rwlock, value))
    }

    /// See [`lock_api::RwLock::into_inner`].
    #[inline]
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }

    /// See [`lock_api::RwLock::into_inner_with_raw`].
    #[inline]
    #[cfg(not(lock_api_0_4))]
    pub fn into_inner_with_raw(self) -> (RawRwLock<RECURSIVE>, T) {
        self.0.into_inner_with_raw()
    }
}

impl<T: ?Sized, const RECURSIVE: bool> WatchedRwLock<T, RECURSIVE> {
    /// See [`lock_api::RwLock::read`].
    #[inline]
    #[track_caller]
    pub fn read(&self) -> lock_api::RwLockReadGuard<'_, RawRwLock<RECURSIVE>, T> {
        self.0.read()
    }

    /// See [`lock_api::RwLock::try_read`].
    #[inline]
    #[track_caller]
    pub fn try_read(&self) -> Option<lock_api::RwLockReadGuard<'_, RawRwLock<RECURSIVE>, T>> {
        self.0.try_read()
    }

    /// See [`lock_api::RwLock::try_read_for`].
    #[track_caller]
    pub fn try_read_for(&self, timeout: Duration) -> Option<lock_api::RwLockReadGuard<'_, RawRwLock<RECURSIVE>, T>> {
        self.0.try_read_for(timeout)
    }

    /// See [`lock_api::RwLock::try_read_until`].
    #[track_caller]
    pub fn try_read_until(&self, timeout: Instant) -> Option<lock_api::RwLockReadGuard<'_, RawRwLock<RECURSIVE>, T>> {
        self.0.try_read_until(timeout)
    }

    /// See [`lock_api::RwLock::write`].
    #[inline]
    #[track_caller]
    pub fn write(&self) -> lock_api::RwLockWriteGuard<'_, RawRwLock<RECURSIVE>, T> {
        self.0.write()
    }

    /// See [`lock_api::RwLock::try_write`].
    #[inline]
    #[track_caller]
    pub fn try_write(&self) -> Option<lock_api::RwLockWriteGuard<'_, RawRwLock<RECURSIVE>, T>> {
        self.0.try_write()
    }

    /// See [`lock_api::RwLock::try_write_for`].
    #[track_caller]
    pub fn try_write_for(&self, timeout: Duration) -> Option<lock_api::RwLockWriteGuard<'_, RawRwLock<RECURSIVE>, T>> {
        self.0.try_write_for(timeout)
    }

    /// See [`lock_api::RwLock::try_write_until`].
    #[track_caller]
    pub fn try_write_until(&self, timeout: Instant) -> Option<lock_api::RwLockWriteGuard<'_, RawRwLock<RECURSIVE>, T>> {
        self.0.try_write_until(timeout)
    }

    /// See [`lock_api::RwLock::upgradable_read`].
    #[inline]
    #[track_caller]
    pub fn upgradable_read(&self) -> lock_api::RwLockUpgradableReadGuard<'_, RawRwLock<RECURSIVE>, T> {
        self.0.upgradable_read()
    }

    /// See [`lock_api::RwLock::try_upgradable_read`].
    #[inline]
    #[track_caller]
    pub fn try_upgradable_read(&self) -> Option<lock_api::RwLockUpgradableReadGuard<'_, RawRwLock<RECURSIVE>, T>> {
        self.0.try_upgradable_read()
    }

    /// See [`lock_api::RwLock::try_upgradable_read_for`].
    #[track_caller]
    pub fn try_upgradable_read_for(
        &self,
        timeout: Duration,
    ) -> Option<lock_api::RwLockUpgradableReadGuard<'_, RawRwLock<RECURSIVE>, T>> {
        self.0.try_upgradable_read_for(timeout)
    }

    /// See [`lock_api::RwLock::try_upgradable_read_until`].
    #[track_caller]
    pub fn try_upgradable_read_until(
        &self,
        timeout: Instant,
    ) -> Option<lock_api::RwLockUpgradableReadGuard<'_, RawRwLock<RECURSIVE>, T>> {
        self.0.try_upgradable_read_until(timeout)
    }

    /// See [`lock_api::RwLock::get_mut`].
    #[inline]
    #[cfg(not(lock_api_0_4))]
    pub const fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }

    /// See [`lock_api::RwLock::is_locked`].
    #[inline]
    pub fn is_locked(&self) -> bool {
        self.0.is_locked()
    }

    /// See [`lock_api::RwLock::is_locked_exclusive`].
    #[inline]
    pub fn is_locked_exclusive(&self) -> bool {
        self.0.is_locked_exclusive()
    }

    /// See [`lock_api::RwLock::data_ptr`].
    #[inline]
    #[cfg(not(lock_api_0_4))]
    pub const fn data_ptr(&self) -> *mut T {
        self.0.data_ptr()
    }
}

/// Guards that keep the `Arc`.
impl<T: ?Sized, const RECURSIVE: bool> WatchedRwLock<T, RECURSIVE> {
    /// The lock as lock_api's, for a guard that keeps the `Arc`. Not to be dropped: the count is the lender's.
    #[cfg(not(no_arc_lock))]
    fn lent(self: &Arc<Self>) -> ManuallyDrop<Arc<Inner<T, RECURSIVE>>> {
        // SAFETY: the layouts are the same, as are the destructors; the count that goes with the pointer is never given up.
        ManuallyDrop::new(unsafe { Arc::from_raw(Arc::as_ptr(self) as *const Inner<T, RECURSIVE>) })
    }

    /// See [`lock_api::RwLock::read_arc`].
    #[track_caller]
    #[cfg(not(no_arc_lock))]
    pub fn read_arc(self: &Arc<Self>) -> ArcRwLockReadGuard<RawRwLock<RECURSIVE>, T> {
        self.lent().read_arc()
    }

    /// See [`lock_api::RwLock::try_read_arc`].
    #[track_caller]
    #[cfg(not(no_arc_lock))]
    pub fn try_read_arc(self: &Arc<Self>) -> Option<ArcRwLockReadGuard<RawRwLock<RECURSIVE>, T>> {
        self.lent().try_read_arc()
    }

    /// See [`lock_api::RwLock::try_read_arc_for`].
    #[track_caller]
    #[cfg(not(no_arc_lock))]
    pub fn try_read_arc_for(
        self: &Arc<Self>,
        timeout: Duration,
    ) -> Option<ArcRwLockReadGuard<RawRwLock<RECURSIVE>, T>> {
        self.lent().try_read_arc_for(timeout)
    }

    /// See [`lock_api::RwLock::try_read_arc_until`].
    #[track_caller]
    #[cfg(not(no_arc_lock))]
    pub fn try_read_arc_until(
        self: &Arc<Self>,
        timeout: Instant,
    ) -> Option<ArcRwLockReadGuard<RawRwLock<RECURSIVE>, T>> {
        self.lent().try_read_arc_until(timeout)
    }

    /// See [`lock_api::RwLock::write_arc`].
    #[track_caller]
    #[cfg(not(no_arc_lock))]
    pub fn write_arc(self: &Arc<Self>) -> ArcRwLockWriteGuard<RawRwLock<RECURSIVE>, T> {
        self.lent().write_arc()
    }

    /// See [`lock_api::RwLock::try_write_arc`].
    #[track_caller]
    #[cfg(not(no_arc_lock))]
    pub fn try_write_arc(self: &Arc<Self>) -> Option<ArcRwLockWriteGuard<RawRwLock<RECURSIVE>, T>> {
        self.lent().try_write_arc()
    }

    /// See [`lock_api::RwLock::try_write_arc_for`].
    #[track_caller]
    #[cfg(not(no_arc_lock))]
    pub fn try_write_arc_for(
        self: &Arc<Self>,
        timeout: Duration,
    ) -> Option<ArcRwLockWriteGuard<RawRwLock<RECURSIVE>, T>> {
        self.lent().try_write_arc_for(timeout)
    }

    /// See [`lock_api::RwLock::try_write_arc_until`].
    #[track_caller]
    #[cfg(not(no_arc_lock))]
    pub fn try_write_arc_until(
        self: &Arc<Self>,
        timeout: Instant,
    ) -> Option<ArcRwLockWriteGuard<RawRwLock<RECURSIVE>, T>> {
        self.lent().try_write_arc_until(timeout)
    }

    /// See [`lock_api::RwLock::upgradable_read_arc`].
    #[track_caller]
    #[cfg(not(no_arc_lock))]
    pub fn upgradable_read_arc(self: &Arc<Self>) -> ArcRwLockUpgradableReadGuard<RawRwLock<RECURSIVE>, T> {
        self.lent().upgradable_read_arc()
    }

    /// See [`lock_api::RwLock::try_upgradable_read_arc`].
    #[track_caller]
    #[cfg(not(no_arc_lock))]
    pub fn try_upgradable_read_arc(self: &Arc<Self>) -> Option<ArcRwLockUpgradableReadGuard<RawRwLock<RECURSIVE>, T>> {
        self.lent().try_upgradable_read_arc()
    }

    /// See [`lock_api::RwLock::try_upgradable_read_arc_for`].
    #[track_caller]
    #[cfg(not(no_arc_lock))]
    pub fn try_upgradable_read_arc_for(
        self: &Arc<Self>,
        timeout: Duration,
    ) -> Option<ArcRwLockUpgradableReadGuard<RawRwLock<RECURSIVE>, T>> {
        self.lent().try_upgradable_read_arc_for(timeout)
    }

    /// See [`lock_api::RwLock::try_upgradable_read_arc_until`].
    #[track_caller]
    #[cfg(not(no_arc_lock))]
    pub fn try_upgradable_read_arc_until(
        self: &Arc<Self>,
        timeout: Instant,
    ) -> Option<ArcRwLockUpgradableReadGuard<RawRwLock<RECURSIVE>, T>> {
        self.lent().try_upgradable_read_arc_until(timeout)
    }
}

impl<T: ?Sized, const RECURSIVE: bool> Deref for WatchedRwLock<T, RECURSIVE> {
    type Target = Inner<T, RECURSIVE>;

    #[inline]
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<T: ?Sized, const RECURSIVE: bool> DerefMut for WatchedRwLock<T, RECURSIVE> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl<T: ?Sized, const RECURSIVE: bool> Named for WatchedRwLock<T, RECURSIVE> {
    fn set_name(&self, name: &str) {
        // SAFETY: the raw lock is not unlocked.
        unsafe { self.0.raw() }.set_name(name);
    }
}

impl<T: Default, const RECURSIVE: bool> Default for WatchedRwLock<T, RECURSIVE> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T, const RECURSIVE: bool> From<T> for WatchedRwLock<T, RECURSIVE> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug, const RECURSIVE: bool> fmt::Debug for WatchedRwLock<T, RECURSIVE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
