//! [`async_lock::Mutex`], watched.

use std::cell::UnsafeCell;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use ::async_lock as real;
use ::gordian::Named;
use ::gordian::event::{Attempt, Mode, ObjectKind};
use ::gordian::runtime::Place;
use ::gordian::runtime::blocking::block_on;
use ::gordian::runtime::guards::{shown_guards, writers};
use ::gordian::runtime::held::{self, Acquire, Held, Keeper};
use ::gordian::runtime::leaf::Leaf;
use ::gordian::runtime::semaphores::SemaphoreMeta;

use super::macros::{acquires, opaque};

/// The original's hold. That it borrows from the lock is not to be seen in its type: it is always beside who keeps the
/// lock alive, and goes before that.
type RealGuard = real::MutexGuard<'static, ()>;
/// Its future, in its wait: the same.
type Wait = Leaf<real::futures::Lock<'static, ()>>;

/// See [`async_lock::Mutex`].
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
    /// See [`async_lock::Mutex::new`]. The place of the call is the lock's class.
    #[track_caller]
    pub const fn new(data: T) -> Mutex<T> {
        let meta = SemaphoreMeta::new(ObjectKind::Mutex, Location::caller());
        Self { meta, real: real::Mutex::new(()), value: UnsafeCell::new(data) }
    }

    /// See [`async_lock::Mutex::into_inner`].
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// See [`async_lock::Mutex::lock`].
    #[track_caller]
    pub fn lock(&self) -> Lock<'_, T> {
        Lock { acquire: Acquire::new(self, Mode::Exclusive, Location::caller()) }
    }

    /// See [`async_lock::Mutex::lock_blocking`].
    #[track_caller]
    pub fn lock_blocking(&self) -> MutexGuard<'_, T> {
        block_on(self.lock())
    }

    /// See [`async_lock::Mutex::try_lock`].
    #[track_caller]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let guard = attempt(&self)?;
        Some(MutexGuard::new(Held::new(self, guard, Mode::Exclusive, Attempt::Try, Location::caller())))
    }

    /// See [`async_lock::Mutex::get_mut`].
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// See [`async_lock::Mutex::lock_arc`].
    #[track_caller]
    pub fn lock_arc(self: &Arc<Self>) -> LockArc<T> {
        LockArc { acquire: Acquire::new(Arc::clone(self), Mode::Exclusive, Location::caller()) }
    }

    /// See [`async_lock::Mutex::lock_arc_blocking`].
    #[track_caller]
    pub fn lock_arc_blocking(self: &Arc<Self>) -> MutexGuardArc<T> {
        block_on(self.lock_arc())
    }

    /// See [`async_lock::Mutex::try_lock_arc`].
    #[track_caller]
    pub fn try_lock_arc(self: &Arc<Self>) -> Option<MutexGuardArc<T>> {
        let guard = attempt(self)?;
        let held = Held::new(Arc::clone(self), guard, Mode::Exclusive, Attempt::Try, Location::caller());
        Some(MutexGuardArc::new(held))
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

fn attempt<T: ?Sized, L: Keeper<Target = Mutex<T>>>(lock: &L) -> Option<RealGuard> {
    // SAFETY: the guard goes into the hold, beside the keeper.
    unsafe { lock.real() }.try_lock()
}

fn begin<T: ?Sized, L: Keeper<Target = Mutex<T>>>(lock: &L, place: Place) -> Wait {
    // SAFETY: the future stays in its `Acquire`, beside the keeper.
    let future = unsafe { lock.real() }.lock();
    Leaf::new(future, lock.meta.wants(1, Mode::Exclusive, place), place)
}

impl<T: ?Sized> held::Lock for Mutex<T> {
    fn meta(&self) -> &SemaphoreMeta {
        &self.meta
    }
}

impl<T: ?Sized> Named for Mutex<T> {
    fn set_name(&self, name: &str) {
        self.meta.set_name(name);
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Mutex");
        match self.try_lock() {
            Some(guard) => shown.field("data", &&*guard),
            None => shown.field("data", &format_args!("<locked>")),
        };
        shown.finish()
    }
}

impl<T> From<T> for Mutex<T> {
    #[track_caller]
    fn from(val: T) -> Mutex<T> {
        Self::new(val)
    }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Mutex<T> {
        Self::new(T::default())
    }
}

/// See [`async_lock::futures::Lock`].
pub struct Lock<'a, T: ?Sized> {
    acquire: Acquire<&'a Mutex<T>, Wait>,
}

/// See [`async_lock::futures::LockArc`].
pub struct LockArc<T: ?Sized> {
    acquire: Acquire<Arc<Mutex<T>>, Wait>,
}

// SAFETY, for these four: a future has a reference to the mutex, and gives a guard; a shared one gives nothing.

// SAFETY: see above.
unsafe impl<T: ?Sized + Send> Send for Lock<'_, T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Sync> Sync for Lock<'_, T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Send> Send for LockArc<T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Sync> Sync for LockArc<T> {}

acquires! {
    ['a, T: ?Sized] Lock<'a, T> => MutexGuard<'a, T>: attempt, begin, |held, this| MutexGuard::new(held);
    [T: ?Sized] LockArc<T> => MutexGuardArc<T>: attempt, begin, |held, this| MutexGuardArc::new(held);
}

opaque! {
    [T: ?Sized] Lock<'_, T> = "Lock { .. }";
}

/// See [`async_lock::MutexGuard`].
#[clippy::has_significant_drop]
pub struct MutexGuard<'a, T: ?Sized> {
    held: Held<&'a Mutex<T>, RealGuard>,
    data: *mut T,
}

/// See [`async_lock::MutexGuardArc`].
#[clippy::has_significant_drop]
pub struct MutexGuardArc<T: ?Sized> {
    held: Held<Arc<Mutex<T>>, RealGuard>,
    data: *mut T,
}

// SAFETY: the pointer is a mutable reference in all but name.
unsafe impl<T: ?Sized + Send> Send for MutexGuard<'_, T> {}
// SAFETY: a shared guard gives a shared value.
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T> {}
// SAFETY: the pointer is a mutable reference in all but name; the mutex is let go of, and maybe dropped, elsewhere.
unsafe impl<T: ?Sized + Send> Send for MutexGuardArc<T> {}
// SAFETY: a shared guard gives a shared value.
unsafe impl<T: ?Sized + Sync> Sync for MutexGuardArc<T> {}

shown_guards! {
    MutexGuard<'a, T> of T;
    MutexGuardArc<T> of T;
}

writers! {
    MutexGuard<'a, T> of T;
    MutexGuardArc<T> of T;
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    fn new(held: Held<&'a Mutex<T>, RealGuard>) -> Self {
        let data = held.lock().value.get();
        Self { held, data }
    }

    /// See [`async_lock::MutexGuard::source`].
    pub fn source(guard: &MutexGuard<'a, T>) -> &'a Mutex<T> {
        guard.held.lock()
    }
}

impl<T: ?Sized> MutexGuardArc<T> {
    fn new(held: Held<Arc<Mutex<T>>, RealGuard>) -> Self {
        let data = held.lock().value.get();
        Self { held, data }
    }

    /// See [`async_lock::MutexGuardArc::source`].
    pub fn source(guard: &Self) -> &Arc<Mutex<T>>
    where
        // As the original: what is shared may be dropped elsewhere.
        T: Send,
    {
        guard.held.lock()
    }
}
