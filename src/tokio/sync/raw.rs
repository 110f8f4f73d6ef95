//! What the locks are made of: a semaphore of tokio, as its own locks are, so that the queue, its fairness, the budget and
//! the cancelling are tokio's; and what the recorder keeps beside it.
//!
//! tokio's own locks can't be used as they are: an owned guard would have to borrow from the [`Arc`](std::sync::Arc) that
//! it keeps.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::panic::Location;
use std::pin::pin;

use ::gordian::event::{Attempt, Mode, ObjectKind};
use ::gordian::runtime::Place;
use ::gordian::runtime::semaphores::{Hold, SemaphoreMeta};
use ::tokio::sync::{Semaphore, SemaphorePermit, TryLockError};

use super::super::wait::wait;
use super::super::{blocking, budget};

/// A lock without its value: so many units, of which a mutex and a writer take all, and a reader one.
pub(super) struct Raw {
    meta: SemaphoreMeta,
    semaphore: Semaphore,
    units: u32,
}

impl Raw {
    pub(super) const fn new(kind: ObjectKind, units: u32, created: Place) -> Self {
        let semaphore = Semaphore::const_new(units as usize);
        Self { meta: SemaphoreMeta::new(kind, created), semaphore, units }
    }

    pub(super) fn set_name(&self, name: &str) {
        self.meta.set_name(name);
    }

    #[inline]
    fn units(&self, mode: Mode) -> u32 {
        if matches!(mode, Mode::Exclusive) { self.units } else { 1 }
    }

    /// Takes the units, if they are there.
    #[inline]
    fn take(&self, units: u32) -> Option<()> {
        self.semaphore.try_acquire_many(units).ok().map(SemaphorePermit::forget)
    }

    /// Waits for the units.
    async fn wait(&self, units: u32, mode: Mode, place: Place) {
        let acquire = pin!(self.semaphore.acquire_many(units));
        match wait(acquire, || self.meta.wants(units, mode, place), place).await {
            Ok(permit) => permit.forget(),
            Err(_) => unreachable!("nobody closes the semaphore of a lock"),
        }
    }
}

/// tokio makes this error, and no one else can.
#[cold]
fn try_lock_error() -> TryLockError {
    static TAKEN: ::tokio::sync::Mutex<()> = ::tokio::sync::Mutex::const_new(());
    loop {
        let first = TAKEN.try_lock();
        if let Err(error) = first.and_then(|_guard| TAKEN.try_lock().map(drop)) {
            return error;
        }
    }
}

/// A lock, with or without its value.
pub(super) trait Lock {
    fn raw(&self) -> &Raw;
}

impl Lock for Raw {
    fn raw(&self) -> &Raw {
        self
    }
}

/// Who keeps a lock alive while it is held: a reference or an [`Arc`](std::sync::Arc).
pub(super) trait Keeper: Deref<Target: Lock> {
    /// May the guard outlive the future in which it was made?
    const OWNED: bool;
}

impl<L: Lock + ?Sized> Keeper for &L {
    const OWNED: bool = false;
}

impl<L: Lock + ?Sized> Keeper for std::sync::Arc<L> {
    const OWNED: bool = true;
}

/// A lock that is held, until this is dropped.
pub(super) struct Held<L: Keeper> {
    lock: L,
    units: u32,
    hold: Hold,
}

impl<L: Keeper> Held<L> {
    /// Takes the lock, and waits for it if need be.
    pub(super) async fn acquire(lock: L, mode: Mode, place: Place) -> Self {
        let units = lock.raw().units(mode);
        // Whoever comes while others wait finds no unit here, either: it is no way past them.
        if budget::spend(|| lock.raw().take(units)).is_none() {
            lock.raw().wait(units, mode, place).await;
        }
        Self::new(lock, units, mode, Attempt::Blocking, place)
    }

    /// As tokio does: panics where a thread must not block.
    #[track_caller]
    pub(super) fn blocking(lock: L, mode: Mode) -> Self {
        blocking::block_on(Self::acquire(lock, mode, Location::caller()))
    }

    #[track_caller]
    pub(super) fn try_acquire(lock: L, mode: Mode) -> Result<Self, TryLockError> {
        let units = lock.raw().units(mode);
        if lock.raw().take(units).is_none() {
            return Err(try_lock_error());
        }
        Ok(Self::new(lock, units, mode, Attempt::Try, Location::caller()))
    }

    #[inline]
    fn new(lock: L, units: u32, mode: Mode, attempt: Attempt, place: Place) -> Self {
        let hold = lock.raw().meta.acquired(units, mode, attempt, L::OWNED, place);
        Self { lock, units, hold }
    }

    pub(super) fn lock(&self) -> &L {
        &self.lock
    }

    /// The hold of a writer becomes one of a reader, with nobody in between.
    pub(super) fn downgrade(mut self) -> Self {
        let raw = self.lock.raw();
        raw.meta.downgraded(&mut self.hold, Mode::Shared);
        raw.semaphore.add_permits(self.units as usize - 1);
        self.units = 1;
        self
    }

    /// The user reads or writes what is guarded. `owns`: it owns something.
    #[inline]
    #[track_caller]
    pub(super) fn accessed(&self, write: bool, owns: bool) {
        self.lock.raw().meta.accessed(&self.hold, write, owns, Location::caller());
    }
}

impl<'a, L: Lock + ?Sized> Held<&'a L> {
    /// The same hold, of which the type does not say what the lock is for.
    pub(super) fn of_part(self) -> Held<&'a Raw> {
        let whole = ManuallyDrop::new(self);
        // SAFETY: it is not used again, and not dropped.
        let hold = unsafe { std::ptr::read(&raw const whole.hold) };
        Held { lock: whole.lock.raw(), units: whole.units, hold }
    }
}

impl<L: Keeper> Drop for Held<L> {
    #[inline]
    fn drop(&mut self) {
        let raw = self.lock.raw();
        raw.meta.released(&self.hold);
        raw.semaphore.add_permits(self.units as usize);
    }
}
