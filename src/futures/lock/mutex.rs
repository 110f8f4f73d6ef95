//! [`futures::lock::Mutex`], watched.

use std::cell::UnsafeCell;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::futures::future::FusedFuture;
use ::futures::lock as real;
use ::gordian::Named;
use ::gordian::event::{Attempt, Mode, ObjectKind};
use ::gordian::runtime::held::{Acquire, Held, Keeper, Lock};
use ::gordian::runtime::leaf::Leaf;
use ::gordian::runtime::semaphores::SemaphoreMeta;

use super::guards::{MutexGuard, OwnedMutexGuard};

/// The original's hold. That it borrows from the lock is not to be seen in its type: it is always beside who keeps the
/// lock alive, and goes before that.
pub(super) type RealGuard = real::MutexGuard<'static, ()>;
/// Its future, in its wait: the same.
type Wait = Leaf<real::MutexLockFuture<'static, ()>>;

/// See [`futures::lock::Mutex`].
pub struct Mutex<T: ?Sized> {
    meta: SemaphoreMeta,
    real: real::Mutex<()>,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through the lock alone, by one owner at a time: it is sent about, never shared.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    /// See [`futures::lock::Mutex::new`]. The place of the call is the lock's class.
    #[track_caller]
    pub fn new(t: T) -> Self {
        let meta = SemaphoreMeta::new(ObjectKind::Mutex, Location::caller());
        Self { meta, real: real::Mutex::new(()), value: UnsafeCell::new(t) }
    }

    /// See [`futures::lock::Mutex::into_inner`].
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// See [`futures::lock::Mutex::try_lock`].
    #[track_caller]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        try_lock(self).map(MutexGuard::new)
    }

    /// See [`futures::lock::Mutex::try_lock_owned`].
    #[track_caller]
    pub fn try_lock_owned(self: &Arc<Self>) -> Option<OwnedMutexGuard<T>> {
        try_lock(Arc::clone(self)).map(OwnedMutexGuard::new)
    }

    /// See [`futures::lock::Mutex::lock`].
    #[track_caller]
    pub fn lock(&self) -> MutexLockFuture<'_, T> {
        MutexLockFuture(Acquire::new(self, Mode::Exclusive, Location::caller()))
    }

    /// See [`futures::lock::Mutex::lock_owned`].
    #[track_caller]
    pub fn lock_owned(self: Arc<Self>) -> OwnedMutexLockFuture<T> {
        OwnedMutexLockFuture(Acquire::new(self, Mode::Exclusive, Location::caller()))
    }

    /// See [`futures::lock::Mutex::get_mut`].
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    pub(super) fn value(&self) -> *mut T {
        self.value.get()
    }

    /// The original, for as long as the lock lives.
    ///
    /// # Safety
    ///
    /// What is made of it goes before the lock does.
    unsafe fn real(&self) -> &'static real::Mutex<()> {
        let real: *const _ = &self.real;
        // SAFETY: the caller sees to it.
        unsafe { &*real }
    }
}

#[track_caller]
fn try_lock<T: ?Sized, L>(lock: L) -> Option<Held<L, RealGuard>>
where
    L: Keeper<Target = Mutex<T>>,
{
    // SAFETY: the guard goes into the hold, beside the keeper.
    let guard = unsafe { lock.real() }.try_lock()?;
    Some(Held::new(lock, guard, Mode::Exclusive, Attempt::Try, Location::caller()))
}

fn poll<T: ?Sized, L>(acquire: &mut Acquire<L, Wait>, cx: &mut Context<'_>) -> Poll<Held<L::Kept, RealGuard>>
where
    L: Keeper<Target = Mutex<T>> + Unpin,
{
    Pin::new(acquire).poll(
        cx,
        // SAFETY: the guard goes into the hold, beside the keeper.
        |lock| unsafe { lock.real() }.try_lock(),
        |lock, place| {
            let target = lock.meta.wants(1, Mode::Exclusive, place).without_grant();
            // SAFETY: the future stays in `Acquire`, beside the keeper.
            Leaf::new(unsafe { lock.real() }.lock(), target, place)
        },
    )
}

impl<T: ?Sized> Lock for Mutex<T> {
    fn meta(&self) -> &SemaphoreMeta {
        &self.meta
    }
}

impl<T: ?Sized> Named for Mutex<T> {
    fn set_name(&self, name: &str) {
        self.meta.set_name(name);
    }
}

impl<T: ?Sized> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.real.fmt(f)
    }
}

impl<T> From<T> for Mutex<T> {
    #[track_caller]
    fn from(t: T) -> Self {
        Self::new(t)
    }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

/// See [`futures::lock::MutexLockFuture`].
pub struct MutexLockFuture<'a, T: ?Sized>(Acquire<&'a Mutex<T>, Wait>);

/// See [`futures::lock::OwnedMutexLockFuture`].
pub struct OwnedMutexLockFuture<T: ?Sized>(Acquire<Arc<Mutex<T>>, Wait>);

// SAFETY: it has a reference to the mutex, and gives a guard.
unsafe impl<T: ?Sized + Send> Send for MutexLockFuture<'_, T> {}
// SAFETY: a shared one can be looked at by `Debug` only.
unsafe impl<T: ?Sized> Sync for MutexLockFuture<'_, T> {}
// SAFETY: it has a reference to the mutex, and gives a guard.
unsafe impl<T: ?Sized + Send> Send for OwnedMutexLockFuture<T> {}
// SAFETY: a shared one can be looked at by `Debug` only.
unsafe impl<T: ?Sized> Sync for OwnedMutexLockFuture<T> {}

impl<'a, T: ?Sized> Future for MutexLockFuture<'a, T> {
    type Output = MutexGuard<'a, T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll(&mut self.0, cx).map(MutexGuard::new)
    }
}

impl<T: ?Sized> Future for OwnedMutexLockFuture<T> {
    type Output = OwnedMutexGuard<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll(&mut self.0, cx).map(OwnedMutexGuard::new)
    }
}

impl<T: ?Sized> FusedFuture for MutexLockFuture<'_, T> {
    fn is_terminated(&self) -> bool {
        self.0.lock().is_none()
    }
}

impl<T: ?Sized> FusedFuture for OwnedMutexLockFuture<T> {
    fn is_terminated(&self) -> bool {
        self.0.lock().is_none()
    }
}

impl<T: ?Sized> fmt::Debug for MutexLockFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mutex = self.0.lock();
        let mut shown = f.debug_struct("MutexLockFuture");
        shown.field("was_acquired", &mutex.is_none()).field("mutex", &mutex).finish_non_exhaustive()
    }
}

impl<T: ?Sized> fmt::Debug for OwnedMutexLockFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mutex = self.0.lock();
        let mut shown = f.debug_struct("OwnedMutexLockFuture");
        shown.field("was_acquired", &mutex.is_none()).field("mutex", &mutex).finish_non_exhaustive()
    }
}
