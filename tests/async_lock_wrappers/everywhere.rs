//! The same under each executor.

use gordian::finding::{Kind, Tier};
use gordian::tokio;

use super::executors::{found, on_local_pool};

/// Who polls.
#[derive(Clone, Copy)]
pub(crate) enum Executor {
    /// That of the crate futures, which nobody knows.
    Futures,
    Tokio,
}

impl Executor {
    /// Two tasks of one thread, as far as they come.
    pub(crate) fn run<S: Clone, A, B>(self, shared: S, one: impl FnOnce(S) -> A, other: impl FnOnce(S) -> B)
    where
        A: Future<Output = ()> + Send + 'static,
        B: Future<Output = ()> + Send + 'static,
    {
        match self {
            Self::Futures => on_local_pool(shared, one, other),
            Self::Tokio => {
                let tasks = async {
                    let (one, other) = (tokio::spawn(one(shared.clone())), tokio::spawn(other(shared)));
                    one.await.unwrap();
                    other.await.unwrap();
                };
                runtime().block_on(tasks);
            }
        }
    }

    /// One task, which the thread polls itself.
    pub(crate) fn block_on(self, task: impl Future<Output = ()>) {
        match self {
            Self::Futures => gordian::futures::executor::block_on(task),
            Self::Tokio => runtime().block_on(task),
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

/// What is found under each executor, and under all the same.
pub(crate) fn everywhere(run: fn(Executor)) -> Vec<(Kind, Tier)> {
    let [one, other] = [Executor::Futures, Executor::Tokio].map(|executor| found(move || run(executor)));
    assert_eq!(one, other, "under futures, and under tokio");
    one
}
