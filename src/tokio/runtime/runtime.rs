//! [`tokio::runtime::Runtime`], watched.

use std::fmt;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use ::gordian::runtime::tasks::{Flavour, RuntimeMeta};
use ::tokio::runtime::RuntimeMetrics;

#[cfg(not(tokio_without = "rt-multi-thread"))]
use super::Builder;
use super::{EnterGuard, Handle};
use crate::tokio::task::JoinHandle;

/// See [`tokio::runtime::Runtime`].
pub struct Runtime {
    handle: Handle,
    inner: ManuallyDrop<::tokio::runtime::Runtime>,
}

impl Runtime {
    pub(super) fn of(inner: ::tokio::runtime::Runtime, meta: RuntimeMeta) -> Self {
        Self { handle: Handle::new(inner.handle().clone(), meta), inner: ManuallyDrop::new(inner) }
    }

    /// See [`tokio::runtime::Runtime::new`].
    ///
    /// # Errors
    ///
    /// If the system refuses what the runtime needs.
    #[cfg(not(tokio_without = "rt-multi-thread"))]
    #[track_caller]
    pub fn new() -> std::io::Result<Runtime> {
        Builder::new_multi_thread().enable_all().build()
    }

    /// See [`tokio::runtime::Runtime::handle`].
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// See [`tokio::runtime::Runtime::spawn`].
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(future)
    }

    /// See [`tokio::runtime::Runtime::spawn_blocking`].
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, func: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.handle.spawn_blocking(func)
    }

    /// See [`tokio::runtime::Runtime::block_on`].
    ///
    /// # Panics
    ///
    /// Within an asynchronous context.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let meta = self.handle.meta();
        let drives = meta.flavour() == Flavour::CurrentThread;
        meta.block_on(future, drives, Location::caller(), |watched| self.inner.block_on(watched))
    }

    /// See [`tokio::runtime::Runtime::enter`].
    pub fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }

    /// See [`tokio::runtime::Runtime::shutdown_timeout`].
    #[track_caller]
    pub fn shutdown_timeout(self, duration: Duration) {
        let (meta, inner) = self.into_parts();
        let _blocked = meta.shutting_down(false, Location::caller());
        inner.shutdown_timeout(duration);
    }

    /// See [`tokio::runtime::Runtime::shutdown_background`].
    #[track_caller]
    pub fn shutdown_background(self) {
        let (meta, inner) = self.into_parts();
        let _blocked = meta.shutting_down(false, Location::caller());
        inner.shutdown_background();
    }

    /// See [`tokio::runtime::Runtime::metrics`].
    pub fn metrics(&self) -> RuntimeMetrics {
        self.inner.metrics()
    }

    fn into_parts(mut self) -> (RuntimeMeta, ::tokio::runtime::Runtime) {
        let meta = self.handle.meta().clone();
        // SAFETY: it is taken once, for what is left of `self` is not dropped.
        let inner = unsafe { ManuallyDrop::take(&mut self.inner) };
        let mut rest = ManuallyDrop::new(self);
        // SAFETY: the handle is not used again.
        unsafe { std::ptr::drop_in_place(&mut rest.handle) };
        (meta, inner)
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let meta = self.handle.meta();
        let _blocked = meta.shutting_down(true, meta.created());
        // SAFETY: it is not used again.
        unsafe { ManuallyDrop::drop(&mut self.inner) };
    }
}

impl UnwindSafe for Runtime {}
impl RefUnwindSafe for Runtime {}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
