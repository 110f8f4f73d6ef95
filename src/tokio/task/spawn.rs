//! Starting tasks and blocking jobs.

use std::future::Future;
use std::panic::Location;

use ::gordian::runtime::Place;
use ::gordian::runtime::tasks::{Flavour, RuntimeMeta, Task, TaskRecord, Watched};

use super::JoinHandle;

/// A task that is about to be given to its runtime.
pub(crate) struct Spawned<F> {
    pub(crate) future: Watched<F>,
    pub(crate) record: TaskRecord,
}

impl<F: Future> Spawned<F> {
    pub(crate) fn new(runtime: RuntimeMeta, name: Option<&str>, future: F, place: Place) -> Self {
        let task = Task::spawned(runtime, name, place);
        let record = task.record();
        Self { future: Watched::new(task, future), record }
    }
}

/// A job for the threads that may block.
pub(crate) struct Job {
    task: Task,
    pub(crate) record: TaskRecord,
}

impl Job {
    pub(crate) fn new(runtime: RuntimeMeta, name: Option<&str>, place: Place) -> Self {
        let task = Task::job(runtime, name, place);
        let record = task.record();
        Self { task, record }
    }

    /// What is to be run.
    pub(crate) fn of<R>(self, job: impl FnOnce() -> R) -> impl FnOnce() -> R {
        move || self.task.run(job)
    }
}

/// The runtime of the current thread. Where there is none, the original panics in a moment.
pub(crate) fn current(place: Place) -> RuntimeMeta {
    RuntimeMeta::current().unwrap_or_else(|| RuntimeMeta::new(Flavour::Foreign, 0, 0, place))
}

/// See [`tokio::task::spawn`].
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let place = Location::caller();
    let Spawned { future, record } = Spawned::new(current(place), None, future, place);
    JoinHandle::new(::tokio::task::spawn(future), record)
}

/// See [`tokio::task::spawn_blocking`].
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn spawn_blocking<F, R>(f: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let place = Location::caller();
    let job = Job::new(current(place), None, place);
    let record = job.record.clone();
    JoinHandle::new(::tokio::task::spawn_blocking(job.of(f)), record)
}

/// See [`tokio::task::block_in_place`].
///
/// # Panics
///
/// In a runtime of one thread.
#[cfg(not(tokio_without = "rt-multi-thread"))]
#[track_caller]
pub fn block_in_place<F, R>(f: F) -> R
where
    F: FnOnce() -> R,
{
    let _in_place = ::gordian::runtime::tasks::block_in_place();
    ::tokio::task::block_in_place(f)
}
