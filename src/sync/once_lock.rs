//! [`std::sync::OnceLock`], watched.

use std::fmt;
use std::panic::Location;

use super::once::Once;
use crate::name::Named;

/// [`std::sync::OnceLock`], watched: same interface. A running initialiser holds it as it holds a [`Once`].
pub struct OnceLock<T> {
    once: Once,
    /// Set only in the initialiser of `once`, or by the owner.
    inner: std::sync::OnceLock<T>,
}

impl<T> OnceLock<T> {
    /// See [`std::sync::OnceLock::new`].
    #[inline]
    #[must_use]
    #[track_caller]
    pub const fn new() -> Self {
        Self { once: Once::new_at(Location::caller()), inner: std::sync::OnceLock::new() }
    }

    /// See [`std::sync::OnceLock::get`].
    #[inline]
    #[track_caller]
    pub fn get(&self) -> Option<&T> {
        if self.once.is_completed_at(Location::caller()) { self.inner.get() } else { None }
    }

    /// See [`std::sync::OnceLock::get_mut`].
    #[inline]
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.inner.get_mut()
    }

    /// See [`std::sync::OnceLock::wait`].
    #[inline]
    #[track_caller]
    pub fn wait(&self) -> &T {
        self.once.wait_at(true, Location::caller());
        self.inner.wait()
    }

    /// See [`std::sync::OnceLock::set`].
    ///
    /// # Errors
    ///
    /// Gives the value back if there is one already.
    #[inline]
    #[track_caller]
    pub fn set(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        self.init_at(Location::caller(), || value.take().expect("an initialiser runs once"));
        value.map_or(Ok(()), Err)
    }

    /// See [`std::sync::OnceLock::get_or_init`].
    ///
    /// # Panics
    ///
    /// With the closure; the cell then stays empty.
    #[inline]
    #[track_caller]
    pub fn get_or_init<F>(&self, f: F) -> &T
    where
        F: FnOnce() -> T,
    {
        self.init_at(Location::caller(), f)
    }

    #[inline]
    fn init_at(&self, place: &'static Location<'static>, f: impl FnOnce() -> T) -> &T {
        self.once.force_at(place, |_| {
            let value = f();
            let set = self.inner.set(value).is_ok();
            debug_assert!(set, "set only here");
        });
        self.inner.wait()
    }

    /// See [`std::sync::OnceLock::into_inner`].
    #[inline]
    pub fn into_inner(self) -> Option<T> {
        self.inner.into_inner()
    }

    /// See [`std::sync::OnceLock::take`].
    #[inline]
    pub fn take(&mut self) -> Option<T> {
        let value = self.inner.take();
        if value.is_some() {
            self.once.reset();
        }
        value
    }
}

impl<T> Named for OnceLock<T> {
    fn set_name(&self, name: &str) {
        self.once.set_name(name);
    }
}

impl<T> Default for OnceLock<T> {
    #[inline]
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T: Clone> Clone for OnceLock<T> {
    #[track_caller]
    fn clone(&self) -> Self {
        match self.get() {
            Some(value) => Self::from(value.clone()),
            None => Self::new(),
        }
    }
}

impl<T> From<T> for OnceLock<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        let mut cell = Self::new();
        cell.inner = std::sync::OnceLock::from(value);
        cell.once.complete();
        cell
    }
}

impl<T: PartialEq> PartialEq for OnceLock<T> {
    #[track_caller]
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceLock<T> {}
