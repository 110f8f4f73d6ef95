//! [`parking_lot::Mutex`] and [`parking_lot::FairMutex`], watched.

use std::fmt;
#[cfg(not(no_arc_lock))]
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
#[cfg(not(no_arc_lock))]
use std::sync::Arc;

use ::parking_lot::lock_api;
#[cfg(not(no_arc_lock))]
use lock_api::ArcMutexGuard;
use lock_api::RawMutexTimed;

use super::raw_mutex::{RawFairMutex, RawMutex, WatchedRaw};
use crate::event::ObjectKind;
use crate::name::Named;

/// [`parking_lot::Mutex`], watched.
pub type Mutex<T> = WatchedMutex<::parking_lot::RawMutex, T>;

/// The guard of a [`Mutex`].
pub type MutexGuard<'a, T> = lock_api::MutexGuard<'a, RawMutex, T>;

/// The guard of a part of what a [`Mutex`] guards.
pub type MappedMutexGuard<'a, T> = lock_api::MappedMutexGuard<'a, RawMutex, T>;

/// [`parking_lot::FairMutex`], watched.
pub type FairMutex<T> = WatchedMutex<::parking_lot::RawFairMutex, T>;

/// The guard of a [`FairMutex`].
pub type FairMutexGuard<'a, T> = lock_api::MutexGuard<'a, RawFairMutex, T>;

/// The guard of a part of what a [`FairMutex`] guards.
pub type MappedFairMutexGuard<'a, T> = lock_api::MappedMutexGuard<'a, RawFairMutex, T>;

/// A [`lock_api::Mutex`] that knows where it was made.
#[repr(transparent)]
pub struct WatchedMutex<R, T: ?Sized>(lock_api::Mutex<WatchedRaw<R>, T>);

impl<R: lock_api::RawMutex, T> WatchedMutex<R, T> {
    /// See [`lock_api::Mutex::new`]. The place of the call is the lock's class.
    #[inline]
    #[track_caller]
    pub const fn new(value: T) -> Self {
        Self(lock_api::Mutex::from_raw(WatchedRaw::new(ObjectKind::Mutex, Location::caller()), value))
    }

    /// See [`lock_api::Mutex::from_raw`].
    #[inline]
    pub const fn from_raw(raw_mutex: WatchedRaw<R>, value: T) -> Self {
        Self(lock_api::Mutex::from_raw(raw_mutex, value))
    }

    /// See [`lock_api::Mutex::into_inner`].
    #[inline]
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }

    /// See [`lock_api::Mutex::into_inner_with_raw`].
    #[inline]
    #[cfg(not(lock_api_0_4))]
    pub fn into_inner_with_raw(self) -> (WatchedRaw<R>, T) {
        self.0.into_inner_with_raw()
    }
}

impl<R: lock_api::RawMutex, T: ?Sized> WatchedMutex<R, T> {
    /// See [`lock_api::Mutex::lock`].
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> lock_api::MutexGuard<'_, WatchedRaw<R>, T> {
        self.0.lock()
    }

    /// See [`lock_api::Mutex::try_lock`].
    #[inline]
    #[track_caller]
    pub fn try_lock(&self) -> Option<lock_api::MutexGuard<'_, WatchedRaw<R>, T>> {
        self.0.try_lock()
    }

    /// See [`lock_api::Mutex::get_mut`].
    #[inline]
    #[cfg(not(lock_api_0_4))]
    pub const fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }

    /// See [`lock_api::Mutex::is_locked`].
    #[inline]
    pub fn is_locked(&self) -> bool {
        self.0.is_locked()
    }

    /// See [`lock_api::Mutex::data_ptr`].
    #[inline]
    #[cfg(not(lock_api_0_4))]
    pub const fn data_ptr(&self) -> *mut T {
        self.0.data_ptr()
    }

    /// The mutex as lock_api's, for a guard that keeps the `Arc`. Not to be dropped: the count is the lender's.
    #[inline]
    #[cfg(not(no_arc_lock))]
    fn lent(self: &Arc<Self>) -> ManuallyDrop<Arc<lock_api::Mutex<WatchedRaw<R>, T>>> {
        // SAFETY: the layouts are the same, as are the destructors; the count that goes with the pointer is never given up.
        ManuallyDrop::new(unsafe { Arc::from_raw(Arc::as_ptr(self) as *const lock_api::Mutex<WatchedRaw<R>, T>) })
    }

    /// See [`lock_api::Mutex::lock_arc`].
    #[track_caller]
    #[cfg(not(no_arc_lock))]
    pub fn lock_arc(self: &Arc<Self>) -> ArcMutexGuard<WatchedRaw<R>, T> {
        self.lent().lock_arc()
    }

    /// See [`lock_api::Mutex::try_lock_arc`].
    #[track_caller]
    #[cfg(not(no_arc_lock))]
    pub fn try_lock_arc(self: &Arc<Self>) -> Option<ArcMutexGuard<WatchedRaw<R>, T>> {
        self.lent().try_lock_arc()
    }
}

impl<R: RawMutexTimed, T: ?Sized> WatchedMutex<R, T> {
    /// See [`lock_api::Mutex::try_lock_for`].
    #[track_caller]
    pub fn try_lock_for(&self, timeout: R::Duration) -> Option<lock_api::MutexGuard<'_, WatchedRaw<R>, T>> {
        self.0.try_lock_for(timeout)
    }

    /// See [`lock_api::Mutex::try_lock_until`].
    #[track_caller]
    pub fn try_lock_until(&self, timeout: R::Instant) -> Option<lock_api::MutexGuard<'_, WatchedRaw<R>, T>> {
        self.0.try_lock_until(timeout)
    }

    /// See [`lock_api::Mutex::try_lock_arc_for`].
    #[track_caller]
    #[cfg(not(no_arc_lock))]
    pub fn try_lock_arc_for(self: &Arc<Self>, timeout: R::Duration) -> Option<ArcMutexGuard<WatchedRaw<R>, T>> {
        self.lent().try_lock_arc_for(timeout)
    }

    /// See [`lock_api::Mutex::try_lock_arc_until`].
    #[track_caller]
    #[cfg(not(no_arc_lock))]
    pub fn try_lock_arc_until(self: &Arc<Self>, timeout: R::Instant) -> Option<ArcMutexGuard<WatchedRaw<R>, T>> {
        self.lent().try_lock_arc_until(timeout)
    }
}

impl<R, T: ?Sized> Deref for WatchedMutex<R, T> {
    type Target = lock_api::Mutex<WatchedRaw<R>, T>;

    #[inline]
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<R, T: ?Sized> DerefMut for WatchedMutex<R, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl<R: lock_api::RawMutex, T: ?Sized> Named for WatchedMutex<R, T> {
    fn set_name(&self, name: &str) {
        // SAFETY: the raw lock is not unlocked.
        unsafe { self.0.raw() }.meta().set_name(name);
    }
}

impl<R: lock_api::RawMutex, T: Default> Default for WatchedMutex<R, T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<R: lock_api::RawMutex, T> From<T> for WatchedMutex<R, T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<R: lock_api::RawMutex, T: ?Sized + fmt::Debug> fmt::Debug for WatchedMutex<R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
