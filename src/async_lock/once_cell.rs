//! [`async_lock::OnceCell`], watched.

use std::convert::Infallible;
use std::fmt;
use std::panic::Location;

use ::async_lock as real;
use ::gordian::Named;
use ::gordian::runtime::Place;
use ::gordian::runtime::blocking::block_on;
use ::gordian::runtime::leaf::Leaf;
use ::gordian::runtime::onces::InitMeta;
use ::gordian::runtime::tasks::blocking;
use real::{Semaphore, SemaphoreGuard};

/// More units than there will ever be futures.
const FOR_ALL: usize = usize::MAX / 2;

/// See [`async_lock::OnceCell`].
pub struct OnceCell<T> {
    real: real::OnceCell<T>,
    /// Who has its unit initialises the cell; there are enough for all when that is done. Its queue is that of the original,
    /// but there nobody sees whether a future waits or initialises.
    right: Semaphore,
    meta: InitMeta,
}

impl<T> OnceCell<T> {
    /// See [`async_lock::OnceCell::new`].
    #[track_caller]
    pub const fn new() -> Self {
        Self { real: real::OnceCell::new(), right: Semaphore::new(1), meta: InitMeta::new(Location::caller()) }
    }

    /// See [`async_lock::OnceCell::is_initialized`].
    pub fn is_initialized(&self) -> bool {
        self.real.is_initialized()
    }

    /// See [`async_lock::OnceCell::get`].
    pub fn get(&self) -> Option<&T> {
        let value = self.real.get()?;
        self.meta.seen();
        Some(value)
    }

    /// See [`async_lock::OnceCell::get_mut`].
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.real.get_mut()
    }

    /// See [`async_lock::OnceCell::take`].
    pub fn take(&mut self) -> Option<T> {
        let value = self.real.take()?;
        self.right = Semaphore::new(1);
        Some(value)
    }

    /// See [`async_lock::OnceCell::into_inner`].
    pub fn into_inner(self) -> Option<T> {
        self.real.into_inner()
    }

    /// See [`async_lock::OnceCell::wait`].
    #[track_caller]
    pub fn wait(&self) -> impl Future<Output = &T> {
        let place = Location::caller();
        async move {
            if !self.is_initialized() {
                Leaf::new(self.real.wait(), self.meta.wants_set(), place).await;
            }
            self.initialised()
        }
    }

    /// See [`async_lock::OnceCell::wait_blocking`].
    #[track_caller]
    pub fn wait_blocking(&self) -> &T {
        block_on(self.wait())
    }

    /// See [`async_lock::OnceCell::get_or_try_init`].
    ///
    /// # Errors
    ///
    /// The closure's.
    #[track_caller]
    pub fn get_or_try_init<E, Fut: Future<Output = Result<T, E>>>(
        &self,
        closure: impl FnOnce() -> Fut,
    ) -> impl Future<Output = Result<&T, E>> {
        let place = Location::caller();
        async move {
            if let Some(right) = self.right(place).await {
                // Given up before the right is.
                let _initialising = self.meta.begin(place);
                self.real
                    .get_or_try_init(|| async {
                        let value = closure().await?;
                        self.meta.setting(place);
                        Ok(value)
                    })
                    .await?;
                self.open(right);
            }
            Ok(self.initialised())
        }
    }

    /// See [`async_lock::OnceCell::get_or_try_init_blocking`].
    ///
    /// # Errors
    ///
    /// The closure's.
    #[track_caller]
    pub fn get_or_try_init_blocking<E>(&self, closure: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        let place = Location::caller();
        if let Some(right) = block_on(self.right(place)) {
            // Given up before the right is.
            let _initialising = blocking(|| self.meta.begin(place));
            self.real.get_or_try_init_blocking(|| {
                let value = closure()?;
                self.meta.setting(place);
                Ok(value)
            })?;
            self.open(right);
        }
        Ok(self.initialised())
    }

    /// See [`async_lock::OnceCell::get_or_init`].
    #[track_caller]
    pub fn get_or_init<Fut: Future<Output = T>>(&self, closure: impl FnOnce() -> Fut) -> impl Future<Output = &T> {
        let value = self.get_or_try_init(move || async move { Ok::<T, Infallible>(closure().await) });
        async {
            let Ok(value) = value.await;
            value
        }
    }

    /// See [`async_lock::OnceCell::get_or_init_blocking`].
    #[track_caller]
    pub fn get_or_init_blocking(&self, closure: impl FnOnce() -> T + Unpin) -> &T {
        let Ok(value) = self.get_or_try_init_blocking(move || Ok::<T, Infallible>(closure()));
        value
    }

    /// See [`async_lock::OnceCell::set`].
    ///
    /// # Errors
    ///
    /// The value, if there is one already.
    #[track_caller]
    pub fn set(&self, value: T) -> impl Future<Output = Result<&T, T>> {
        let place = Location::caller();
        async move {
            match self.right(place).await {
                Some(right) => self.fill(value, right, place),
                None => Err(value),
            }
        }
    }

    /// See [`async_lock::OnceCell::set_blocking`].
    ///
    /// # Errors
    ///
    /// The value, if there is one already.
    #[track_caller]
    pub fn set_blocking(&self, value: T) -> Result<&T, T> {
        let place = Location::caller();
        match block_on(self.right(place)) {
            Some(right) => self.fill(value, right, place),
            None => Err(value),
        }
    }

    /// See [`async_lock::OnceCell::try_set`].
    ///
    /// # Errors
    ///
    /// The value, if there is one already, or will be.
    #[track_caller]
    pub fn try_set(&self, value: T) -> Result<(), T> {
        match self.right.try_acquire() {
            Some(right) => self.fill(value, right, Location::caller()).map(drop),
            None => Err(value),
        }
    }

    /// See [`async_lock::OnceCell::get_unchecked`].
    ///
    /// # Safety
    ///
    /// There is a value.
    pub unsafe fn get_unchecked(&self) -> &T {
        // SAFETY: the caller sees to it.
        unsafe { self.real.get_unchecked() }
    }

    /// The right to initialise it, which is waited for if need be; none: it is initialised.
    async fn right(&self, place: Place) -> Option<SemaphoreGuard<'_>> {
        if self.is_initialized() {
            return None;
        }
        let right = match self.right.try_acquire() {
            Some(right) => right,
            None => Leaf::new(self.right.acquire(), self.meta.wants(place), place).await,
        };
        if self.is_initialized() {
            // There are enough.
            right.forget();
            return None;
        }
        Some(right)
    }

    /// It is initialised, and nobody waits for the right any more.
    fn open(&self, right: SemaphoreGuard<'_>) {
        right.forget();
        self.right.add_permits(FOR_ALL);
    }

    /// Who has the right sets the value, unless one of those that are enough for all was it.
    fn fill(&self, value: T, right: SemaphoreGuard<'_>, place: Place) -> Result<&T, T> {
        if self.is_initialized() {
            right.forget();
            return Err(value);
        }
        self.meta.setting(place);
        self.real.try_set(value)?;
        self.open(right);
        Ok(self.initialised())
    }

    fn initialised(&self) -> &T {
        self.get().expect("it has been initialised")
    }
}

impl<T> Named for OnceCell<T> {
    fn set_name(&self, name: &str) {
        self.meta.set_name(name);
    }
}

impl<T> From<T> for OnceCell<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        let meta = InitMeta::new(Location::caller());
        Self { real: real::OnceCell::from(value), right: Semaphore::new(FOR_ALL), meta }
    }
}

impl<T> Default for OnceCell<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.real.fmt(f)
    }
}
