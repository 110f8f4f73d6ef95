//! Runtimes: who polls the tasks.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::Arc;

use super::{Task, Watched};
use crate::record::Place;

/// Which threads poll a runtime's tasks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flavour {
    /// The thread that is in `block_on`.
    CurrentThread,
    /// Workers, a fixed number of them.
    MultiThread,
    /// Whoever polls the set that the tasks belong to (tokio's `LocalSet`).
    Local,
    /// Nobody knows: another executor.
    Foreign,
}

#[derive(Debug)]
struct Runtime {
    flavour: Flavour,
    workers: usize,
    blocking: usize,
    created: Place,
}

/// A runtime, as its wrapper knows it. Cheap to clone; all clones are the same runtime.
#[derive(Clone, Debug)]
pub struct RuntimeMeta(Arc<Runtime>);

thread_local! {
    static CURRENT: RefCell<Option<RuntimeMeta>> = const { RefCell::new(None) };
}

impl RuntimeMeta {
    /// A runtime with so many workers (1 for [`Flavour::CurrentThread`], 0 where nobody knows) and room for so many blocking
    /// jobs at a time (0 where nobody knows).
    #[must_use]
    pub fn new(flavour: Flavour, workers: usize, blocking: usize, created: Place) -> Self {
        Self(Arc::new(Runtime { flavour, workers, blocking, created }))
    }

    /// The runtime of the current thread: the one that polls, runs a job or was [entered](Self::enter) last.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|current| current.try_borrow().ok()?.clone()).ok()?
    }

    /// Makes it the current runtime of the thread until the value is dropped.
    pub fn enter(&self) -> EnteredRuntime {
        let before = CURRENT.try_with(|current| current.replace(Some(self.clone()))).ok().flatten();
        EnteredRuntime { before, not_send: PhantomData }
    }

    /// The current thread belongs to the runtime from now on: as a worker, or for blocking jobs. Called from the runtime's
    /// own hook, first thing in the thread.
    pub fn thread_started(&self) {
        let _ = CURRENT.try_with(|current| current.replace(Some(self.clone())));
    }

    /// The current thread leaves the runtime.
    pub fn thread_stopped(&self) {
        let _ = CURRENT.try_with(|current| current.take());
    }

    /// A real `block_on`: `real` drives the watched future to its end on the current thread, which waits meanwhile.
    /// `drives`: the thread polls the runtime's other tasks, too, and serves its timers (`Runtime::block_on` of
    /// [`Flavour::CurrentThread`], but not `Handle::block_on`).
    pub fn block_on<F: Future>(
        &self,
        future: F,
        drives: bool,
        place: Place,
        real: impl FnOnce(Watched<F>) -> F::Output,
    ) -> F::Output {
        let _ = drives;
        let _entered = self.enter();
        real(Watched::new(Task::spawned(self, None, place), future))
    }

    /// The runtime is about to be dropped, or shut down; the current thread may wait for the jobs that still run, until the
    /// value is dropped. `waits`: without a time limit.
    pub fn shutting_down(&self, waits: bool, place: Place) -> BlockedOn {
        let _ = (waits, place);
        BlockedOn(PhantomData)
    }

    /// How its tasks are polled.
    #[must_use]
    pub fn flavour(&self) -> Flavour {
        self.0.flavour
    }

    /// Workers; 0 where nobody knows.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.0.workers
    }

    /// Most blocking jobs at a time; 0 where nobody knows.
    #[must_use]
    pub fn blocking(&self) -> usize {
        self.0.blocking
    }

    /// Where it was made.
    #[must_use]
    pub fn created(&self) -> Place {
        self.0.created
    }
}

/// A runtime is the thread's current one as long as this lives.
#[derive(Debug)]
pub struct EnteredRuntime {
    before: Option<RuntimeMeta>,
    /// It is the thread's.
    not_send: PhantomData<*const ()>,
}

impl Drop for EnteredRuntime {
    fn drop(&mut self) {
        let _ = CURRENT.try_with(|current| current.replace(self.before.take()));
    }
}

/// The current thread may wait as long as this lives.
#[derive(Debug)]
pub struct BlockedOn(PhantomData<*const ()>);

/// A real `block_in_place`: while `inside` runs, the worker polls nothing, but hands its tasks on to another thread.
pub fn block_in_place<R>(place: Place, inside: impl FnOnce() -> R) -> R {
    let _ = place;
    inside()
}
