//! [`tokio::runtime::Runtime`], watched.

use std::fmt;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use ::gordian::runtime::tasks::RuntimeMeta;
use ::tokio::runtime::RuntimeMetrics;

#[cfg(not(tokio_without = "rt-multi-thread"))]
use super::Builder;
use super::common::runtime;
use super::{EnterGuard, Handle};
use crate::tokio::task::JoinHandle;

runtime! {
    /// See [`tokio::runtime::Runtime`].
    Runtime
}

impl Runtime {
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

    /// See [`tokio::runtime::Runtime::spawn`].
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(future)
    }
}

impl UnwindSafe for Runtime {}
impl RefUnwindSafe for Runtime {}
