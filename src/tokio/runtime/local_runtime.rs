//! [`tokio::runtime::LocalRuntime`], watched.

use std::fmt;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::time::Duration;

use ::gordian::runtime::tasks::RuntimeMeta;
use ::tokio::runtime::RuntimeMetrics;

use super::{Builder, EnterGuard, Handle};
use crate::tokio::task::{JoinHandle, Spawned};

/// See [`tokio::runtime::LocalRuntime`].
pub struct LocalRuntime {
    handle: Handle,
    inner: ManuallyDrop<::tokio::runtime::LocalRuntime>,
}

impl LocalRuntime {
    pub(super) fn of(inner: ::tokio::runtime::LocalRuntime, meta: RuntimeMeta) -> Self {
        Self { handle: Handle::new(inner.handle().clone(), meta), inner: ManuallyDrop::new(inner) }
    }

    /// See [`tokio::runtime::LocalRuntime::new`].
    ///
    /// # Errors
    ///
    /// If the system refuses what the runtime needs.
    #[track_caller]
    pub fn new() -> std::io::Result<LocalRuntime> {
        Builder::new_current_thread().enable_all().build_local(Default::default())
    }

    /// See [`tokio::runtime::LocalRuntime::handle`].
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// See [`tokio::runtime::LocalRuntime::spawn_local`].
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let Spawned { future, record } = Spawned::new(self.handle.meta().clone(), None, future, Location::caller());
        JoinHandle::new(self.inner.spawn_local(future), record)
    }

    /// See [`tokio::runtime::LocalRuntime::spawn_blocking`].
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, func: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.handle.spawn_blocking(func)
    }

    /// See [`tokio::runtime::LocalRuntime::block_on`].
    ///
    /// # Panics
    ///
    /// Within an asynchronous context.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.handle.meta().block_on(future, true, Location::caller(), |watched| self.inner.block_on(watched))
    }

    /// See [`tokio::runtime::LocalRuntime::enter`].
    pub fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }

    /// See [`tokio::runtime::LocalRuntime::shutdown_timeout`].
    #[track_caller]
    pub fn shutdown_timeout(self, duration: Duration) {
        let (meta, inner) = self.into_parts();
        let _blocked = meta.shutting_down(false, Location::caller());
        inner.shutdown_timeout(duration);
    }

    /// See [`tokio::runtime::LocalRuntime::shutdown_background`].
    #[track_caller]
    pub fn shutdown_background(self) {
        let (meta, inner) = self.into_parts();
        let _blocked = meta.shutting_down(false, Location::caller());
        inner.shutdown_background();
    }

    /// See [`tokio::runtime::LocalRuntime::metrics`].
    pub fn metrics(&self) -> RuntimeMetrics {
        self.inner.metrics()
    }

    fn into_parts(mut self) -> (RuntimeMeta, ::tokio::runtime::LocalRuntime) {
        let meta = self.handle.meta().clone();
        // SAFETY: it is taken once, for what is left of `self` is not dropped.
        let inner = unsafe { ManuallyDrop::take(&mut self.inner) };
        let mut rest = ManuallyDrop::new(self);
        // SAFETY: the handle is not used again.
        unsafe { std::ptr::drop_in_place(&mut rest.handle) };
        (meta, inner)
    }
}

impl Drop for LocalRuntime {
    fn drop(&mut self) {
        let meta = self.handle.meta();
        let _blocked = meta.shutting_down(true, meta.created());
        // SAFETY: it is not used again.
        unsafe { ManuallyDrop::drop(&mut self.inner) };
    }
}

impl fmt::Debug for LocalRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
