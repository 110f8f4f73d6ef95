//! [`tokio::sync::RwLock`], watched.

use std::cell::UnsafeCell;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use ::gordian::Named;
use ::gordian::event::{Mode, ObjectKind};
use ::gordian::runtime::Place;
use ::tokio::sync::TryLockError;

use super::raw::{Held, Lock, Raw};
use super::rwlock_guards::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLockReadGuard, RwLockWriteGuard};

/// As many readers as tokio allows.
const MAX_READS: u32 = u32::MAX >> 3;

/// See [`tokio::sync::RwLock`].
pub struct RwLock<T: ?Sized> {
    raw: Raw,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through the lock alone.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: as above; readers share the value, a writer may take it elsewhere.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T: ?Sized> RwLock<T> {
    /// See [`tokio::sync::RwLock::new`]. The place of the call is the lock's class.
    #[track_caller]
    pub fn new(value: T) -> RwLock<T>
    where
        T: Sized,
    {
        Self::const_new(value)
    }

    /// See [`tokio::sync::RwLock::with_max_readers`].
    ///
    /// # Panics
    ///
    /// If `max_reads` is 0, or more than `u32::MAX >> 3`.
    #[track_caller]
    pub fn with_max_readers(value: T, max_reads: u32) -> RwLock<T>
    where
        T: Sized,
    {
        assert_ne!(max_reads, 0, "a RwLock may not be created with 0 readers");
        assert!(max_reads <= MAX_READS, "a RwLock may not be created with more than {MAX_READS} readers");
        Self::of(value, max_reads, Location::caller())
    }

    /// See [`tokio::sync::RwLock::const_new`].
    #[track_caller]
    pub const fn const_new(value: T) -> RwLock<T>
    where
        T: Sized,
    {
        Self::of(value, MAX_READS, Location::caller())
    }

    /// See [`tokio::sync::RwLock::const_with_max_readers`].
    ///
    /// # Panics
    ///
    /// If `max_reads` is 0, or more than `u32::MAX >> 3`.
    #[track_caller]
    pub const fn const_with_max_readers(value: T, max_reads: u32) -> RwLock<T>
    where
        T: Sized,
    {
        assert!(max_reads != 0, "a RwLock may not be created with 0 readers");
        assert!(max_reads <= MAX_READS);
        Self::of(value, max_reads, Location::caller())
    }

    const fn of(value: T, max_reads: u32, created: Place) -> Self
    where
        T: Sized,
    {
        Self { raw: Raw::new(ObjectKind::RwLock, max_reads, created), value: UnsafeCell::new(value) }
    }

    /// See [`tokio::sync::RwLock::read`].
    #[track_caller]
    pub fn read(&self) -> impl Future<Output = RwLockReadGuard<'_, T>> {
        let place = Location::caller();
        async move { RwLockReadGuard::new(Held::acquire(self, Mode::Shared, place).await) }
    }

    /// See [`tokio::sync::RwLock::blocking_read`].
    ///
    /// # Panics
    ///
    /// Within an asynchronous context.
    #[track_caller]
    pub fn blocking_read(&self) -> RwLockReadGuard<'_, T> {
        RwLockReadGuard::new(Held::blocking(self, Mode::Shared))
    }

    /// See [`tokio::sync::RwLock::read_owned`].
    #[track_caller]
    pub fn read_owned(self: Arc<Self>) -> impl Future<Output = OwnedRwLockReadGuard<T>> {
        let place = Location::caller();
        async move { OwnedRwLockReadGuard::new(Held::acquire(self, Mode::Shared, place).await) }
    }

    /// See [`tokio::sync::RwLock::try_read`].
    ///
    /// # Errors
    ///
    /// If the lock can't be had at once.
    #[track_caller]
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
        Held::try_acquire(self, Mode::Shared).map(RwLockReadGuard::new)
    }

    /// See [`tokio::sync::RwLock::try_read_owned`].
    ///
    /// # Errors
    ///
    /// If the lock can't be had at once.
    #[track_caller]
    pub fn try_read_owned(self: Arc<Self>) -> Result<OwnedRwLockReadGuard<T>, TryLockError> {
        Held::try_acquire(self, Mode::Shared).map(OwnedRwLockReadGuard::new)
    }

    /// See [`tokio::sync::RwLock::write`].
    #[track_caller]
    pub fn write(&self) -> impl Future<Output = RwLockWriteGuard<'_, T>> {
        let place = Location::caller();
        async move { RwLockWriteGuard::new(Held::acquire(self, Mode::Exclusive, place).await) }
    }

    /// See [`tokio::sync::RwLock::blocking_write`].
    ///
    /// # Panics
    ///
    /// Within an asynchronous context.
    #[track_caller]
    pub fn blocking_write(&self) -> RwLockWriteGuard<'_, T> {
        RwLockWriteGuard::new(Held::blocking(self, Mode::Exclusive))
    }

    /// See [`tokio::sync::RwLock::write_owned`].
    #[track_caller]
    pub fn write_owned(self: Arc<Self>) -> impl Future<Output = OwnedRwLockWriteGuard<T>> {
        let place = Location::caller();
        async move { OwnedRwLockWriteGuard::new(Held::acquire(self, Mode::Exclusive, place).await) }
    }

    /// See [`tokio::sync::RwLock::try_write`].
    ///
    /// # Errors
    ///
    /// If the lock can't be had at once.
    #[track_caller]
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
        Held::try_acquire(self, Mode::Exclusive).map(RwLockWriteGuard::new)
    }

    /// See [`tokio::sync::RwLock::try_write_owned`].
    ///
    /// # Errors
    ///
    /// If the lock can't be had at once.
    #[track_caller]
    pub fn try_write_owned(self: Arc<Self>) -> Result<OwnedRwLockWriteGuard<T>, TryLockError> {
        Held::try_acquire(self, Mode::Exclusive).map(OwnedRwLockWriteGuard::new)
    }

    /// See [`tokio::sync::RwLock::get_mut`].
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// See [`tokio::sync::RwLock::into_inner`].
    pub fn into_inner(self) -> T
    where
        T: Sized,
    {
        self.value.into_inner()
    }

    pub(super) fn value(&self) -> *mut T {
        self.value.get()
    }
}

impl<T: ?Sized> Lock for RwLock<T> {
    fn raw(&self) -> &Raw {
        &self.raw
    }
}

impl<T: ?Sized> Named for RwLock<T> {
    fn set_name(&self, name: &str) {
        self.raw.set_name(name);
    }
}

impl<T> From<T> for RwLock<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(guard) => shown.field("data", &&*guard),
            Err(_) => shown.field("data", &format_args!("<locked>")),
        };
        shown.finish()
    }
}
