//! What is measured, once for each side.

macro_rules! programs {
    ($root:path) => {
        use std::future::pending;
        use std::hint::black_box;

        use tokio::runtime::{Builder, Runtime};
        use $root as tokio;

        fn one() -> Runtime {
            Builder::new_current_thread().build().expect("a runtime")
        }

        fn two() -> Runtime {
            Builder::new_multi_thread().worker_threads(2).build().expect("a runtime")
        }

        pub(crate) fn mutex(turns: u32) {
            let mutex = tokio::sync::Mutex::new(0);
            one().block_on(async {
                for turn in 0..turns {
                    *mutex.lock().await += turn;
                }
            });
            black_box(mutex);
        }

        pub(crate) fn semaphore(turns: u32) {
            let semaphore = tokio::sync::Semaphore::new(2);
            one().block_on(async {
                for _ in 0..turns {
                    drop(black_box(semaphore.acquire().await));
                }
            });
        }

        async fn spawn_and_join(turns: u32) {
            // All are there before the first is joined.
            let tasks: Vec<_> = (0..turns).map(|turn| tokio::spawn(async move { turn })).collect();
            for task in tasks {
                black_box(task.await.expect("it ends"));
            }
        }

        pub(crate) fn spawn(turns: u32) {
            one().block_on(spawn_and_join(turns));
        }

        pub(crate) fn spawn_on_two(turns: u32) {
            let runtime = two();
            runtime.block_on(runtime.spawn(spawn_and_join(turns))).expect("it ends");
        }

        async fn send_and_receive(turns: u32) {
            let (sender, mut receiver) = tokio::sync::mpsc::channel(64);
            let sending = tokio::spawn(async move {
                for turn in 0..turns {
                    sender.send(turn).await.expect("someone receives");
                }
            });
            while let Some(message) = receiver.recv().await {
                black_box(message);
            }
            sending.await.expect("it ends");
        }

        pub(crate) fn mpsc(turns: u32) {
            one().block_on(send_and_receive(turns));
        }

        pub(crate) fn mpsc_on_two(turns: u32) {
            let runtime = two();
            runtime.block_on(runtime.spawn(send_and_receive(turns))).expect("it ends");
        }

        /// Bytes for each of so many tasks that wait.
        pub(crate) fn live(tasks: usize) -> f64 {
            let runtime = one();
            runtime.block_on(async {
                let before = super::super::memory::live();
                for _ in 0..tasks {
                    tokio::spawn(pending::<()>());
                }
                tokio::task::yield_now().await;
                (super::super::memory::live() - before) as f64 / tasks as f64
            })
        }
    };
}

/// tokio as it is.
pub(crate) mod plain {
    programs!(::tokio);
}

/// The wrappers.
pub(crate) mod watched {
    programs!(gordian::tokio);
}
