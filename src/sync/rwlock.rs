//! [`std::sync::RwLock`], watched.

use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::ptr;
use std::sync::{LockResult, PoisonError, TryLockError, TryLockResult};

use crate::event::{Attempt, Mode, ObjectKind};
use crate::name::Named;
use crate::record::locks::{self, RwMeta};

use super::mutex::pauses;

/// [`std::sync::RwLock`], watched: same interface, same poisoning, same preference of writers.
pub struct RwLock<T: ?Sized> {
    meta: RwMeta,
    // Last, so that `Arc<RwLock<T>>` coerces to `Arc<RwLock<dyn Trait>>`.
    inner: std::sync::RwLock<T>,
}

/// [`std::sync::RwLockReadGuard`], watched.
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockReadGuard<'rwlock, T: ?Sized + 'rwlock> {
    inner: std::sync::RwLockReadGuard<'rwlock, T>,
    meta: &'rwlock RwMeta,
}

/// [`std::sync::RwLockWriteGuard`], watched.
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockWriteGuard<'rwlock, T: ?Sized + 'rwlock> {
    inner: std::sync::RwLockWriteGuard<'rwlock, T>,
    meta: &'rwlock RwMeta,
}

impl<T> RwLock<T> {
    /// See [`std::sync::RwLock::new`]. The place of the call is the lock's class.
    #[inline]
    #[track_caller]
    pub const fn new(value: T) -> Self {
        Self { meta: RwMeta::new(ObjectKind::RwLock, Location::caller()), inner: std::sync::RwLock::new(value) }
    }

    /// See [`std::sync::RwLock::into_inner`].
    ///
    /// # Errors
    ///
    /// If the lock is poisoned.
    pub fn into_inner(self) -> LockResult<T> {
        self.inner.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// See [`std::sync::RwLock::read`].
    ///
    /// # Errors
    ///
    /// If the lock is poisoned.
    #[inline]
    #[track_caller]
    pub fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        let place = Location::caller();
        let result = match tried(self.inner.try_read()) {
            Some(result) => result,
            None => self.contended(Mode::Shared, place, std::sync::RwLock::try_read, std::sync::RwLock::read),
        };
        self.meta.acquired(Mode::Shared, Attempt::Blocking, place);
        self.reader(result)
    }

    /// See [`std::sync::RwLock::try_read`].
    ///
    /// # Errors
    ///
    /// If the lock can't be had at once, or is poisoned.
    #[inline]
    #[track_caller]
    pub fn try_read(&self) -> TryLockResult<RwLockReadGuard<'_, T>> {
        let place = Location::caller();
        let Some(result) = tried(self.inner.try_read()) else {
            locks::missed(&self.meta.lock, Mode::Shared, place);
            return Err(TryLockError::WouldBlock);
        };
        self.meta.acquired(Mode::Shared, Attempt::Try, place);
        self.reader(result).map_err(TryLockError::Poisoned)
    }

    /// See [`std::sync::RwLock::write`].
    ///
    /// # Errors
    ///
    /// If the lock is poisoned.
    #[inline]
    #[track_caller]
    pub fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        let place = Location::caller();
        let result = match tried(self.inner.try_write()) {
            Some(result) => result,
            None => self.contended(Mode::Exclusive, place, std::sync::RwLock::try_write, std::sync::RwLock::write),
        };
        self.meta.acquired(Mode::Exclusive, Attempt::Blocking, place);
        self.writer(result)
    }

    /// See [`std::sync::RwLock::try_write`].
    ///
    /// # Errors
    ///
    /// If the lock can't be had at once, or is poisoned.
    #[inline]
    #[track_caller]
    pub fn try_write(&self) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        let place = Location::caller();
        let Some(result) = tried(self.inner.try_write()) else {
            locks::missed(&self.meta.lock, Mode::Exclusive, place);
            return Err(TryLockError::WouldBlock);
        };
        self.meta.acquired(Mode::Exclusive, Attempt::Try, place);
        self.writer(result).map_err(TryLockError::Poisoned)
    }

    #[cold]
    #[inline(never)]
    fn contended<'a, G>(
        &'a self,
        mode: Mode,
        place: &'static Location<'static>,
        attempt: fn(&'a std::sync::RwLock<T>) -> TryLockResult<G>,
        wait: fn(&'a std::sync::RwLock<T>) -> LockResult<G>,
    ) -> LockResult<G> {
        for () in pauses() {
            if let Some(result) = tried(attempt(&self.inner)) {
                return result;
            }
        }
        let _waiting = locks::request(&self.meta.lock, mode, false, place);
        wait(&self.inner)
    }

    #[inline]
    fn reader<'a>(
        &'a self,
        result: LockResult<std::sync::RwLockReadGuard<'a, T>>,
    ) -> LockResult<RwLockReadGuard<'a, T>> {
        match result {
            Ok(inner) => Ok(RwLockReadGuard { inner, meta: &self.meta }),
            Err(poisoned) => Err(PoisonError::new(RwLockReadGuard { inner: poisoned.into_inner(), meta: &self.meta })),
        }
    }

    #[inline]
    fn writer<'a>(
        &'a self,
        result: LockResult<std::sync::RwLockWriteGuard<'a, T>>,
    ) -> LockResult<RwLockWriteGuard<'a, T>> {
        match result {
            Ok(inner) => Ok(RwLockWriteGuard { inner, meta: &self.meta }),
            Err(poisoned) => Err(PoisonError::new(RwLockWriteGuard { inner: poisoned.into_inner(), meta: &self.meta })),
        }
    }

    /// See [`std::sync::RwLock::is_poisoned`].
    #[inline]
    #[track_caller]
    pub fn is_poisoned(&self) -> bool {
        let poisoned = self.inner.is_poisoned();
        if poisoned {
            locks::seen_poisoned(&self.meta.lock, Location::caller());
        }
        poisoned
    }

    /// See [`std::sync::RwLock::clear_poison`].
    #[inline]
    #[track_caller]
    pub fn clear_poison(&self) {
        if self.inner.is_poisoned() {
            locks::seen_poisoned(&self.meta.lock, Location::caller());
        }
        self.inner.clear_poison();
    }

    /// See [`std::sync::RwLock::get_mut`].
    ///
    /// # Errors
    ///
    /// If the lock is poisoned.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        self.inner.get_mut()
    }
}

/// What the attempt got, poisoned or not; `None`: not now.
#[inline]
fn tried<G>(result: TryLockResult<G>) -> Option<LockResult<G>> {
    match result {
        Ok(guard) => Some(Ok(guard)),
        Err(TryLockError::Poisoned(poisoned)) => Some(Err(poisoned)),
        Err(TryLockError::WouldBlock) => None,
    }
}

impl<'rwlock, T: ?Sized> RwLockWriteGuard<'rwlock, T> {
    /// See [`std::sync::RwLockWriteGuard::downgrade`]. Never waits, and so says nothing about the lock order.
    #[track_caller]
    pub fn downgrade(s: Self) -> RwLockReadGuard<'rwlock, T> {
        let guard = ManuallyDrop::new(s);
        let meta = guard.meta;
        meta.released(Mode::Exclusive);
        meta.acquired(Mode::Shared, Attempt::Try, Location::caller());
        // SAFETY: `guard` is neither dropped nor used again, so this is the only copy of its field.
        let inner = unsafe { ptr::read(&raw const guard.inner) };
        RwLockReadGuard { inner: std::sync::RwLockWriteGuard::downgrade(inner), meta }
    }
}

impl<T: ?Sized> Named for RwLock<T> {
    fn set_name(&self, name: &str) {
        self.meta.lock.set_name(name);
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
        self.inner.fmt(f)
    }
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.meta.released(Mode::Shared);
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.meta.released(Mode::Exclusive);
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    #[inline]
    #[track_caller]
    fn deref(&self) -> &T {
        locks::looked(&self.meta.lock, false, Location::caller());
        &self.inner
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    #[inline]
    #[track_caller]
    fn deref(&self) -> &T {
        locks::looked(&self.meta.lock, false, Location::caller());
        &self.inner
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    #[track_caller]
    fn deref_mut(&mut self) -> &mut T {
        locks::looked(&self.meta.lock, true, Location::caller());
        &mut self.inner
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
