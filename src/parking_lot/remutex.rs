//! [`parking_lot::ReentrantMutex`], watched.
//!
//! lock_api's reentrant mutex uses its raw mutex for the outermost acquisition and release of an owner only, and so that is
//! all that the recorder sees.

use std::fmt;
#[cfg(not(no_arc_lock))]
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
#[cfg(not(no_arc_lock))]
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::parking_lot::{RawThreadId, lock_api};
#[cfg(not(no_arc_lock))]
use lock_api::ArcReentrantMutexGuard;
use lock_api::GetThreadId;

use super::places;
use super::raw_mutex::RawMutex;
use crate::event::ObjectKind;
use crate::name::Named;

type Inner<T> = lock_api::ReentrantMutex<RawMutex, RawThreadId, T>;

/// The guard of a [`ReentrantMutex`].
pub type ReentrantMutexGuard<'a, T> = lock_api::ReentrantMutexGuard<'a, RawMutex, RawThreadId, T>;

/// The guard of a part of what a [`ReentrantMutex`] guards.
pub type MappedReentrantMutexGuard<'a, T> = lock_api::MappedReentrantMutexGuard<'a, RawMutex, RawThreadId, T>;

/// [`parking_lot::ReentrantMutex`], watched.
#[repr(transparent)]
pub struct ReentrantMutex<T: ?Sized>(Inner<T>);

impl<T> ReentrantMutex<T> {
    /// See [`lock_api::ReentrantMutex::new`]. The place of the call is the lock's class.
    #[inline]
    #[track_caller]
    pub const fn new(value: T) -> Self {
        let raw = RawMutex::new(ObjectKind::ReentrantMutex, Location::caller());
        Self(Inner::from_raw(raw, RawThreadId::INIT, value))
    }

    /// See [`lock_api::ReentrantMutex::from_raw`].
    #[inline]
    pub const fn from_raw(raw_mutex: RawMutex, get_thread_id: RawThreadId, value: T) -> Self {
        Self(Inner::from_raw(raw_mutex, get_thread_id, value))
    }

    /// See [`lock_api::ReentrantMutex::into_inner`].
    #[inline]
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }

    /// See [`lock_api::ReentrantMutex::into_inner_with_raw`].
    #[inline]
    #[cfg(not(lock_api_0_4))]
    pub fn into_inner_with_raw(self) -> (RawMutex, RawThreadId, T) {
        self.0.into_inner_with_raw()
    }
}

impl<T: ?Sized> ReentrantMutex<T> {
    fn raw_mutex(&self) -> &RawMutex {
        // SAFETY: the raw lock is not unlocked.
        unsafe { self.0.raw() }
    }

    /// The mutex inside, for an operation at the caller's place.
    #[inline]
    #[track_caller]
    fn here(&self) -> &Inner<T> {
        if !self.0.is_owned_by_current_thread() {
            places::note(self.raw_mutex().address(), Location::caller());
        }
        &self.0
    }

    /// See [`lock_api::ReentrantMutex::lock`].
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> ReentrantMutexGuard<'_, T> {
        self.here().lock()
    }

    /// See [`lock_api::ReentrantMutex::try_lock`].
    #[inline]
    #[track_caller]
    pub fn try_lock(&self) -> Option<ReentrantMutexGuard<'_, T>> {
        self.here().try_lock()
    }

    /// See [`lock_api::ReentrantMutex::try_lock_for`].
    #[track_caller]
    pub fn try_lock_for(&self, timeout: Duration) -> Option<ReentrantMutexGuard<'_, T>> {
        self.here().try_lock_for(timeout)
    }

    /// See [`lock_api::ReentrantMutex::try_lock_until`].
    #[track_caller]
    pub fn try_lock_until(&self, timeout: Instant) -> Option<ReentrantMutexGuard<'_, T>> {
        self.here().try_lock_until(timeout)
    }

    /// See [`lock_api::ReentrantMutex::get_mut`].
    #[inline]
    #[cfg(not(lock_api_0_4))]
    pub const fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }

    /// See [`lock_api::ReentrantMutex::is_locked`].
    #[inline]
    pub fn is_locked(&self) -> bool {
        self.0.is_locked()
    }

    /// See [`lock_api::ReentrantMutex::is_owned_by_current_thread`].
    #[inline]
    pub fn is_owned_by_current_thread(&self) -> bool {
        self.0.is_owned_by_current_thread()
    }

    /// See [`lock_api::ReentrantMutex::data_ptr`].
    #[inline]
    #[cfg(not(lock_api_0_4))]
    pub const fn data_ptr(&self) -> *mut T {
        self.0.data_ptr()
    }

    /// The mutex as lock_api's, for a guard that keeps the `Arc`. Not to be dropped: the count is the lender's.
    #[track_caller]
    #[cfg(not(no_arc_lock))]
    fn lent(self: &Arc<Self>) -> ManuallyDrop<Arc<Inner<T>>> {
        self.here();
        // SAFETY: the layouts are the same, as are the destructors; the count that goes with the pointer is never given up.
        ManuallyDrop::new(unsafe { Arc::from_raw(Arc::as_ptr(self) as *const Inner<T>) })
    }

    /// See [`lock_api::ReentrantMutex::lock_arc`].
    #[track_caller]
    #[cfg(not(no_arc_lock))]
    pub fn lock_arc(self: &Arc<Self>) -> ArcReentrantMutexGuard<RawMutex, RawThreadId, T> {
        self.lent().lock_arc()
    }

    /// See [`lock_api::ReentrantMutex::try_lock_arc`].
    #[track_caller]
    #[cfg(not(no_arc_lock))]
    pub fn try_lock_arc(self: &Arc<Self>) -> Option<ArcReentrantMutexGuard<RawMutex, RawThreadId, T>> {
        self.lent().try_lock_arc()
    }

    /// See [`lock_api::ReentrantMutex::try_lock_arc_for`].
    #[track_caller]
    #[cfg(not(no_arc_lock))]
    pub fn try_lock_arc_for(
        self: &Arc<Self>,
        timeout: Duration,
    ) -> Option<ArcReentrantMutexGuard<RawMutex, RawThreadId, T>> {
        self.lent().try_lock_arc_for(timeout)
    }

    /// See [`lock_api::ReentrantMutex::try_lock_arc_until`].
    #[track_caller]
    #[cfg(not(no_arc_lock))]
    pub fn try_lock_arc_until(
        self: &Arc<Self>,
        timeout: Instant,
    ) -> Option<ArcReentrantMutexGuard<RawMutex, RawThreadId, T>> {
        self.lent().try_lock_arc_until(timeout)
    }
}

impl<T: ?Sized> Deref for ReentrantMutex<T> {
    type Target = Inner<T>;

    #[inline]
    fn deref(&self) -> &Inner<T> {
        &self.0
    }
}

impl<T: ?Sized> DerefMut for ReentrantMutex<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Inner<T> {
        &mut self.0
    }
}

impl<T: ?Sized> Named for ReentrantMutex<T> {
    fn set_name(&self, name: &str) {
        self.raw_mutex().meta().set_name(name);
    }
}

impl<T: Default> Default for ReentrantMutex<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for ReentrantMutex<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for ReentrantMutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
