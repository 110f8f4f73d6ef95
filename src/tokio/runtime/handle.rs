//! [`tokio::runtime::Handle`], watched.

use std::fmt;
use std::future::Future;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};

use ::gordian::runtime::tasks::{EnteredRuntime, RuntimeMeta};
use ::tokio::runtime::{RuntimeFlavor, RuntimeMetrics, TryCurrentError};

use crate::tokio::task::{Job, JoinHandle, Spawned, current};

/// See [`tokio::runtime::Handle`].
#[derive(Clone)]
pub struct Handle {
    inner: ::tokio::runtime::Handle,
    meta: RuntimeMeta,
}

/// See [`tokio::runtime::EnterGuard`].
#[must_use = "Creating and dropping a guard does nothing"]
pub struct EnterGuard<'a> {
    #[allow(dead_code, reason = "it is the drop that counts")]
    entered: EnteredRuntime,
    inner: ::tokio::runtime::EnterGuard<'a>,
}

// SAFETY: by a shared reference, there is nothing in it to be had.
unsafe impl Sync for EnterGuard<'_> {}

impl fmt::Debug for EnterGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl Handle {
    pub(super) fn new(inner: ::tokio::runtime::Handle, meta: RuntimeMeta) -> Self {
        Self { inner, meta }
    }

    pub(crate) fn meta(&self) -> &RuntimeMeta {
        &self.meta
    }

    pub(crate) fn inner(&self) -> &::tokio::runtime::Handle {
        &self.inner
    }

    /// See [`tokio::runtime::Handle::enter`].
    pub fn enter(&self) -> EnterGuard<'_> {
        EnterGuard { entered: self.meta.enter(), inner: self.inner.enter() }
    }

    /// See [`tokio::runtime::Handle::current`].
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn current() -> Self {
        Self { inner: ::tokio::runtime::Handle::current(), meta: current(Location::caller()) }
    }

    /// See [`tokio::runtime::Handle::try_current`].
    ///
    /// # Errors
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn try_current() -> Result<Self, TryCurrentError> {
        Ok(Self { inner: ::tokio::runtime::Handle::try_current()?, meta: current(Location::caller()) })
    }

    /// See [`tokio::runtime::Handle::spawn`].
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let Spawned { future, record } = Spawned::new(self.meta.clone(), None, future, Location::caller());
        JoinHandle::new(self.inner.spawn(future), record)
    }

    /// See [`tokio::runtime::Handle::spawn_blocking`].
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, func: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let job = Job::new(self.meta.clone(), None, Location::caller());
        let record = job.record.clone();
        JoinHandle::new(self.inner.spawn_blocking(job.of(func)), record)
    }

    /// See [`tokio::runtime::Handle::block_on`].
    ///
    /// # Panics
    ///
    /// Within an asynchronous context, and where the original does.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let (blocking, future) = self.meta.block_on(future, false, Location::caller());
        let output = self.inner.block_on(future);
        blocking.over();
        output
    }

    /// See [`tokio::runtime::Handle::runtime_flavor`].
    pub fn runtime_flavor(&self) -> RuntimeFlavor {
        self.inner.runtime_flavor()
    }

    /// See [`tokio::runtime::Handle::id`].
    #[cfg(any(tokio_unstable, not(tokio_before = "1.49")))]
    pub fn id(&self) -> ::tokio::runtime::Id {
        self.inner.id()
    }

    /// See [`tokio::runtime::Handle::name`].
    #[cfg(not(tokio_before = "1.51"))]
    pub fn name(&self) -> Option<&str> {
        self.inner.name()
    }

    /// See [`tokio::runtime::Handle::metrics`].
    pub fn metrics(&self) -> RuntimeMetrics {
        self.inner.metrics()
    }
}

impl UnwindSafe for Handle {}
impl RefUnwindSafe for Handle {}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
