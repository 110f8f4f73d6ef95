//! The guards of a [`Mutex`].

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use ::gordian::runtime::guards::{guards, writers};
use ::gordian::runtime::held::Held;

use super::mutex::{Mutex, RealGuard};

/// See [`futures::lock::MutexGuard`].
#[clippy::has_significant_drop]
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct MutexGuard<'a, T: ?Sized> {
    held: Held<&'a Mutex<T>, RealGuard>,
    data: *mut T,
}

/// See [`futures::lock::OwnedMutexGuard`].
#[clippy::has_significant_drop]
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct OwnedMutexGuard<T: ?Sized> {
    held: Held<Arc<Mutex<T>>, RealGuard>,
    data: *mut T,
}

/// See [`futures::lock::MappedMutexGuard`].
#[clippy::has_significant_drop]
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct MappedMutexGuard<'a, T: ?Sized, U: ?Sized> {
    held: Held<&'a Mutex<T>, RealGuard>,
    data: *mut U,
    marker: PhantomData<&'a mut U>,
}

// SAFETY: the pointer is a mutable reference in all but name.
unsafe impl<T: ?Sized + Send> Send for MutexGuard<'_, T> {}
// SAFETY: a shared guard gives a shared value.
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T> {}
// SAFETY: the pointer is a mutable reference in all but name; the mutex is let go of, and maybe dropped, elsewhere.
unsafe impl<T: ?Sized + Send> Send for OwnedMutexGuard<T> {}
// SAFETY: a shared guard gives a shared value.
unsafe impl<T: ?Sized + Sync> Sync for OwnedMutexGuard<T> {}
// SAFETY: the pointer is a mutable reference in all but name.
unsafe impl<T: ?Sized + Send, U: ?Sized + Send> Send for MappedMutexGuard<'_, T, U> {}
// SAFETY: a shared guard gives a shared value.
unsafe impl<T: ?Sized + Sync, U: ?Sized + Sync> Sync for MappedMutexGuard<'_, T, U> {}

guards! {
    MutexGuard<'a, T> of T;
    OwnedMutexGuard<T> of T;
    MappedMutexGuard<'a, T, U> of U;
}

writers! {
    MutexGuard<'a, T> of T;
    OwnedMutexGuard<T> of T;
    MappedMutexGuard<'a, T, U> of U;
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    pub(super) fn new(held: Held<&'a Mutex<T>, RealGuard>) -> Self {
        let data = held.lock().value();
        Self { held, data }
    }

    /// See [`futures::lock::MutexGuard::map`].
    #[inline]
    #[track_caller]
    pub fn map<U: ?Sized, F>(mut this: Self, f: F) -> MappedMutexGuard<'a, T, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let data: *mut U = f(&mut *this);
        MappedMutexGuard { held: this.held, data, marker: PhantomData }
    }
}

impl<T: ?Sized> OwnedMutexGuard<T> {
    pub(super) fn new(held: Held<Arc<Mutex<T>>, RealGuard>) -> Self {
        let data = held.lock().value();
        Self { held, data }
    }
}

impl<'a, T: ?Sized, U: ?Sized> MappedMutexGuard<'a, T, U> {
    /// See [`futures::lock::MappedMutexGuard::map`].
    #[inline]
    #[track_caller]
    pub fn map<V: ?Sized, F>(mut this: Self, f: F) -> MappedMutexGuard<'a, T, V>
    where
        F: FnOnce(&mut U) -> &mut V,
    {
        let data: *mut V = f(&mut *this);
        MappedMutexGuard { held: this.held, data, marker: PhantomData }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MutexGuard").field("value", &&**self).field("mutex", self.held.lock()).finish()
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for OwnedMutexGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedMutexGuard").field("value", &&**self).field("mutex", self.held.lock()).finish()
    }
}

impl<T: ?Sized, U: ?Sized + fmt::Debug> fmt::Debug for MappedMutexGuard<'_, T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MappedMutexGuard").field("value", &&**self).field("mutex", self.held.lock()).finish()
    }
}
