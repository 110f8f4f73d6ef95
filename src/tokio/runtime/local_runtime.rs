//! [`tokio::runtime::LocalRuntime`], watched.

use std::fmt;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::time::Duration;

use ::gordian::runtime::tasks::RuntimeMeta;
use ::tokio::runtime::RuntimeMetrics;

use super::common::runtime;
use super::{Builder, EnterGuard, Handle};
use crate::tokio::task::{JoinHandle, Spawned};

runtime! {
    /// See [`tokio::runtime::LocalRuntime`].
    LocalRuntime
}

impl LocalRuntime {
    /// See [`tokio::runtime::LocalRuntime::new`].
    ///
    /// # Errors
    ///
    /// If the system refuses what the runtime needs.
    #[track_caller]
    pub fn new() -> std::io::Result<LocalRuntime> {
        Builder::new_current_thread().enable_all().build_local(Default::default())
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
}
