//! A future that is a task.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::Task;

/// A future that is a task: what happens in its polls is the task's doing. Dropped before it was ready, the task was
/// cancelled.
#[derive(Debug)]
pub struct Watched<F> {
    task: Task,
    future: F,
}

impl<F> Watched<F> {
    /// The future of a task.
    #[must_use]
    pub fn new(task: Task, future: F) -> Self {
        Self { task, future }
    }

    /// The task itself.
    #[must_use]
    pub fn task(&self) -> &Task {
        &self.task
    }
}

impl<F: Future> Future for Watched<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: `future` is pinned with `self` and is never moved out of it.
        let future = unsafe { self.map_unchecked_mut(|watched| &mut watched.future) };
        future.poll(context)
    }
}
