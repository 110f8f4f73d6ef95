//! [`std::sync::Mutex`], watched.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::{LockResult, PoisonError, TryLockError, TryLockResult};

use crate::event::{Attempt, Mode, ObjectKind};
use crate::name::Named;
use crate::record::locks::{self, LockMeta};

/// [`std::sync::Mutex`], watched: same interface, same poisoning.
pub struct Mutex<T: ?Sized> {
    meta: LockMeta,
    // Last, so that `Arc<Mutex<T>>` coerces to `Arc<Mutex<dyn Trait>>`.
    inner: std::sync::Mutex<T>,
}

/// [`std::sync::MutexGuard`], watched.
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct MutexGuard<'a, T: ?Sized + 'a> {
    inner: std::sync::MutexGuard<'a, T>,
    // The whole mutex: a condvar takes it again.
    mutex: &'a Mutex<T>,
}

/// Tries that a contended lock gets before the thread is entered as waiting: most waits are shorter than that.
const TRIES: u32 = 7;

/// Pauses before each of them, each twice as long as the one before: a try takes the lock's memory away from its holder.
pub(crate) fn pauses() -> impl Iterator<Item = ()> {
    (0..TRIES).map(|pause| (0..1 << pause).for_each(|_| std::hint::spin_loop()))
}

impl<T> Mutex<T> {
    /// See [`std::sync::Mutex::new`]. The place of the call is the lock's class.
    #[inline]
    #[track_caller]
    pub const fn new(value: T) -> Self {
        Self { meta: LockMeta::new(ObjectKind::Mutex, Location::caller()), inner: std::sync::Mutex::new(value) }
    }

    /// See [`std::sync::Mutex::into_inner`].
    ///
    /// # Errors
    ///
    /// If the mutex is poisoned.
    pub fn into_inner(self) -> LockResult<T> {
        self.inner.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// See [`std::sync::Mutex::lock`].
    ///
    /// # Errors
    ///
    /// If the mutex is poisoned.
    #[inline(always)]
    #[track_caller]
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        self.lock_at(Location::caller())
    }

    /// [`lock`](Self::lock) on behalf of the operation at `place`.
    #[inline(always)]
    pub(super) fn lock_at(&self, place: &'static Location<'static>) -> LockResult<MutexGuard<'_, T>> {
        self.meta.prefetch();
        let inner = match self.inner.try_lock() {
            Ok(inner) => inner,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => self.lock_contended(place),
        };
        locks::acquired(&self.meta, Attempt::Blocking, place);
        let guard = MutexGuard { inner, mutex: self };
        // Asked after the hook: what it was before would have to be kept somewhere.
        if self.inner.is_poisoned() { Err(PoisonError::new(guard)) } else { Ok(guard) }
    }

    /// What the recorder knows of the mutex.
    pub(super) fn meta(&self) -> &LockMeta {
        &self.meta
    }

    /// Whether the lock is poisoned is left to the caller: the bare guard is returned in registers, and nothing of the hot
    /// path has to go through memory.
    #[cold]
    #[inline(never)]
    fn lock_contended(&self, place: &'static Location<'static>) -> std::sync::MutexGuard<'_, T> {
        for () in pauses() {
            match self.inner.try_lock() {
                Ok(guard) => return guard,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        let _waiting = locks::request(&self.meta, Mode::Exclusive, false, place);
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// See [`std::sync::Mutex::try_lock`].
    ///
    /// # Errors
    ///
    /// If the mutex is held, or poisoned.
    #[inline]
    #[track_caller]
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        let place = Location::caller();
        let result = match self.inner.try_lock() {
            Ok(guard) => Ok(guard),
            Err(TryLockError::Poisoned(poisoned)) => Err(poisoned),
            Err(TryLockError::WouldBlock) => {
                locks::missed(&self.meta, Mode::Exclusive, place);
                return Err(TryLockError::WouldBlock);
            }
        };
        locks::acquired(&self.meta, Attempt::Try, place);
        self.guard(result).map_err(TryLockError::Poisoned)
    }

    #[inline(always)]
    fn guard<'a>(&'a self, result: LockResult<std::sync::MutexGuard<'a, T>>) -> LockResult<MutexGuard<'a, T>> {
        match result {
            Ok(inner) => Ok(MutexGuard { inner, mutex: self }),
            Err(poisoned) => Err(PoisonError::new(MutexGuard { inner: poisoned.into_inner(), mutex: self })),
        }
    }

    /// See [`std::sync::Mutex::is_poisoned`].
    #[inline]
    #[track_caller]
    pub fn is_poisoned(&self) -> bool {
        let poisoned = self.inner.is_poisoned();
        if poisoned {
            locks::seen_poisoned(&self.meta, Location::caller());
        }
        poisoned
    }

    /// See [`std::sync::Mutex::clear_poison`].
    #[inline]
    #[track_caller]
    pub fn clear_poison(&self) {
        if self.inner.is_poisoned() {
            locks::seen_poisoned(&self.meta, Location::caller());
        }
        self.inner.clear_poison();
    }

    /// See [`std::sync::Mutex::get_mut`].
    ///
    /// # Errors
    ///
    /// If the mutex is poisoned.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        self.inner.get_mut()
    }
}

// SAFETY: through a shared guard only `&T` is reached, and `T` is `Sync`. The mutex behind it, which asks for more, is
// used only by the owner of the guard, and a guard stays on the thread that took it.
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T> {}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// The mutex of the guard.
    pub(super) fn mutex(&self) -> &'a Mutex<T> {
        self.mutex
    }
}

impl<T: ?Sized> Named for Mutex<T> {
    fn set_name(&self, name: &str) {
        self.meta.set_name(name);
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
        self.inner.fmt(f)
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        locks::released_or_poisoned(&self.mutex.meta);
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    #[track_caller]
    fn deref(&self) -> &T {
        locks::looked(&self.mutex.meta, false, Location::caller());
        &self.inner
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    #[track_caller]
    fn deref_mut(&mut self) -> &mut T {
        locks::looked(&self.mutex.meta, true, Location::caller());
        &mut self.inner
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
