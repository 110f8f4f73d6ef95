//! [`async_lock::Semaphore`], watched.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use ::async_lock as real;
use ::gordian::Named;
use ::gordian::event::{Attempt, Mode, ObjectKind};
use ::gordian::runtime::Place;
use ::gordian::runtime::blocking::block_on;
use ::gordian::runtime::held::{self, Held, Keeper};
use ::gordian::runtime::leaf::Leaf;
use ::gordian::runtime::semaphores::SemaphoreMeta;

use super::macros::{acquires, opaque};

/// The original's permit. That it borrows from the semaphore is not to be seen in its type: it is always beside who keeps
/// that alive, and goes before it.
type RealGuard = real::SemaphoreGuard<'static>;
/// Its future, in its wait: the same.
type Wait = Leaf<real::futures::Acquire<'static>>;

/// See [`async_lock::Semaphore`].
pub struct Semaphore {
    meta: SemaphoreMeta,
    real: real::Semaphore,
}

impl Semaphore {
    /// See [`async_lock::Semaphore::new`]. The place of the call is the semaphore's class.
    #[track_caller]
    pub const fn new(n: usize) -> Semaphore {
        let meta = SemaphoreMeta::new(ObjectKind::Semaphore, Location::caller());
        Self { meta, real: real::Semaphore::new(n) }
    }

    /// See [`async_lock::Semaphore::try_acquire`].
    #[track_caller]
    pub fn try_acquire(&self) -> Option<SemaphoreGuard<'_>> {
        // SAFETY: the permit goes into the hold, beside the keeper.
        let guard = unsafe { self.real() }.try_acquire()?;
        Some(SemaphoreGuard(Held::new(self, guard, Mode::Exclusive, Attempt::Try, Location::caller())))
    }

    /// See [`async_lock::Semaphore::acquire`].
    #[track_caller]
    pub fn acquire(&self) -> Acquire<'_> {
        Acquire { acquire: held::Acquire::new(self, Mode::Exclusive, Location::caller()) }
    }

    /// See [`async_lock::Semaphore::acquire_blocking`].
    #[track_caller]
    pub fn acquire_blocking(&self) -> SemaphoreGuard<'_> {
        block_on(self.acquire())
    }

    /// See [`async_lock::Semaphore::try_acquire_arc`].
    #[track_caller]
    pub fn try_acquire_arc(self: &Arc<Self>) -> Option<SemaphoreGuardArc> {
        // SAFETY: the permit goes into the hold, beside the keeper.
        let guard = unsafe { self.real() }.try_acquire()?;
        let semaphore = Arc::clone(self);
        Some(SemaphoreGuardArc(Held::new(semaphore, guard, Mode::Exclusive, Attempt::Try, Location::caller())))
    }

    /// See [`async_lock::Semaphore::acquire_arc`].
    #[track_caller]
    pub fn acquire_arc(self: &Arc<Self>) -> AcquireArc {
        AcquireArc { acquire: held::Acquire::new(Arc::clone(self), Mode::Exclusive, Location::caller()) }
    }

    /// See [`async_lock::Semaphore::acquire_arc_blocking`].
    #[track_caller]
    pub fn acquire_arc_blocking(self: &Arc<Self>) -> SemaphoreGuardArc {
        block_on(self.acquire_arc())
    }

    /// See [`async_lock::Semaphore::add_permits`].
    #[track_caller]
    pub fn add_permits(&self, n: usize) {
        self.meta.added(n, Location::caller());
        self.real.add_permits(n);
    }

    /// See [`async_lock::Semaphore::available_permits`].
    pub fn available_permits(&self) -> usize {
        self.real.available_permits()
    }

    /// The original, for as long as the semaphore lives.
    ///
    /// # Safety
    ///
    /// What is made of it goes before the semaphore does.
    unsafe fn real(&self) -> &'static real::Semaphore {
        let real: *const _ = &self.real;
        // SAFETY: the caller sees to it.
        unsafe { &*real }
    }
}

fn attempt<L: Keeper<Target = Semaphore>>(semaphore: &L) -> Option<RealGuard> {
    // SAFETY: the permit goes into the hold, beside the keeper.
    unsafe { semaphore.real() }.try_acquire()
}

fn begin<L: Keeper<Target = Semaphore>>(semaphore: &L, place: Place) -> Wait {
    // SAFETY: the future stays in its `Acquire`, beside the keeper.
    let future = unsafe { semaphore.real() }.acquire();
    Leaf::new(future, semaphore.meta.wants(1, Mode::Exclusive, place), place)
}

impl held::Lock for Semaphore {
    fn meta(&self) -> &SemaphoreMeta {
        &self.meta
    }
}

impl Named for Semaphore {
    fn set_name(&self, name: &str) {
        self.meta.set_name(name);
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.real.fmt(f)
    }
}

/// See [`async_lock::futures::Acquire`].
pub struct Acquire<'a> {
    acquire: held::Acquire<&'a Semaphore, Wait>,
}

/// See [`async_lock::futures::AcquireArc`].
pub struct AcquireArc {
    acquire: held::Acquire<Arc<Semaphore>, Wait>,
}

acquires! {
    ['a] Acquire<'a> => SemaphoreGuard<'a>: attempt, begin, |held, this| SemaphoreGuard(held);
    [] AcquireArc => SemaphoreGuardArc: attempt, begin, |held, this| SemaphoreGuardArc(held);
}

opaque! {
    [] Acquire<'_> = "Acquire { .. }";
    [] AcquireArc = "AcquireArc { .. }";
}

/// See [`async_lock::SemaphoreGuard`].
#[clippy::has_significant_drop]
pub struct SemaphoreGuard<'a>(Held<&'a Semaphore, RealGuard>);

/// See [`async_lock::SemaphoreGuardArc`].
#[clippy::has_significant_drop]
pub struct SemaphoreGuardArc(Held<Arc<Semaphore>, RealGuard>);

impl SemaphoreGuard<'_> {
    /// See [`async_lock::SemaphoreGuard::forget`].
    pub fn forget(self) {
        self.0.forget(RealGuard::forget);
    }
}

impl SemaphoreGuardArc {
    /// See [`async_lock::SemaphoreGuardArc::forget`].
    pub fn forget(self) {
        self.0.forget(RealGuard::forget);
    }
}

impl fmt::Debug for SemaphoreGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SemaphoreGuard").field(self.0.lock()).finish()
    }
}

impl fmt::Debug for SemaphoreGuardArc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SemaphoreGuardArc").field(&Some(self.0.lock())).finish()
    }
}
