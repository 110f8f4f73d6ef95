//! [`tokio::sync::Semaphore`], watched.

use std::fmt;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;

use ::gordian::Named;
use ::gordian::event::{Attempt, Mode, ObjectKind};
use ::gordian::runtime::Place;
use ::gordian::runtime::semaphores::{Hold, SemaphoreMeta};
use ::tokio::sync::{AcquireError, SemaphorePermit as Permit, TryAcquireError};

use super::super::blocking::block_on;
use super::super::budget;
use super::super::wait::wait;

/// See [`tokio::sync::Semaphore`].
pub struct Semaphore {
    inner: ::tokio::sync::Semaphore,
    meta: SemaphoreMeta,
}

impl Semaphore {
    /// See [`tokio::sync::Semaphore::MAX_PERMITS`].
    pub const MAX_PERMITS: usize = ::tokio::sync::Semaphore::MAX_PERMITS;

    /// See [`tokio::sync::Semaphore::new`]. The place of the call is the semaphore's class.
    ///
    /// # Panics
    ///
    /// If there are more than [`Self::MAX_PERMITS`].
    #[track_caller]
    pub fn new(permits: usize) -> Self {
        Self {
            inner: ::tokio::sync::Semaphore::new(permits),
            meta: SemaphoreMeta::new(ObjectKind::Semaphore, Location::caller()),
        }
    }

    /// See [`tokio::sync::Semaphore::const_new`].
    #[track_caller]
    pub const fn const_new(permits: usize) -> Self {
        Self {
            inner: ::tokio::sync::Semaphore::const_new(permits),
            meta: SemaphoreMeta::new(ObjectKind::Semaphore, Location::caller()),
        }
    }

    /// See [`tokio::sync::Semaphore::available_permits`].
    pub fn available_permits(&self) -> usize {
        self.inner.available_permits()
    }

    /// See [`tokio::sync::Semaphore::add_permits`].
    ///
    /// # Panics
    ///
    /// If there are more than [`Self::MAX_PERMITS`] then.
    #[track_caller]
    pub fn add_permits(&self, n: usize) {
        self.meta.added(n, Location::caller());
        self.inner.add_permits(n);
    }

    /// See [`tokio::sync::Semaphore::forget_permits`].
    pub fn forget_permits(&self, n: usize) -> usize {
        self.inner.forget_permits(n)
    }

    /// See [`tokio::sync::Semaphore::acquire`].
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    #[track_caller]
    pub fn acquire(&self) -> impl Future<Output = Result<SemaphorePermit<'_>, AcquireError>> {
        self.acquire_many(1)
    }

    /// See [`tokio::sync::Semaphore::acquire_many`].
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    #[track_caller]
    pub fn acquire_many(&self, n: u32) -> impl Future<Output = Result<SemaphorePermit<'_>, AcquireError>> {
        let place = Location::caller();
        async move { Ok(SemaphorePermit(Units::acquire(self, n, place).await?)) }
    }

    /// See [`tokio::sync::Semaphore::try_acquire`].
    ///
    /// # Errors
    ///
    /// If there is no permit at once.
    #[track_caller]
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// See [`tokio::sync::Semaphore::try_acquire_many`].
    ///
    /// # Errors
    ///
    /// If there are not so many permits at once.
    #[track_caller]
    pub fn try_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        Units::try_acquire(self, n).map(SemaphorePermit)
    }

    /// See [`tokio::sync::Semaphore::blocking_acquire`].
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    ///
    /// # Panics
    ///
    /// Within an asynchronous context.
    #[track_caller]
    pub fn blocking_acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.blocking_acquire_many(1)
    }

    /// See [`tokio::sync::Semaphore::blocking_acquire_many`].
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    ///
    /// # Panics
    ///
    /// Within an asynchronous context.
    #[track_caller]
    pub fn blocking_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        block_on(self.acquire_many(n))
    }

    /// See [`tokio::sync::Semaphore::acquire_owned`].
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    #[track_caller]
    pub fn acquire_owned(self: Arc<Self>) -> impl Future<Output = Result<OwnedSemaphorePermit, AcquireError>> {
        self.acquire_many_owned(1)
    }

    /// See [`tokio::sync::Semaphore::acquire_many_owned`].
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    #[track_caller]
    pub fn acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> impl Future<Output = Result<OwnedSemaphorePermit, AcquireError>> {
        let place = Location::caller();
        async move { Ok(OwnedSemaphorePermit(Units::acquire(self, n, place).await?)) }
    }

    /// See [`tokio::sync::Semaphore::try_acquire_owned`].
    ///
    /// # Errors
    ///
    /// If there is no permit at once.
    #[track_caller]
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// See [`tokio::sync::Semaphore::try_acquire_many_owned`].
    ///
    /// # Errors
    ///
    /// If there are not so many permits at once.
    #[track_caller]
    pub fn try_acquire_many_owned(self: Arc<Self>, n: u32) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        Units::try_acquire(self, n).map(OwnedSemaphorePermit)
    }

    /// See [`tokio::sync::Semaphore::blocking_acquire_owned`].
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    ///
    /// # Panics
    ///
    /// Within an asynchronous context.
    #[track_caller]
    pub fn blocking_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.blocking_acquire_many_owned(1)
    }

    /// See [`tokio::sync::Semaphore::blocking_acquire_many_owned`].
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    ///
    /// # Panics
    ///
    /// Within an asynchronous context.
    #[track_caller]
    pub fn blocking_acquire_many_owned(self: Arc<Self>, n: u32) -> Result<OwnedSemaphorePermit, AcquireError> {
        block_on(self.acquire_many_owned(n))
    }

    /// See [`tokio::sync::Semaphore::close`].
    #[track_caller]
    pub fn close(&self) {
        self.meta.closed(Location::caller());
        self.inner.close();
    }

    /// See [`tokio::sync::Semaphore::is_closed`].
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }
}

impl Named for Semaphore {
    fn set_name(&self, name: &str) {
        self.meta.set_name(name);
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// See [`tokio::sync::SemaphorePermit`].
#[must_use]
#[clippy::has_significant_drop]
pub struct SemaphorePermit<'a>(Units<&'a Semaphore>);

/// See [`tokio::sync::OwnedSemaphorePermit`].
#[must_use]
#[clippy::has_significant_drop]
pub struct OwnedSemaphorePermit(Units<Arc<Semaphore>>);

/// Who keeps a semaphore alive.
trait Keeper: Deref<Target = Semaphore> {
    const OWNED: bool;
}

impl Keeper for &Semaphore {
    const OWNED: bool = false;
}

impl Keeper for Arc<Semaphore> {
    const OWNED: bool = true;
}

/// Units that are held, until this is dropped.
struct Units<S: Keeper> {
    semaphore: S,
    units: usize,
    hold: Hold,
}

impl<S: Keeper> Units<S> {
    async fn acquire(semaphore: S, units: u32, place: Place) -> Result<Self, AcquireError> {
        // As in locks: it is no way past those who wait. That it is closed, is seen by the original.
        if budget::spend(|| semaphore.inner.try_acquire_many(units).ok().map(Permit::forget)).is_none() {
            let acquire = pin!(semaphore.inner.acquire_many(units));
            wait(acquire, || semaphore.meta.wants(units, Mode::Exclusive, place), place).await?.forget();
        }
        Ok(Self::new(semaphore, units, Attempt::Blocking, place))
    }

    #[track_caller]
    fn try_acquire(semaphore: S, units: u32) -> Result<Self, TryAcquireError> {
        semaphore.inner.try_acquire_many(units)?.forget();
        Ok(Self::new(semaphore, units, Attempt::Try, Location::caller()))
    }

    #[inline]
    fn new(semaphore: S, units: u32, attempt: Attempt, place: Place) -> Self {
        let hold = semaphore.meta.acquired(units, Mode::Exclusive, attempt, S::OWNED, place);
        Self { semaphore, units: units as usize, hold }
    }

    /// Without giving the units back, and without what keeps the semaphore alive.
    fn into_parts(self) -> (usize, Hold) {
        let mut whole = ManuallyDrop::new(self);
        // SAFETY: neither is used again, nor dropped.
        unsafe {
            std::ptr::drop_in_place(&mut whole.semaphore);
            (whole.units, std::ptr::read(&raw const whole.hold))
        }
    }

    fn forget(self) {
        let mut whole = ManuallyDrop::new(self);
        whole.semaphore.meta.forgotten(&whole.hold);
        // SAFETY: it is not used again, nor dropped.
        unsafe { std::ptr::drop_in_place(&mut whole.semaphore) };
    }

    #[track_caller]
    fn merge(&mut self, other: Self) {
        assert!(
            std::ptr::eq(&*self.semaphore, &*other.semaphore),
            "merging permits from different semaphore instances"
        );
        let (units, hold) = other.into_parts();
        self.units = self.units.checked_add(units).expect("number of permits overflowed");
        self.hold.merge(hold);
    }
}

impl<S: Keeper + Clone> Units<S> {
    fn split(&mut self, units: usize) -> Option<Self> {
        self.units = self.units.checked_sub(units)?;
        let hold = self.hold.split(u32::try_from(units).unwrap_or(u32::MAX));
        Some(Self { semaphore: self.semaphore.clone(), units, hold })
    }
}

impl<S: Keeper> Drop for Units<S> {
    #[inline]
    fn drop(&mut self) {
        self.semaphore.meta.released(&self.hold);
        self.semaphore.inner.add_permits(self.units);
    }
}

/// What both kinds of permits can do.
macro_rules! permits {
    ($name:ident $(<$lifetime:lifetime>)?, $semaphore:ty) => {
        impl $name $(<$lifetime>)? {
            #[doc = concat!("See [`tokio::sync::", stringify!($name), "::forget`].")]
            pub fn forget(self) {
                self.0.forget();
            }

            #[doc = concat!("See [`tokio::sync::", stringify!($name), "::merge`].")]
            ///
            /// # Panics
            ///
            /// If the permits are of different semaphores.
            #[track_caller]
            pub fn merge(&mut self, other: Self) {
                self.0.merge(other.0);
            }

            #[doc = concat!("See [`tokio::sync::", stringify!($name), "::split`].")]
            pub fn split(&mut self, n: usize) -> Option<Self> {
                self.0.split(n).map(Self)
            }

            #[doc = concat!("See [`tokio::sync::", stringify!($name), "::semaphore`].")]
            pub fn semaphore(&self) -> $semaphore {
                &self.0.semaphore
            }

            #[doc = concat!("See [`tokio::sync::", stringify!($name), "::num_permits`].")]
            pub fn num_permits(&self) -> usize {
                self.0.units
            }
        }

        impl fmt::Debug for $name $(<$lifetime>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut shown = f.debug_struct(stringify!($name));
                shown.field("sem", &self.0.semaphore).field("permits", &self.0.units).finish()
            }
        }
    };
}

permits!(SemaphorePermit<'_>, &Semaphore);
permits!(OwnedSemaphorePermit, &Arc<Semaphore>);
