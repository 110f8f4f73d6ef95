//! Programs that treat their tasks roughly, and are in order: nothing is found, and nothing breaks.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex as PlainMutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use gordian::sync::mpsc as thread_mpsc;
use gordian::task::instrument;
use gordian::tokio;
use gordian::tokio::runtime::{Builder, Runtime};
use gordian::tokio::sync::{Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore, broadcast, mpsc, watch};
use gordian::tokio::task::{JoinSet, LocalSet, block_in_place, spawn_blocking, yield_now};
use gordian::tokio::time::{sleep, timeout};

use super::{assert_found, single};

/// Runs a future on one thread and on two, and finds nothing.
fn silent<F: Future<Output = ()> + 'static>(future: fn() -> F) {
    for threads in [1, 2] {
        let outcome = gordian::findings_of(move || {
            let runtime = runtime(threads);
            runtime.block_on(future());
        });
        assert!(outcome.result.is_some(), "it ends: {:#?}", outcome.findings);
        assert_found(&outcome.findings, &[]);
    }
}

fn runtime(threads: usize) -> Runtime {
    match threads {
        1 => single(),
        _ => Builder::new_multi_thread().worker_threads(threads).enable_all().build().unwrap(),
    }
}

#[test]
fn an_abort_storm() {
    silent(|| async {
        let lock = Arc::new(Mutex::new(0));
        let held = lock.lock().await;
        let tasks: Vec<_> = (0..200)
            .map(|_| {
                let lock = Arc::clone(&lock);
                tokio::spawn(async move {
                    *lock.lock().await += 1;
                    sleep(Duration::from_secs(3600)).await;
                })
            })
            .collect();
        yield_now().await;
        for task in &tasks[..100] {
            task.abort();
        }
        drop(held);
        yield_now().await;
        for task in &tasks {
            task.abort();
        }
        for task in tasks {
            assert!(task.await.unwrap_err().is_cancelled());
        }
    });
}

#[test]
fn a_runtime_dropped_while_its_tasks_wait() {
    for threads in [1, 2] {
        let outcome = gordian::findings_of(move || {
            let runtime = runtime(threads);
            let lock = Arc::new(Mutex::new(0));
            let notify = Arc::new(Notify::new());
            for _ in 0..10 {
                let (lock, notify) = (Arc::clone(&lock), Arc::clone(&notify));
                runtime.spawn(async move {
                    let _held = lock.lock().await;
                    notify.notified().await;
                });
            }
            runtime.block_on(async {
                yield_now().await;
                yield_now().await;
            });
            drop(runtime);
            assert!(lock.try_lock().is_ok());
        });
        assert!(outcome.result.is_some_and(|result| result.is_ok()), "{:#?}", outcome.findings);
        assert_found(&outcome.findings, &[]);
    }
}

#[test]
fn panics_in_tasks() {
    silent(|| async {
        let lock = Arc::new(Mutex::new(0));
        let tasks: Vec<_> = (0..4)
            .map(|number| {
                let lock = Arc::clone(&lock);
                tokio::spawn(async move {
                    let _held = lock.lock().await;
                    yield_now().await;
                    if number % 2 == 0 {
                        std::panic::resume_unwind(Box::new("on purpose"));
                    }
                })
            })
            .collect();
        for task in tasks {
            let _ = task.await;
        }
        assert!(lock.try_lock().is_ok());
    });
}

#[test]
fn tasks_left_behind() {
    silent(|| async {
        let (sender, mut receiver) = mpsc::channel::<u32>(1);
        tokio::spawn(async move { while receiver.recv().await.is_some() {} });
        tokio::spawn(async { std::future::pending::<()>().await });
        tokio::spawn(async move {
            sender.send(1).await.unwrap();
            std::future::pending::<()>().await;
        });
        yield_now().await;
    });
}

/// Each `recv` is ready more often than the budget allows.
#[test]
fn the_budget_makes_ready_things_wait() {
    silent(|| async {
        let (sender, mut receiver) = mpsc::channel(1000);
        for number in 0..1000 {
            sender.try_send(number).unwrap();
        }
        let mut sum = 0;
        for _ in 0..1000 {
            sum += receiver.recv().await.unwrap();
        }
        assert_eq!(sum, 499_500);
        let lock = Mutex::new(0);
        for _ in 0..1000 {
            *lock.lock().await += 1;
        }
    });
}

#[test]
fn permits_that_move_into_tasks() {
    silent(|| async {
        let semaphore = Arc::new(Semaphore::new(2));
        let mut tasks = JoinSet::new();
        for _ in 0..10 {
            let permit = Arc::clone(&semaphore).acquire_owned().await.unwrap();
            tasks.spawn(async move {
                yield_now().await;
                drop(permit);
            });
        }
        while tasks.join_next().await.is_some() {}
    });
}

#[test]
fn guards_that_move_into_tasks() {
    silent(|| async {
        let lock = Arc::new(Mutex::new(0));
        for _ in 0..5 {
            let mut guard = Arc::clone(&lock).lock_owned().await;
            tokio::spawn(async move {
                yield_now().await;
                *guard += 1;
            });
        }
        assert_eq!(*lock.lock().await, 5);
    });
}

/// A guard and a permit that borrow nothing are given back by a thread, while tasks wait for both.
#[test]
fn guards_that_move_to_threads() {
    silent(|| async {
        let (lock, slots) = (Arc::new(RwLock::new(0)), Arc::new(Semaphore::new(1)));
        for _ in 0..3 {
            let mut guard = Arc::clone(&lock).write_owned().await;
            let permit = Arc::clone(&slots).acquire_owned().await.unwrap();
            let (reader, taker) = (Arc::clone(&lock), Arc::clone(&slots));
            let waiting = tokio::spawn(async move {
                let _permit = taker.acquire().await.unwrap();
                *reader.read().await
            });
            yield_now().await;
            let thread = gordian::thread::spawn(move || {
                *guard += 1;
                drop((guard, permit));
            });
            assert!(waiting.await.unwrap() > 0);
            spawn_blocking(move || thread.join().unwrap()).await.unwrap();
        }
    });
}

/// Sets of tasks dropped with all that waits in them.
#[test]
fn sets_dropped_while_their_tasks_wait() {
    silent(|| async {
        let lock = Arc::new(Mutex::new(0));
        for _ in 0..3 {
            let held = lock.lock().await;
            let mut set = JoinSet::new();
            for _ in 0..20 {
                let lock = Arc::clone(&lock);
                set.spawn(async move { *lock.lock().await += 1 });
            }
            yield_now().await;
            assert!(timeout(Duration::from_millis(1), set.join_next()).await.is_err());
            drop(set);
            drop(held);
        }
        let local = LocalSet::new();
        let held = lock.lock().await;
        let theirs = Arc::clone(&lock);
        local.spawn_local(async move { *theirs.lock().await += 1 });
        let _ = timeout(Duration::from_millis(1), local.run_until(std::future::pending::<()>())).await;
        drop(local);
        drop(held);
        assert_eq!(*lock.lock().await, 0);
    });
}

/// Who drops a runtime waits for its jobs, and for those of its tasks that go on in place.
#[test]
fn a_runtime_dropped_while_jobs_run() {
    let outcome = gordian::findings_of(|| {
        let runtime = runtime(2);
        let (go, gone) = thread_mpsc::channel::<()>();
        let (ready, begun) = thread_mpsc::channel();
        let also_ready = ready.clone();
        runtime.spawn_blocking(move || {
            ready.send(()).unwrap();
            assert!(gone.recv().is_err());
        });
        runtime.spawn(async move {
            also_ready.send(()).unwrap();
            block_in_place(|| std::thread::sleep(Duration::from_millis(1)));
            std::future::pending::<()>().await;
        });
        begun.recv().unwrap();
        begun.recv().unwrap();
        let thread = gordian::thread::spawn(move || drop(go));
        drop(runtime);
        thread.join().unwrap();
    });
    assert!(outcome.result.is_some_and(|result| result.is_ok()), "{:#?}", outcome.findings);
    assert_found(&outcome.findings, &[]);
}

#[test]
fn everything_at_once_and_in_order() {
    silent(|| async {
        let barrier = Arc::new(Barrier::new(4));
        let cell = Arc::new(OnceCell::new());
        let lock = Arc::new(RwLock::new(0));
        let (sender, _) = broadcast::channel(8);
        let (state, _) = watch::channel(0);
        let mut tasks = JoinSet::new();
        for number in 0..4 {
            let (barrier, cell, lock) = (Arc::clone(&barrier), Arc::clone(&cell), Arc::clone(&lock));
            let (mut receiver, mut changes, sender) = (sender.subscribe(), state.subscribe(), sender.clone());
            tasks.spawn(async move {
                cell.get_or_init(|| async {
                    yield_now().await;
                    7
                })
                .await;
                barrier.wait().await;
                if number == 0 {
                    *lock.write().await += 1;
                    sender.send(number).unwrap();
                } else {
                    let _ = *lock.read().await;
                    receiver.recv().await.unwrap();
                }
                barrier.wait().await;
                let _ = timeout(Duration::from_millis(1), changes.changed()).await;
            });
        }
        while let Some(result) = tasks.join_next().await {
            result.unwrap();
        }
    });
}

#[test]
fn jobs_and_threads_beside_tasks() {
    silent(|| async {
        let (sender, mut receiver) = mpsc::channel(1);
        let job = spawn_blocking(move || {
            for number in 0..5 {
                sender.blocking_send(number).unwrap();
            }
        });
        let mut count = 0;
        while receiver.recv().await.is_some() {
            count += 1;
        }
        job.await.unwrap();
        assert_eq!(count, 5);
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let thread = gordian::thread::spawn(move || receiver.blocking_recv().unwrap());
        sender.send(3).unwrap();
        assert_eq!(spawn_blocking(move || thread.join().unwrap()).await.unwrap(), 3);
    });
}

#[test]
fn a_worker_that_hands_its_tasks_on() {
    let outcome = gordian::findings_of(|| {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let task = tokio::spawn(async {
                let (sender, receiver) = thread_mpsc::channel();
                let helper = tokio::spawn(async move { sender.send(1).unwrap() });
                block_in_place(|| assert_eq!(receiver.recv().unwrap(), 1));
                helper.await.unwrap();
            });
            task.await.unwrap();
        });
    });
    assert!(outcome.result.is_some_and(|result| result.is_ok()), "{:#?}", outcome.findings);
    assert_found(&outcome.findings, &[]);
}

#[test]
fn a_set_of_local_tasks() {
    let outcome = gordian::findings_of(|| {
        let runtime = single();
        let local = LocalSet::new();
        local.block_on(&runtime, async {
            let lock = std::rc::Rc::new(Mutex::new(0));
            let tasks: Vec<_> = (0..3)
                .map(|_| {
                    let lock = std::rc::Rc::clone(&lock);
                    tokio::task::spawn_local(async move {
                        let mut held = lock.lock().await;
                        yield_now().await;
                        *held += 1;
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
    assert!(outcome.result.is_some_and(|result| result.is_ok()), "{:#?}", outcome.findings);
    assert_found(&outcome.findings, &[]);
}

/// A waker that another thread uses.
#[derive(Default)]
struct Signal {
    state: PlainMutex<(bool, Option<Waker>)>,
}

impl Signal {
    fn give(&self) {
        let mut state = self.state.lock().unwrap();
        state.0 = true;
        if let Some(waker) = state.1.take() {
            waker.wake();
        }
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock().unwrap();
        if state.0 {
            return Poll::Ready(());
        }
        state.1 = Some(cx.waker().clone());
        Poll::Pending
    }
}

#[test]
fn a_future_written_by_hand_and_woken_by_a_thread() {
    silent(|| async {
        let lock = Arc::new(Mutex::new(0));
        let signal = Arc::new(Signal::default());
        let giver = Arc::clone(&signal);
        let held = lock.lock().await;
        let own = Arc::clone(&lock);
        let waiting = tokio::spawn(async move { *own.lock().await += 1 });
        yield_now().await;
        std::thread::spawn(move || giver.give());
        poll_fn(|cx| signal.poll(cx)).await;
        drop(held);
        waiting.await.unwrap();
    });
}

/// Polls the futures in turn, one a poll.
struct InTurn<'a>(Vec<Pin<Box<dyn Future<Output = ()> + Send + 'a>>>);

impl Future for InTurn<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(mut first) = self.0.pop() else { return Poll::Ready(()) };
        if first.as_mut().poll(cx).is_pending() {
            self.0.insert(0, first);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[test]
fn futures_polled_in_turn() {
    silent(|| async {
        let lock = Arc::new(Mutex::new(0));
        let one = |lock: Arc<Mutex<u32>>| async move {
            let mut held = lock.lock().await;
            yield_now().await;
            *held += 1;
        };
        let all = (0..3).map(|_| Box::pin(one(Arc::clone(&lock))) as Pin<Box<dyn Future<Output = ()> + Send>>);
        InTurn(all.collect()).await;
        assert_eq!(*lock.lock().await, 3);
    });
}

/// An executor that knows nothing of us, with a task in it that is ours.
#[test]
fn another_executor() {
    let outcome = gordian::findings_of(|| {
        struct Unparks(std::thread::Thread);
        impl std::task::Wake for Unparks {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let lock = Arc::new(Mutex::new(0));
        let other = Arc::clone(&lock);
        let thread = gordian::thread::spawn(move || {
            let mut future = pin!(instrument(async { *other.lock().await += 1 }));
            let waker = Waker::from(Arc::new(Unparks(std::thread::current())));
            while future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                std::thread::park();
            }
        });
        let mut future = pin!(instrument(async { *lock.lock().await += 1 }));
        let waker = Waker::from(Arc::new(Unparks(std::thread::current())));
        while future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            std::thread::park();
        }
        thread.join().unwrap();
    });
    assert!(outcome.result.is_some_and(|result| result.is_ok()), "{:#?}", outcome.findings);
    assert_found(&outcome.findings, &[]);
}
