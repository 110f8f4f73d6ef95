//! The guards of a [`RwLock`].

use std::marker::PhantomData;
use std::sync::Arc;

use ::gordian::runtime::guards::{shown_guards, writers};

use super::raw::{Held, Raw};
use super::rwlock::RwLock;

/// See [`tokio::sync::RwLockReadGuard`].
#[clippy::has_significant_drop]
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    held: Held<&'a Raw>,
    data: *const T,
    marker: PhantomData<&'a T>,
}

/// See [`tokio::sync::OwnedRwLockReadGuard`].
#[clippy::has_significant_drop]
pub struct OwnedRwLockReadGuard<T: ?Sized, U: ?Sized = T> {
    held: Held<Arc<RwLock<T>>>,
    data: *const U,
    marker: PhantomData<T>,
}

/// See [`tokio::sync::RwLockWriteGuard`].
#[clippy::has_significant_drop]
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    held: Held<&'a Raw>,
    data: *mut T,
    marker: PhantomData<&'a mut T>,
}

/// See [`tokio::sync::OwnedRwLockWriteGuard`].
#[clippy::has_significant_drop]
pub struct OwnedRwLockWriteGuard<T: ?Sized> {
    held: Held<Arc<RwLock<T>>>,
    data: *mut T,
    marker: PhantomData<T>,
}

/// See [`tokio::sync::RwLockMappedWriteGuard`].
#[clippy::has_significant_drop]
pub struct RwLockMappedWriteGuard<'a, T: ?Sized> {
    held: Held<&'a Raw>,
    data: *mut T,
    marker: PhantomData<&'a mut T>,
}

/// See [`tokio::sync::OwnedRwLockMappedWriteGuard`].
#[clippy::has_significant_drop]
pub struct OwnedRwLockMappedWriteGuard<T: ?Sized, U: ?Sized = T> {
    held: Held<Arc<RwLock<T>>>,
    data: *mut U,
    marker: PhantomData<T>,
}

// SAFETY, for all of these: the pointers are references in all but name, shared ones in readers and mutable ones in
// writers. An owned guard may be the one that drops the lock with its value; and a writer may take the value elsewhere.

// SAFETY: see above.
unsafe impl<T: ?Sized + Sync> Send for RwLockReadGuard<'_, T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLockReadGuard<'_, T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Sync> Send for OwnedRwLockReadGuard<T, U> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send + Sync> Sync for OwnedRwLockReadGuard<T, U> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Send + Sync> Send for RwLockWriteGuard<'_, T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLockWriteGuard<'_, T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Send + Sync> Send for OwnedRwLockWriteGuard<T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Send + Sync> Sync for OwnedRwLockWriteGuard<T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Send + Sync> Send for RwLockMappedWriteGuard<'_, T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLockMappedWriteGuard<'_, T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send + Sync> Send for OwnedRwLockMappedWriteGuard<T, U> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send + Sync> Sync for OwnedRwLockMappedWriteGuard<T, U> {}

shown_guards! {
    RwLockReadGuard<'a, T> of T;
    OwnedRwLockReadGuard<T, U> of U;
    RwLockWriteGuard<'a, T> of T;
    OwnedRwLockWriteGuard<T> of T;
    RwLockMappedWriteGuard<'a, T> of T;
    OwnedRwLockMappedWriteGuard<T, U> of U;
}

writers! {
    RwLockWriteGuard<'a, T> of T;
    OwnedRwLockWriteGuard<T> of T;
    RwLockMappedWriteGuard<'a, T> of T;
    OwnedRwLockMappedWriteGuard<T, U> of U;
}

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    #[inline]
    pub(super) fn new(held: Held<&'a RwLock<T>>) -> Self {
        let data = held.lock().value();
        Self { held: held.of_part(), data, marker: PhantomData }
    }

    /// See [`tokio::sync::RwLockReadGuard::map`].
    #[inline]
    #[track_caller]
    pub fn map<F, U: ?Sized>(this: Self, f: F) -> RwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let data: *const U = f(&*this);
        RwLockReadGuard { held: this.held, data, marker: PhantomData }
    }

    /// See [`tokio::sync::RwLockReadGuard::try_map`].
    ///
    /// # Errors
    ///
    /// The guard itself if the closure gives `None`.
    #[inline]
    #[track_caller]
    pub fn try_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockReadGuard<'a, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        let Some(data) = f(&*this).map(|data| data as *const U) else { return Err(this) };
        Ok(RwLockReadGuard { held: this.held, data, marker: PhantomData })
    }
}

impl<T: ?Sized> OwnedRwLockReadGuard<T> {
    #[inline]
    pub(super) fn new(held: Held<Arc<RwLock<T>>>) -> Self {
        let data = held.lock().value();
        Self { held, data, marker: PhantomData }
    }
}

impl<T: ?Sized, U: ?Sized> OwnedRwLockReadGuard<T, U> {
    /// See [`tokio::sync::OwnedRwLockReadGuard::map`].
    #[inline]
    #[track_caller]
    pub fn map<F, V: ?Sized>(this: Self, f: F) -> OwnedRwLockReadGuard<T, V>
    where
        F: FnOnce(&U) -> &V,
    {
        let data: *const V = f(&*this);
        OwnedRwLockReadGuard { held: this.held, data, marker: PhantomData }
    }

    /// See [`tokio::sync::OwnedRwLockReadGuard::try_map`].
    ///
    /// # Errors
    ///
    /// The guard itself if the closure gives `None`.
    #[inline]
    #[track_caller]
    pub fn try_map<F, V: ?Sized>(this: Self, f: F) -> Result<OwnedRwLockReadGuard<T, V>, Self>
    where
        F: FnOnce(&U) -> Option<&V>,
    {
        let Some(data) = f(&*this).map(|data| data as *const V) else { return Err(this) };
        Ok(OwnedRwLockReadGuard { held: this.held, data, marker: PhantomData })
    }

    /// See [`tokio::sync::OwnedRwLockReadGuard::rwlock`].
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        this.held.lock()
    }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    #[inline]
    pub(super) fn new(held: Held<&'a RwLock<T>>) -> Self {
        let data = held.lock().value();
        Self { held: held.of_part(), data, marker: PhantomData }
    }

    /// See [`tokio::sync::RwLockWriteGuard::map`].
    #[inline]
    #[track_caller]
    pub fn map<F, U: ?Sized>(mut this: Self, f: F) -> RwLockMappedWriteGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let data: *mut U = f(&mut *this);
        RwLockMappedWriteGuard { held: this.held, data, marker: PhantomData }
    }

    /// See [`tokio::sync::RwLockWriteGuard::downgrade_map`].
    #[inline]
    #[track_caller]
    pub fn downgrade_map<F, U: ?Sized>(this: Self, f: F) -> RwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let data: *const U = f(&*this);
        RwLockReadGuard { held: this.held.downgrade(), data, marker: PhantomData }
    }

    /// See [`tokio::sync::RwLockWriteGuard::try_map`].
    ///
    /// # Errors
    ///
    /// The guard itself if the closure gives `None`.
    #[inline]
    #[track_caller]
    pub fn try_map<F, U: ?Sized>(mut this: Self, f: F) -> Result<RwLockMappedWriteGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Some(data) = f(&mut *this).map(|data| data as *mut U) else { return Err(this) };
        Ok(RwLockMappedWriteGuard { held: this.held, data, marker: PhantomData })
    }

    /// See [`tokio::sync::RwLockWriteGuard::try_downgrade_map`].
    ///
    /// # Errors
    ///
    /// The guard itself if the closure gives `None`.
    #[inline]
    #[track_caller]
    pub fn try_downgrade_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockReadGuard<'a, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        let Some(data) = f(&*this).map(|data| data as *const U) else { return Err(this) };
        Ok(RwLockReadGuard { held: this.held.downgrade(), data, marker: PhantomData })
    }

    /// See [`tokio::sync::RwLockWriteGuard::into_mapped`].
    #[inline]
    #[track_caller]
    pub fn into_mapped(this: Self) -> RwLockMappedWriteGuard<'a, T> {
        Self::map(this, |value| value)
    }

    /// See [`tokio::sync::RwLockWriteGuard::downgrade`].
    #[track_caller]
    pub fn downgrade(self) -> RwLockReadGuard<'a, T> {
        Self::downgrade_map(self, |value| value)
    }
}

impl<T: ?Sized> OwnedRwLockWriteGuard<T> {
    #[inline]
    pub(super) fn new(held: Held<Arc<RwLock<T>>>) -> Self {
        let data = held.lock().value();
        Self { held, data, marker: PhantomData }
    }

    /// See [`tokio::sync::OwnedRwLockWriteGuard::map`].
    #[inline]
    #[track_caller]
    pub fn map<F, U: ?Sized>(mut this: Self, f: F) -> OwnedRwLockMappedWriteGuard<T, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let data: *mut U = f(&mut *this);
        OwnedRwLockMappedWriteGuard { held: this.held, data, marker: PhantomData }
    }

    /// See [`tokio::sync::OwnedRwLockWriteGuard::downgrade_map`].
    #[inline]
    #[track_caller]
    pub fn downgrade_map<F, U: ?Sized>(this: Self, f: F) -> OwnedRwLockReadGuard<T, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let data: *const U = f(&*this);
        OwnedRwLockReadGuard { held: this.held.downgrade(), data, marker: PhantomData }
    }

    /// See [`tokio::sync::OwnedRwLockWriteGuard::try_map`].
    ///
    /// # Errors
    ///
    /// The guard itself if the closure gives `None`.
    #[inline]
    #[track_caller]
    pub fn try_map<F, U: ?Sized>(mut this: Self, f: F) -> Result<OwnedRwLockMappedWriteGuard<T, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Some(data) = f(&mut *this).map(|data| data as *mut U) else { return Err(this) };
        Ok(OwnedRwLockMappedWriteGuard { held: this.held, data, marker: PhantomData })
    }

    /// See [`tokio::sync::OwnedRwLockWriteGuard::try_downgrade_map`].
    ///
    /// # Errors
    ///
    /// The guard itself if the closure gives `None`.
    #[inline]
    #[track_caller]
    pub fn try_downgrade_map<F, U: ?Sized>(this: Self, f: F) -> Result<OwnedRwLockReadGuard<T, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        let Some(data) = f(&*this).map(|data| data as *const U) else { return Err(this) };
        Ok(OwnedRwLockReadGuard { held: this.held.downgrade(), data, marker: PhantomData })
    }

    /// See [`tokio::sync::OwnedRwLockWriteGuard::into_mapped`].
    #[inline]
    #[track_caller]
    pub fn into_mapped(this: Self) -> OwnedRwLockMappedWriteGuard<T> {
        Self::map(this, |value| value)
    }

    /// See [`tokio::sync::OwnedRwLockWriteGuard::downgrade`].
    #[track_caller]
    pub fn downgrade(self) -> OwnedRwLockReadGuard<T> {
        Self::downgrade_map(self, |value| value)
    }

    /// See [`tokio::sync::OwnedRwLockWriteGuard::rwlock`].
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        this.held.lock()
    }
}

impl<'a, T: ?Sized> RwLockMappedWriteGuard<'a, T> {
    /// See [`tokio::sync::RwLockMappedWriteGuard::map`].
    #[inline]
    #[track_caller]
    pub fn map<F, U: ?Sized>(mut this: Self, f: F) -> RwLockMappedWriteGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let data: *mut U = f(&mut *this);
        RwLockMappedWriteGuard { held: this.held, data, marker: PhantomData }
    }

    /// See [`tokio::sync::RwLockMappedWriteGuard::try_map`].
    ///
    /// # Errors
    ///
    /// The guard itself if the closure gives `None`.
    #[inline]
    #[track_caller]
    pub fn try_map<F, U: ?Sized>(mut this: Self, f: F) -> Result<RwLockMappedWriteGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Some(data) = f(&mut *this).map(|data| data as *mut U) else { return Err(this) };
        Ok(RwLockMappedWriteGuard { held: this.held, data, marker: PhantomData })
    }
}

impl<T: ?Sized, U: ?Sized> OwnedRwLockMappedWriteGuard<T, U> {
    /// See [`tokio::sync::OwnedRwLockMappedWriteGuard::map`].
    #[inline]
    #[track_caller]
    pub fn map<F, V: ?Sized>(mut this: Self, f: F) -> OwnedRwLockMappedWriteGuard<T, V>
    where
        F: FnOnce(&mut U) -> &mut V,
    {
        let data: *mut V = f(&mut *this);
        OwnedRwLockMappedWriteGuard { held: this.held, data, marker: PhantomData }
    }

    /// See [`tokio::sync::OwnedRwLockMappedWriteGuard::try_map`].
    ///
    /// # Errors
    ///
    /// The guard itself if the closure gives `None`.
    #[inline]
    #[track_caller]
    pub fn try_map<F, V: ?Sized>(mut this: Self, f: F) -> Result<OwnedRwLockMappedWriteGuard<T, V>, Self>
    where
        F: FnOnce(&mut U) -> Option<&mut V>,
    {
        let Some(data) = f(&mut *this).map(|data| data as *mut V) else { return Err(this) };
        Ok(OwnedRwLockMappedWriteGuard { held: this.held, data, marker: PhantomData })
    }

    /// See [`tokio::sync::OwnedRwLockMappedWriteGuard::rwlock`].
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        this.held.lock()
    }
}
