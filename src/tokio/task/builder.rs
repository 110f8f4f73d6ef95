//! [`tokio::task::Builder`], watched. Unstable in tokio.

use std::future::Future;
use std::io;
use std::panic::Location;

use super::spawn::current;
use super::{Job, JoinHandle, LocalSet, Spawned, local};
use crate::tokio::runtime::Handle;

/// See [`tokio::task::Builder`].
#[derive(Default, Debug)]
pub struct Builder<'a> {
    name: Option<&'a str>,
}

impl<'a> Builder<'a> {
    /// See [`tokio::task::Builder::new`].
    pub fn new() -> Self {
        Self::default()
    }

    /// See [`tokio::task::Builder::name`].
    pub fn name(&self, name: &'a str) -> Self {
        Self { name: Some(name) }
    }

    fn inner(&self) -> ::tokio::task::Builder<'a> {
        let builder = ::tokio::task::Builder::new();
        self.name.map_or(::tokio::task::Builder::new(), |name| builder.name(name))
    }

    /// See [`tokio::task::Builder::spawn`].
    ///
    /// # Errors
    ///
    /// As the original.
    #[track_caller]
    pub fn spawn<Fut>(self, future: Fut) -> io::Result<JoinHandle<Fut::Output>>
    where
        Fut: Future + Send + 'static,
        Fut::Output: Send + 'static,
    {
        let place = Location::caller();
        let Spawned { future, record } = Spawned::new(current(place), self.name, future, place);
        Ok(JoinHandle::new(self.inner().spawn(future)?, record))
    }

    /// See [`tokio::task::Builder::spawn_on`].
    ///
    /// # Errors
    ///
    /// As the original.
    #[track_caller]
    pub fn spawn_on<Fut>(self, future: Fut, handle: &Handle) -> io::Result<JoinHandle<Fut::Output>>
    where
        Fut: Future + Send + 'static,
        Fut::Output: Send + 'static,
    {
        let Spawned { future, record } = Spawned::new(handle.meta().clone(), self.name, future, Location::caller());
        Ok(JoinHandle::new(self.inner().spawn_on(future, handle.inner())?, record))
    }

    /// See [`tokio::task::Builder::spawn_local`].
    ///
    /// # Errors
    ///
    /// As the original.
    #[track_caller]
    pub fn spawn_local<Fut>(self, future: Fut) -> io::Result<JoinHandle<Fut::Output>>
    where
        Fut: Future + 'static,
        Fut::Output: 'static,
    {
        let place = Location::caller();
        let Spawned { future, record } = Spawned::new(local::current(place), self.name, future, place);
        Ok(JoinHandle::new(self.inner().spawn_local(future)?, record))
    }

    /// See [`tokio::task::Builder::spawn_local_on`].
    ///
    /// # Errors
    ///
    /// As the original.
    #[track_caller]
    pub fn spawn_local_on<Fut>(self, future: Fut, local_set: &LocalSet) -> io::Result<JoinHandle<Fut::Output>>
    where
        Fut: Future + 'static,
        Fut::Output: 'static,
    {
        let Spawned { future, record } = Spawned::new(local_set.meta().clone(), self.name, future, Location::caller());
        Ok(JoinHandle::new(self.inner().spawn_local_on(future, local_set.inner())?, record))
    }

    /// See [`tokio::task::Builder::spawn_blocking`].
    ///
    /// # Errors
    ///
    /// As the original.
    #[track_caller]
    pub fn spawn_blocking<Function, Output>(self, function: Function) -> io::Result<JoinHandle<Output>>
    where
        Function: FnOnce() -> Output + Send + 'static,
        Output: Send + 'static,
    {
        let place = Location::caller();
        let job = Job::new(current(place), self.name, place);
        let record = job.record.clone();
        Ok(JoinHandle::new(self.inner().spawn_blocking(job.of(function))?, record))
    }

    /// See [`tokio::task::Builder::spawn_blocking_on`].
    ///
    /// # Errors
    ///
    /// As the original.
    #[track_caller]
    pub fn spawn_blocking_on<Function, Output>(
        self,
        function: Function,
        handle: &Handle,
    ) -> io::Result<JoinHandle<Output>>
    where
        Function: FnOnce() -> Output + Send + 'static,
        Output: Send + 'static,
    {
        let job = Job::new(handle.meta().clone(), self.name, Location::caller());
        let record = job.record.clone();
        Ok(JoinHandle::new(self.inner().spawn_blocking_on(job.of(function), handle.inner())?, record))
    }
}
