//! [`tokio::sync::Mutex`], watched.

use std::cell::UnsafeCell;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use ::gordian::Named;
use ::gordian::event::{Mode, ObjectKind};
use ::tokio::sync::TryLockError;

use super::mutex_guards::{MutexGuard, OwnedMutexGuard};
use super::raw::{Held, Lock, Raw};

/// See [`tokio::sync::Mutex`].
pub struct Mutex<T: ?Sized> {
    raw: Raw,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through the lock alone, by one owner at a time: it is sent about, never shared.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T: ?Sized> Mutex<T> {
    /// See [`tokio::sync::Mutex::new`]. The place of the call is the lock's class.
    #[track_caller]
    pub fn new(t: T) -> Self
    where
        T: Sized,
    {
        Self::const_new(t)
    }

    /// See [`tokio::sync::Mutex::const_new`].
    #[track_caller]
    pub const fn const_new(t: T) -> Self
    where
        T: Sized,
    {
        Self { raw: Raw::new(ObjectKind::Mutex, 1, Location::caller()), value: UnsafeCell::new(t) }
    }

    /// See [`tokio::sync::Mutex::lock`].
    #[track_caller]
    pub fn lock(&self) -> impl Future<Output = MutexGuard<'_, T>> {
        let place = Location::caller();
        async move { MutexGuard::new(Held::acquire(self, Mode::Exclusive, place).await) }
    }

    /// See [`tokio::sync::Mutex::blocking_lock`].
    ///
    /// # Panics
    ///
    /// Within an asynchronous context.
    #[track_caller]
    pub fn blocking_lock(&self) -> MutexGuard<'_, T> {
        MutexGuard::new(Held::blocking(self, Mode::Exclusive))
    }

    /// See [`tokio::sync::Mutex::blocking_lock_owned`].
    ///
    /// # Panics
    ///
    /// Within an asynchronous context.
    #[track_caller]
    pub fn blocking_lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        OwnedMutexGuard::new(Held::blocking(self, Mode::Exclusive))
    }

    /// See [`tokio::sync::Mutex::lock_owned`].
    #[track_caller]
    pub fn lock_owned(self: Arc<Self>) -> impl Future<Output = OwnedMutexGuard<T>> {
        let place = Location::caller();
        async move { OwnedMutexGuard::new(Held::acquire(self, Mode::Exclusive, place).await) }
    }

    /// See [`tokio::sync::Mutex::try_lock`].
    ///
    /// # Errors
    ///
    /// If the mutex is locked.
    #[track_caller]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        Held::try_acquire(self, Mode::Exclusive).map(MutexGuard::new)
    }

    /// See [`tokio::sync::Mutex::try_lock_owned`].
    ///
    /// # Errors
    ///
    /// If the mutex is locked.
    #[track_caller]
    pub fn try_lock_owned(self: Arc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        Held::try_acquire(self, Mode::Exclusive).map(OwnedMutexGuard::new)
    }

    /// See [`tokio::sync::Mutex::get_mut`].
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// See [`tokio::sync::Mutex::into_inner`].
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

impl<T: ?Sized> Lock for Mutex<T> {
    fn raw(&self) -> &Raw {
        &self.raw
    }
}

impl<T: ?Sized> Named for Mutex<T> {
    fn set_name(&self, name: &str) {
        self.raw.set_name(name);
    }
}

impl<T> From<T> for Mutex<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => shown.field("data", &&*guard),
            Err(_) => shown.field("data", &format_args!("<locked>")),
        };
        shown.finish()
    }
}
