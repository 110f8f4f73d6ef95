//! Runtimes and tasks, and what goes wrong in them: the same on both sides.

macro_rules! program {
    ($root:path) => {
        use std::future::pending;
        use std::panic::{AssertUnwindSafe, catch_unwind};
        use std::sync::Arc;
        use std::sync::atomic::{AtomicUsize, Ordering};

        use tokio::runtime::{Builder, Handle, LocalRuntime, Runtime};
        use tokio::sync::{Mutex, Notify, mpsc};
        use tokio::task::{JoinSet, LocalSet};
        use $root as tokio;

        fn current_thread() -> Runtime {
            Builder::new_current_thread().enable_all().build().unwrap()
        }

        fn multi_thread() -> Runtime {
            Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
        }

        #[test]
        fn tasks_end_with_what_they_had() {
            for runtime in [current_thread(), multi_thread()] {
                runtime.block_on(async {
                    assert_eq!(tokio::spawn(async { 1 }).await.unwrap(), 1);
                    let panicked = tokio::spawn(async { panic!("on purpose") }).await.unwrap_err();
                    assert_eq!(*panicked.into_panic().downcast::<&str>().unwrap(), "on purpose");
                    let waiting = tokio::spawn(pending::<()>());
                    let id = waiting.id();
                    waiting.abort_handle().abort();
                    let aborted = waiting.await.unwrap_err();
                    assert!(aborted.is_cancelled() && aborted.id() == id);
                    assert_eq!(tokio::task::spawn_blocking(|| 2).await.unwrap(), 2);
                    let panicked = tokio::task::spawn_blocking(|| panic!("in a job")).await;
                    assert!(panicked.unwrap_err().is_panic());
                });
                assert_eq!(runtime.block_on(runtime.spawn(async { 3 })).unwrap(), 3);
            }
        }

        #[test]
        fn a_set_gives_back_all_of_its_tasks() {
            current_thread().block_on(async {
                let mut set: JoinSet<usize> = (0..3).map(|number| async move { number }).collect();
                set.spawn_blocking(|| 3);
                set.spawn(async { panic!("on purpose") });
                let id = set.spawn(pending()).id();
                set.abort_all();
                set.spawn(async { 4 });
                let (mut numbers, mut errors) = (Vec::new(), 0);
                while let Some(result) = set.join_next_with_id().await {
                    match result {
                        Ok((other, number)) if other != id => numbers.push(number),
                        _ => errors += 1,
                    }
                }
                assert!(numbers.contains(&4) && numbers.len() + errors == 7, "{numbers:?} {errors}");
                assert!(set.is_empty() && set.try_join_next().is_none());
                set.spawn(pending());
                set.shutdown().await;
                let all = (0..3).map(|number| async move { number }).collect::<JoinSet<_>>().join_all().await;
                assert_eq!(all.iter().sum::<usize>(), 3);
            });
        }

        #[test]
        fn local_tasks_stay() {
            let (runtime, local) = (current_thread(), LocalSet::new());
            let here = std::rc::Rc::new(1);
            let task = local.spawn_local({
                let here = std::rc::Rc::clone(&here);
                async move { *here }
            });
            let spawned = local.block_on(&runtime, async {
                let inside = tokio::task::spawn_local(async { 2 });
                let outside = tokio::spawn(async { 3 });
                (inside.await.unwrap(), outside.await.unwrap(), task.await.unwrap())
            });
            assert_eq!(spawned, (2, 3, 1));
            drop(local.spawn_local(async move { drop(here) }));
            runtime.block_on(local);
            let runtime = LocalRuntime::new().unwrap();
            let task = runtime.spawn_local(async { tokio::task::spawn_local(async { 4 }).await.unwrap() });
            assert_eq!(runtime.block_on(task).unwrap(), 4);
            assert!(catch_unwind(|| drop(tokio::task::spawn_local(async {}))).is_err());
        }

        #[test]
        fn handles_know_their_runtime() {
            let runtime = multi_thread();
            assert!(Handle::try_current().is_err() && catch_unwind(|| drop(tokio::spawn(async {}))).is_err());
            let entered = runtime.enter();
            let task = tokio::spawn(async { Handle::current().spawn(async { 1 }).await.unwrap() });
            drop(entered);
            assert!(Handle::try_current().is_err());
            let handle = runtime.handle().clone();
            assert_eq!(std::thread::spawn(move || handle.block_on(task)).join().unwrap().unwrap(), 1);
            let nested = runtime.block_on(async {
                tokio::spawn(async { tokio::task::block_in_place(|| Handle::current().block_on(async { 2 })) }).await
            });
            assert_eq!(nested.unwrap(), 2);
            let inside = runtime
                .block_on(async { catch_unwind(AssertUnwindSafe(|| Handle::current().block_on(async {}))).is_err() });
            assert!(inside, "no runtime starts within a runtime");
        }

        #[test]
        fn threads_tell_of_themselves() {
            let counts: Arc<[AtomicUsize; 2]> = Arc::default();
            let (started, stopped) = (Arc::clone(&counts), Arc::clone(&counts));
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(1).thread_name("worker").on_thread_start(move || {
                started[0].fetch_add(1, Ordering::Relaxed);
            });
            builder.on_thread_stop(move || {
                stopped[1].fetch_add(1, Ordering::Relaxed);
            });
            for _ in 0..2 {
                let runtime = builder.build().unwrap();
                let name = runtime.block_on(runtime.spawn(async { std::thread::current().name().map(str::to_owned) }));
                assert_eq!(name.unwrap().as_deref(), Some("worker"));
            }
            assert_eq!(counts.each_ref().map(|count| count.load(Ordering::Relaxed)), [2, 2]);
        }

        #[test]
        fn threads_wait_where_they_may() {
            let runtime = multi_thread();
            let mutex = Arc::new(Mutex::new(0));
            let guard = mutex.blocking_lock();
            let (other, (sender, mut receiver)) = (Arc::clone(&mutex), mpsc::channel(1));
            let thread = std::thread::spawn(move || {
                *other.blocking_lock() += 1;
                sender.blocking_send(1).unwrap();
                sender.blocking_send(2)
            });
            drop(guard);
            assert_eq!(
                (receiver.blocking_recv(), receiver.blocking_recv(), receiver.blocking_recv()),
                (Some(1), Some(2), None)
            );
            assert!(thread.join().unwrap().is_ok() && *mutex.blocking_lock_owned() == 1);
            let inside = runtime.block_on(async {
                let panicked = catch_unwind(|| drop(Mutex::new(()).blocking_lock()));
                *panicked.unwrap_err().downcast::<String>().unwrap()
            });
            assert!(inside.contains("Cannot block the current thread from within a runtime"), "{inside}");
        }

        #[test]
        fn a_runtime_may_be_dropped_in_mid_wait() {
            let (mutex, notify) = (Arc::new(Mutex::new(())), Arc::new(Notify::new()));
            for runtime in [current_thread(), multi_thread()] {
                let held = runtime.block_on(Arc::clone(&mutex).lock_owned());
                for _ in 0..3 {
                    let (mutex, notify) = (Arc::clone(&mutex), Arc::clone(&notify));
                    runtime.spawn(async move {
                        let _guard = mutex.lock().await;
                        notify.notified().await;
                    });
                }
                runtime.block_on(tokio::task::yield_now());
                drop(runtime);
                drop(held);
                assert_eq!((Arc::strong_count(&mutex), mutex.try_lock().is_ok()), (1, true));
            }
            let runtime = multi_thread();
            runtime.spawn(pending::<()>());
            runtime.shutdown_background();
            let runtime = multi_thread();
            runtime.spawn_blocking(|| ());
            runtime.shutdown_timeout(std::time::Duration::from_secs(60));
        }

        #[test]
        fn aborts_may_come_in_storms() {
            let runtime = multi_thread();
            let mutex = Arc::new(Mutex::new(0));
            let ended = runtime.block_on(async {
                let task = |number: usize| {
                    let mutex = Arc::clone(&mutex);
                    tokio::spawn(async move {
                        loop {
                            *mutex.lock().await += number;
                            tokio::task::yield_now().await;
                        }
                    })
                };
                let tasks: Vec<_> = (0..200).map(task).collect();
                tasks.iter().rev().for_each(|task| task.abort());
                let mut ended = 0;
                for task in tasks {
                    ended += usize::from(task.await.is_err_and(|error| error.is_cancelled()));
                }
                ended
            });
            assert_eq!((ended, Arc::strong_count(&mutex)), (200, 1));
            assert!(mutex.try_lock().is_ok());
        }
    };
}

mod originals {
    program!(::tokio);
}

mod ours {
    program!(gordian::tokio);
}
