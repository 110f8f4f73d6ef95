//! [`tokio::sync::OnceCell`], watched.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::panic::Location;

use ::gordian::Named;
use ::gordian::runtime::leaf::Leaf;
use ::gordian::runtime::onces::InitMeta;
use ::tokio::sync::SetError;
use ::tokio::sync::{Semaphore, SemaphorePermit};

/// See [`tokio::sync::OnceCell`].
pub struct OnceCell<T> {
    inner: ::tokio::sync::OnceCell<T>,
    /// Who has its unit initialises the cell; closed when that is done. As in the original, but there nobody sees whether a
    /// future waits for it or has it.
    right: Semaphore,
    meta: InitMeta,
}

impl<T> OnceCell<T> {
    /// See [`tokio::sync::OnceCell::new`].
    #[track_caller]
    pub fn new() -> Self {
        Self::const_new()
    }

    /// See [`tokio::sync::OnceCell::const_new`].
    #[track_caller]
    pub const fn const_new() -> Self {
        Self {
            inner: ::tokio::sync::OnceCell::const_new(),
            right: Semaphore::const_new(1),
            meta: InitMeta::new(Location::caller()),
        }
    }

    /// See [`tokio::sync::OnceCell::new_with`].
    #[track_caller]
    pub fn new_with(value: Option<T>) -> Self {
        match value {
            Some(value) => Self::const_new_with(value),
            None => Self::new(),
        }
    }

    /// See [`tokio::sync::OnceCell::const_new_with`].
    #[track_caller]
    pub const fn const_new_with(value: T) -> Self {
        Self {
            inner: ::tokio::sync::OnceCell::const_new_with(value),
            right: Semaphore::const_new(0),
            meta: InitMeta::new(Location::caller()),
        }
    }

    /// See [`tokio::sync::OnceCell::initialized`].
    pub fn initialized(&self) -> bool {
        self.inner.initialized()
    }

    /// See [`tokio::sync::OnceCell::get`].
    pub fn get(&self) -> Option<&T> {
        let value = self.inner.get()?;
        self.meta.seen();
        Some(value)
    }

    /// See [`tokio::sync::OnceCell::get_mut`].
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.inner.get_mut()
    }

    /// See [`tokio::sync::OnceCell::set`].
    ///
    /// # Errors
    ///
    /// If the cell is initialised, or is being initialised.
    #[track_caller]
    pub fn set(&self, value: T) -> Result<(), SetError<T>> {
        if self.initialized() {
            return Err(SetError::AlreadyInitializedError(value));
        }
        match self.right.try_acquire() {
            Ok(right) => {
                self.meta.setting(Location::caller());
                self.fill(value, right);
                Ok(())
            }
            Err(_) if self.initialized() => Err(SetError::AlreadyInitializedError(value)),
            Err(_) => Err(SetError::InitializingError(value)),
        }
    }

    fn fill(&self, value: T, right: SemaphorePermit<'_>) {
        // Only one at a time has the right, and nobody any more after this.
        let filled = self.inner.set(value).is_ok();
        debug_assert!(filled, "the cell was empty");
        self.right.close();
        right.forget();
    }

    /// See [`tokio::sync::OnceCell::get_or_init`].
    #[track_caller]
    pub fn get_or_init<F, Fut>(&self, f: F) -> impl Future<Output = &T>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        let value = self.get_or_try_init(|| {
            let value = f();
            async { Ok::<T, Infallible>(value.await) }
        });
        async {
            let Ok(value) = value.await;
            value
        }
    }

    /// See [`tokio::sync::OnceCell::get_or_try_init`].
    ///
    /// # Errors
    ///
    /// The initialiser's.
    #[track_caller]
    pub fn get_or_try_init<E, F, Fut>(&self, f: F) -> impl Future<Output = Result<&T, E>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let place = Location::caller();
        async move {
            if !self.initialized()
                && let Ok(right) = Leaf::new(self.right.acquire(), self.meta.wants(place), place).await
            {
                // Given up before the right is.
                let _initialising = self.meta.begin(place);
                let value = f().await?;
                self.meta.setting(place);
                self.fill(value, right);
            }
            self.meta.seen();
            match self.inner.get() {
                Some(value) => Ok(value),
                None => unreachable!("whoever closes the semaphore has filled the cell"),
            }
        }
    }

    /// See [`tokio::sync::OnceCell::into_inner`].
    pub fn into_inner(self) -> Option<T> {
        self.inner.into_inner()
    }

    /// See [`tokio::sync::OnceCell::take`].
    pub fn take(&mut self) -> Option<T> {
        self.right = Semaphore::const_new(1);
        self.inner.take()
    }
}

impl<T> Named for OnceCell<T> {
    fn set_name(&self, name: &str) {
        self.meta.set_name(name);
    }
}

impl<T> Default for OnceCell<T> {
    #[track_caller]
    fn default() -> OnceCell<T> {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T: Clone> Clone for OnceCell<T> {
    #[track_caller]
    fn clone(&self) -> OnceCell<T> {
        OnceCell::new_with(self.get().cloned())
    }
}

impl<T: PartialEq> PartialEq for OnceCell<T> {
    fn eq(&self, other: &OnceCell<T>) -> bool {
        self.inner == other.inner
    }
}

impl<T: Eq> Eq for OnceCell<T> {}

impl<T> From<T> for OnceCell<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::const_new_with(value)
    }
}
