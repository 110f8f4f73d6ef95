//! [`std::sync::LazyLock`], watched.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::Location;

use super::once::Once;
use crate::name::Named;

/// [`std::sync::LazyLock`], watched: same interface, same poisoning. A running initialiser holds it as it holds a
/// [`Once`].
pub struct LazyLock<T, F = fn() -> T> {
    once: Once,
    /// Forced only in the initialiser of `once`, or by the owner.
    inner: std::sync::LazyLock<T, F>,
}

impl<T, F: FnOnce() -> T> LazyLock<T, F> {
    /// See [`std::sync::LazyLock::new`].
    #[inline]
    #[track_caller]
    pub const fn new(f: F) -> Self {
        Self { once: Once::new_at(Location::caller()), inner: std::sync::LazyLock::new(f) }
    }

    /// See [`std::sync::LazyLock::force_mut`].
    ///
    /// # Panics
    ///
    /// With the initialiser, and if it has panicked before.
    #[inline]
    pub fn force_mut(this: &mut Self) -> &mut T {
        let value = std::sync::LazyLock::force_mut(&mut this.inner);
        this.once.complete();
        value
    }

    /// See [`std::sync::LazyLock::force`].
    ///
    /// # Panics
    ///
    /// With the initialiser, and if it has panicked before.
    #[inline]
    #[track_caller]
    pub fn force(this: &Self) -> &T {
        this.once.force_at(Location::caller(), |_| {
            std::sync::LazyLock::force(&this.inner);
        });
        std::sync::LazyLock::force(&this.inner)
    }
}

impl<T, F> LazyLock<T, F> {
    /// See [`std::sync::LazyLock::get_mut`].
    #[inline]
    pub fn get_mut(this: &mut Self) -> Option<&mut T> {
        std::sync::LazyLock::get_mut(&mut this.inner)
    }

    /// See [`std::sync::LazyLock::get`].
    #[inline]
    #[track_caller]
    pub fn get(this: &Self) -> Option<&T> {
        if this.once.is_completed_at(Location::caller()) { std::sync::LazyLock::get(&this.inner) } else { None }
    }
}

impl<T, F> Named for LazyLock<T, F> {
    fn set_name(&self, name: &str) {
        self.once.set_name(name);
    }
}

impl<T, F: FnOnce() -> T> Deref for LazyLock<T, F> {
    type Target = T;

    #[inline]
    #[track_caller]
    fn deref(&self) -> &T {
        Self::force(self)
    }
}

impl<T, F: FnOnce() -> T> DerefMut for LazyLock<T, F> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        Self::force_mut(self)
    }
}

impl<T: Default> Default for LazyLock<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default)
    }
}

impl<T: fmt::Debug, F> fmt::Debug for LazyLock<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
