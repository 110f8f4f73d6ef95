//! The guards of a [`Mutex`].

use std::marker::PhantomData;
use std::sync::Arc;

use ::gordian::runtime::guards::{shown_guards, writers};

use super::mutex::Mutex;
use super::raw::{Held, Raw};

/// See [`tokio::sync::MutexGuard`].
#[clippy::has_significant_drop]
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct MutexGuard<'a, T: ?Sized> {
    held: Held<&'a Mutex<T>>,
    data: *mut T,
}

/// See [`tokio::sync::OwnedMutexGuard`].
#[clippy::has_significant_drop]
pub struct OwnedMutexGuard<T: ?Sized> {
    held: Held<Arc<Mutex<T>>>,
    data: *mut T,
}

/// See [`tokio::sync::MappedMutexGuard`].
#[clippy::has_significant_drop]
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct MappedMutexGuard<'a, T: ?Sized> {
    held: Held<&'a Raw>,
    data: *mut T,
    marker: PhantomData<&'a mut T>,
}

/// See [`tokio::sync::OwnedMappedMutexGuard`].
#[clippy::has_significant_drop]
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct OwnedMappedMutexGuard<T: ?Sized, U: ?Sized = T> {
    held: Held<Arc<Mutex<T>>>,
    data: *mut U,
}

// SAFETY: the pointer is a mutable reference in all but name.
unsafe impl<T: ?Sized + Send> Send for MutexGuard<'_, T> {}
// SAFETY: a shared guard gives a shared value.
unsafe impl<T: ?Sized + Send + Sync> Sync for MutexGuard<'_, T> {}
// SAFETY: the pointer is a mutable reference in all but name; the mutex is let go of, and maybe dropped, elsewhere.
unsafe impl<T: ?Sized + Send> Send for OwnedMutexGuard<T> {}
// SAFETY: a shared guard gives a shared value.
unsafe impl<T: ?Sized + Send + Sync> Sync for OwnedMutexGuard<T> {}
// SAFETY: the pointer is a mutable reference in all but name.
unsafe impl<T: ?Sized + Sync> Sync for MappedMutexGuard<'_, T> {}
// SAFETY: the pointer is a mutable reference in all but name.
unsafe impl<T: ?Sized + Send> Send for MappedMutexGuard<'_, T> {}
// SAFETY: the pointer is a mutable reference in all but name; the mutex is let go of, and maybe dropped, elsewhere.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send + Sync> Sync for OwnedMappedMutexGuard<T, U> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send, U: ?Sized + Send> Send for OwnedMappedMutexGuard<T, U> {}

shown_guards! {
    MutexGuard<'a, T> of T;
    OwnedMutexGuard<T> of T;
    MappedMutexGuard<'a, T> of T;
    OwnedMappedMutexGuard<T, U> of U;
}

writers! {
    MutexGuard<'a, T> of T;
    OwnedMutexGuard<T> of T;
    MappedMutexGuard<'a, T> of T;
    OwnedMappedMutexGuard<T, U> of U;
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    pub(super) fn new(held: Held<&'a Mutex<T>>) -> Self {
        let data = held.lock().value();
        Self { held, data }
    }

    /// See [`tokio::sync::MutexGuard::map`].
    #[inline]
    #[track_caller]
    pub fn map<U, F>(mut this: Self, f: F) -> MappedMutexGuard<'a, U>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> &mut U,
    {
        let data: *mut U = f(&mut *this);
        MappedMutexGuard { held: this.held.of_part(), data, marker: PhantomData }
    }

    /// See [`tokio::sync::MutexGuard::try_map`].
    ///
    /// # Errors
    ///
    /// The guard itself if the closure gives `None`.
    #[inline]
    #[track_caller]
    pub fn try_map<U, F>(mut this: Self, f: F) -> Result<MappedMutexGuard<'a, U>, Self>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Some(data) = f(&mut *this).map(|data| data as *mut U) else { return Err(this) };
        Ok(MappedMutexGuard { held: this.held.of_part(), data, marker: PhantomData })
    }

    /// See [`tokio::sync::MutexGuard::mutex`].
    #[inline]
    pub fn mutex(this: &Self) -> &'a Mutex<T> {
        this.held.lock()
    }
}

impl<T: ?Sized> OwnedMutexGuard<T> {
    pub(super) fn new(held: Held<Arc<Mutex<T>>>) -> Self {
        let data = held.lock().value();
        Self { held, data }
    }

    /// See [`tokio::sync::OwnedMutexGuard::map`].
    #[inline]
    #[track_caller]
    pub fn map<U, F>(mut this: Self, f: F) -> OwnedMappedMutexGuard<T, U>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> &mut U,
    {
        let data: *mut U = f(&mut *this);
        OwnedMappedMutexGuard { held: this.held, data }
    }

    /// See [`tokio::sync::OwnedMutexGuard::try_map`].
    ///
    /// # Errors
    ///
    /// The guard itself if the closure gives `None`.
    #[inline]
    #[track_caller]
    pub fn try_map<U, F>(mut this: Self, f: F) -> Result<OwnedMappedMutexGuard<T, U>, Self>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Some(data) = f(&mut *this).map(|data| data as *mut U) else { return Err(this) };
        Ok(OwnedMappedMutexGuard { held: this.held, data })
    }

    /// See [`tokio::sync::OwnedMutexGuard::mutex`].
    #[inline]
    pub fn mutex(this: &Self) -> &Arc<Mutex<T>> {
        this.held.lock()
    }
}

impl<'a, T: ?Sized> MappedMutexGuard<'a, T> {
    /// See [`tokio::sync::MappedMutexGuard::map`].
    #[inline]
    #[track_caller]
    pub fn map<U, F>(mut this: Self, f: F) -> MappedMutexGuard<'a, U>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> &mut U,
    {
        let data: *mut U = f(&mut *this);
        MappedMutexGuard { held: this.held, data, marker: PhantomData }
    }

    /// See [`tokio::sync::MappedMutexGuard::try_map`].
    ///
    /// # Errors
    ///
    /// The guard itself if the closure gives `None`.
    #[inline]
    #[track_caller]
    pub fn try_map<U, F>(mut this: Self, f: F) -> Result<MappedMutexGuard<'a, U>, Self>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Some(data) = f(&mut *this).map(|data| data as *mut U) else { return Err(this) };
        Ok(MappedMutexGuard { held: this.held, data, marker: PhantomData })
    }
}

impl<T: ?Sized, U: ?Sized> OwnedMappedMutexGuard<T, U> {
    /// See [`tokio::sync::OwnedMappedMutexGuard::map`].
    #[inline]
    #[track_caller]
    pub fn map<S, F>(mut this: Self, f: F) -> OwnedMappedMutexGuard<T, S>
    where
        S: ?Sized,
        F: FnOnce(&mut U) -> &mut S,
    {
        let data: *mut S = f(&mut *this);
        OwnedMappedMutexGuard { held: this.held, data }
    }

    /// See [`tokio::sync::OwnedMappedMutexGuard::try_map`].
    ///
    /// # Errors
    ///
    /// The guard itself if the closure gives `None`.
    #[inline]
    #[track_caller]
    pub fn try_map<S, F>(mut this: Self, f: F) -> Result<OwnedMappedMutexGuard<T, S>, Self>
    where
        S: ?Sized,
        F: FnOnce(&mut U) -> Option<&mut S>,
    {
        let Some(data) = f(&mut *this).map(|data| data as *mut S) else { return Err(this) };
        Ok(OwnedMappedMutexGuard { held: this.held, data })
    }
}
