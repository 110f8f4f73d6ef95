//! Tasks of any executor.
//!
//! The wrappers of an executor watch its tasks by themselves. Where there is none, [`instrument`] makes a task of a future.

/// Makes a task of a future, to be driven by any executor: `executor.spawn(gordian::task::instrument(future))`.
///
/// What happens in its polls is the task's doing: locks held across an await belong to it, and not to the thread that
/// happens to poll. Nobody knows which threads poll it, nor what else they poll: so it is never said to starve, and a wait that
/// anyone could end (that for a message, but not that for a lock) is not said to be for ever. Output and wake-ups are the
/// future's own.
#[track_caller]
pub fn instrument<F: Future>(future: F) -> impl Future<Output = F::Output> {
    #[cfg(feature = "detect")]
    return detect::watched(future, std::panic::Location::caller());
    #[cfg(not(feature = "detect"))]
    future
}

#[cfg(feature = "detect")]
mod detect {
    use crate::record::Place;
    use crate::record::tasks::{RuntimeMeta, Task, Watched};

    pub(super) fn watched<F: Future>(future: F, place: Place) -> Watched<F> {
        Watched::new(Task::spawned(RuntimeMeta::foreign(), None, place), future)
    }
}
