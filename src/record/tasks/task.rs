//! A task, from before it is first polled on.

use std::sync::Arc;

use super::{RuntimeMeta, Target};
use crate::record::Place;

/// What is known of a task.
#[derive(Debug)]
pub(super) struct State {
    runtime: RuntimeMeta,
    spawned: Place,
}

/// A task that is about to be handed to a runtime: as a future, through [`Watched`](super::Watched), or as a blocking job,
/// through [`run`](Self::run). Dropped before, it was cancelled.
#[derive(Debug)]
pub struct Task(pub(super) TaskRecord);

/// What others may keep of a task: its join handle, who aborts it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TaskRecord(pub(super) Arc<State>);

impl Task {
    /// The current owner spawns a task at `place`; everything that it did so far happens before the first poll.
    #[must_use]
    pub fn spawned(runtime: &RuntimeMeta, name: Option<&str>, place: Place) -> Self {
        let _ = name;
        Self(TaskRecord(Arc::new(State { runtime: runtime.clone(), spawned: place })))
    }

    /// A job for the runtime's threads for blocking work (`spawn_blocking`). To be [run](Self::run).
    #[must_use]
    pub fn job(runtime: &RuntimeMeta, name: Option<&str>, place: Place) -> Self {
        Self::spawned(runtime, name, place)
    }

    /// What others may keep of it.
    #[must_use]
    pub fn record(&self) -> TaskRecord {
        self.0.clone()
    }

    /// Runs a job, on the thread where the runtime has it run.
    pub fn run<R>(self, job: impl FnOnce() -> R) -> R {
        let _entered = self.0.0.runtime.enter();
        job()
    }
}

impl TaskRecord {
    /// The wait for its end, for the leaf in a join handle. The place of such a leaf is that of the spawn, for a handle is
    /// polled by nobody's source line.
    #[must_use]
    pub fn target(&self) -> Target {
        Target::end_of(self)
    }

    /// Where it was spawned.
    #[must_use]
    pub fn spawned(&self) -> Place {
        self.0.spawned
    }

    /// The current owner has seen the task's end (the join handle was ready): all that it did happens before.
    pub fn joined(&self, place: Place) {
        let _ = place;
    }

    /// The current owner asks for the task to be aborted, before the real call.
    pub fn abort(&self, place: Place) {
        let _ = place;
    }
}
