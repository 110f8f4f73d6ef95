//! [`tokio::task::JoinSet`], watched.

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::task::{Context, Poll, ready};

use ::gordian::runtime::Place;
use ::gordian::runtime::leaf::{Leaf, Target};
use ::gordian::runtime::tasks::TaskRecord;
use ::tokio::task::{Id, JoinError};

use super::spawn::current;
use super::{AbortHandle, Job, LocalSet, Spawned, local};
use crate::tokio::runtime::Handle;

/// See [`tokio::task::JoinSet`].
pub struct JoinSet<T> {
    inner: ::tokio::task::JoinSet<T>,
    /// Of the tasks in the set.
    records: HashMap<Id, TaskRecord>,
    /// The wait in `poll_join_next`.
    wait: Leaf<()>,
}

impl<T> JoinSet<T> {
    /// See [`tokio::task::JoinSet::new`].
    #[track_caller]
    pub fn new() -> Self {
        let wait = Leaf::new((), Target::foreign(), Location::caller());
        Self { inner: ::tokio::task::JoinSet::new(), records: HashMap::new(), wait }
    }

    /// See [`tokio::task::JoinSet::len`].
    pub fn len(&self) -> usize {
        self.inner.len()
    }

    /// See [`tokio::task::JoinSet::is_empty`].
    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }
}

impl<T: 'static> JoinSet<T> {
    /// See [`tokio::task::JoinSet::spawn`].
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F>(&mut self, task: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        let place = Location::caller();
        let Spawned { future, record } = Spawned::new(current(place), None, task, place);
        let handle = self.inner.spawn(future);
        self.joined(handle, record)
    }

    /// See [`tokio::task::JoinSet::spawn_on`].
    #[track_caller]
    pub fn spawn_on<F>(&mut self, task: F, handle: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        let Spawned { future, record } = Spawned::new(handle.meta().clone(), None, task, Location::caller());
        let handle = self.inner.spawn_on(future, handle.inner());
        self.joined(handle, record)
    }

    /// See [`tokio::task::JoinSet::spawn_local`].
    ///
    /// # Panics
    ///
    /// Outside of a [`LocalSet`].
    #[track_caller]
    pub fn spawn_local<F>(&mut self, task: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        let place = Location::caller();
        let Spawned { future, record } = Spawned::new(local::current(place), None, task, place);
        let handle = self.inner.spawn_local(future);
        self.joined(handle, record)
    }

    /// See [`tokio::task::JoinSet::spawn_local_on`].
    #[track_caller]
    pub fn spawn_local_on<F>(&mut self, task: F, local_set: &LocalSet) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        let Spawned { future, record } = Spawned::new(local_set.meta().clone(), None, task, Location::caller());
        let handle = self.inner.spawn_local_on(future, local_set.inner());
        self.joined(handle, record)
    }

    /// See [`tokio::task::JoinSet::spawn_blocking`].
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, f: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        let place = Location::caller();
        let job = Job::new(current(place), None, place);
        let record = job.record.clone();
        let handle = self.inner.spawn_blocking(job.of(f));
        self.joined(handle, record)
    }

    /// See [`tokio::task::JoinSet::spawn_blocking_on`].
    #[track_caller]
    pub fn spawn_blocking_on<F>(&mut self, f: F, handle: &Handle) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        let job = Job::new(handle.meta().clone(), None, Location::caller());
        let record = job.record.clone();
        let handle = self.inner.spawn_blocking_on(job.of(f), handle.inner());
        self.joined(handle, record)
    }

    /// A task has become a member.
    pub(super) fn joined(&mut self, handle: ::tokio::task::AbortHandle, record: TaskRecord) -> AbortHandle {
        self.records.insert(handle.id(), record.clone());
        AbortHandle::new(handle, record)
    }

    /// See [`tokio::task::JoinSet::join_next`].
    #[track_caller]
    pub fn join_next(&mut self) -> impl Future<Output = Option<Result<T, JoinError>>> {
        let next = self.join_next_with_id();
        async move { Some(next.await?.map(|(_, output)| output)) }
    }

    /// See [`tokio::task::JoinSet::join_next_with_id`].
    #[track_caller]
    pub fn join_next_with_id(&mut self) -> impl Future<Output = Option<Result<(Id, T), JoinError>>> {
        self.join_next_at(Location::caller())
    }

    async fn join_next_at(&mut self, place: Place) -> Option<Result<(Id, T), JoinError>> {
        let target = self.target();
        let next = poll_fn(|cx| self.inner.poll_join_next_with_id(cx));
        let result = Leaf::new(next, target, place).await;
        self.left(result, place)
    }

    /// What the end of any member ends.
    fn target(&self) -> Target {
        Target::end_of_any(self.records.values())
    }

    /// A member has been seen to have ended.
    fn left(&mut self, result: Option<Result<(Id, T), JoinError>>, place: Place) -> Option<Result<(Id, T), JoinError>> {
        let id = match result.as_ref()? {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        if let Some(record) = self.records.remove(&id) {
            record.joined(place);
        }
        result
    }

    /// See [`tokio::task::JoinSet::try_join_next`].
    #[track_caller]
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        Some(self.try_join_next_with_id()?.map(|(_, output)| output))
    }

    /// See [`tokio::task::JoinSet::try_join_next_with_id`].
    #[track_caller]
    pub fn try_join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        let result = self.inner.try_join_next_with_id();
        self.left(result, Location::caller())
    }

    /// See [`tokio::task::JoinSet::shutdown`].
    #[track_caller]
    pub fn shutdown(&mut self) -> impl Future<Output = ()> {
        let place = Location::caller();
        async move {
            self.abort_all();
            while self.join_next_at(place).await.is_some() {}
        }
    }

    /// See [`tokio::task::JoinSet::join_all`].
    ///
    /// # Panics
    ///
    /// If a task panicked or was aborted.
    #[track_caller]
    pub fn join_all(mut self) -> impl Future<Output = Vec<T>> {
        let place = Location::caller();
        async move {
            let mut output = Vec::with_capacity(self.len());
            while let Some(result) = self.join_next_at(place).await {
                match result {
                    Ok((_, value)) => output.push(value),
                    Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                    Err(error) => panic!("{error}"),
                }
            }
            output
        }
    }

    /// See [`tokio::task::JoinSet::abort_all`].
    pub fn abort_all(&mut self) {
        for record in self.records.values() {
            record.abort();
        }
        self.inner.abort_all();
    }

    /// See [`tokio::task::JoinSet::detach_all`].
    pub fn detach_all(&mut self) {
        self.records.clear();
        self.inner.detach_all();
    }

    /// See [`tokio::task::JoinSet::poll_join_next`].
    #[track_caller]
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        let result = ready!(self.poll_join_next_with_id(cx));
        Poll::Ready(result.map(|result| result.map(|(_, output)| output)))
    }

    /// See [`tokio::task::JoinSet::poll_join_next_with_id`].
    #[track_caller]
    pub fn poll_join_next_with_id(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<(Id, T), JoinError>>> {
        let inner = &mut self.inner;
        let result = ready!(self.wait.poll_with(cx, |(), cx| inner.poll_join_next_with_id(cx)));
        Poll::Ready(self.left(result, Location::caller()))
    }
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        // The original aborts its tasks.
        for record in self.records.values() {
            record.abort();
        }
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T> Default for JoinSet<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl<T, F> FromIterator<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    #[track_caller]
    fn from_iter<I: IntoIterator<Item = F>>(iter: I) -> Self {
        let mut set = Self::new();
        set.extend(iter);
        set
    }
}

impl<T, F> Extend<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    #[track_caller]
    fn extend<I: IntoIterator<Item = F>>(&mut self, iter: I) {
        for task in iter {
            self.spawn(task);
        }
    }
}
