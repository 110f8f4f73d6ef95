//! Runtimes: who waits for one that cannot go on.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use gordian::finding::Kind;
use gordian::sync::{Mutex as BlockingMutex, mpsc as thread_mpsc};
use gordian::thread;
use gordian::tokio::runtime::{Builder, Handle, Runtime};
use gordian::tokio::sync::{Mutex, mpsc, oneshot};
use gordian::tokio::task::{self, JoinSet, block_in_place, spawn_blocking};
use gordian::tokio::time::sleep;

use super::{SECOND, finds, kinds_of, silent};

fn workers(count: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(count).enable_all().build().unwrap()
}

/// n0-computer/iroh-blobs#252: what owns the runtime is dropped by a task of it.
#[test]
fn a_runtime_dropped_by_its_own_task() {
    fn program(in_background: bool) {
        let runtime = workers(1);
        let handle = runtime.handle().clone();
        let (done, over) = thread_mpsc::channel();
        handle.spawn(async move {
            if in_background {
                runtime.shutdown_background();
            } else {
                block_in_place(|| drop(runtime));
            }
            done.send(()).unwrap();
        });
        over.recv().unwrap();
    }
    assert!(kinds_of(|| program(false)).contains(&Kind::SelfDeadlock));
    assert!(kinds_of(|| program(true)).is_empty());
}

/// The same in a job of the runtime.
#[test]
fn a_runtime_dropped_by_its_own_job() {
    fn program(elsewhere: bool) {
        let runtime = Arc::new(workers(1));
        let last = Arc::clone(&runtime);
        let (go, gone) = thread_mpsc::channel::<()>();
        let (done, over) = thread_mpsc::channel();
        runtime.spawn_blocking(move || {
            gone.recv().unwrap();
            let dropping = move || drop(last);
            if elsewhere {
                thread::spawn(dropping);
            } else {
                dropping();
            }
            done.send(()).unwrap();
        });
        drop(runtime);
        go.send(()).unwrap();
        over.recv().unwrap();
    }
    assert!(kinds_of(|| program(false)).contains(&Kind::SelfDeadlock));
    assert!(kinds_of(|| program(true)).is_empty());
}

/// Who drops a runtime waits for its jobs, which want what he holds.
#[test]
fn a_runtime_dropped_under_a_lock_that_its_job_wants() {
    fn program(release: bool) {
        let runtime = workers(1);
        let lock = Arc::new(BlockingMutex::new(0));
        let held = lock.lock().unwrap();
        let theirs = Arc::clone(&lock);
        let (ready, begun) = thread_mpsc::channel();
        runtime.spawn_blocking(move || {
            ready.send(()).unwrap();
            *theirs.lock().unwrap() += 1;
        });
        begun.recv().unwrap();
        if release {
            drop(held);
            drop(runtime);
        } else {
            drop(runtime);
            drop(held);
        }
    }
    assert_eq!(kinds_of(|| program(false)), [Kind::WaitCycle].into());
    assert!(kinds_of(|| program(true)).is_empty());
}

/// A suspended task is dropped with its runtime, and so is what it holds: the job that waits for that goes on.
#[test]
fn a_runtime_dropped_while_a_job_waits_for_a_suspended_task() {
    let program = || {
        let runtime = workers(1);
        let lock = Arc::new(Mutex::new(0));
        let (ready, begun) = thread_mpsc::channel();
        let (sender, receiver) = oneshot::channel::<()>();
        let theirs = Arc::clone(&lock);
        let then = ready.clone();
        runtime.spawn(async move {
            let _held = theirs.lock().await;
            then.send(()).unwrap();
            std::future::pending::<()>().await;
            sender.send(()).unwrap();
        });
        begun.recv().unwrap();
        runtime.spawn_blocking(move || {
            ready.send(()).unwrap();
            assert!(receiver.blocking_recv().is_err());
            *lock.blocking_lock() += 1;
        });
        begun.recv().unwrap();
        drop(runtime);
    };
    assert!(kinds_of(program).is_empty());
}

/// An executor that knows nothing of any other.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unparks(thread::Thread);
    impl Wake for Unparks {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unparks(thread::current())));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

/// rust-lang/wg-async#54: a future is driven by another executor on the only thread that could wake it.
#[test]
fn another_executor_on_the_only_thread() {
    async fn program(awaits: bool) {
        let waits = sleep(SECOND);
        if awaits {
            waits.await;
        } else {
            block_on(waits);
        }
    }
    let kinds = kinds_of(|| Builder::new_current_thread().enable_all().build().unwrap().block_on(program(false)));
    assert_eq!(kinds, [Kind::BlockingInAsync, Kind::PoolStarvation].into());
    silent(|| program(true));
}

/// tokio-rs/tokio#2376: once the budget of the poll is spent, nothing inside it is ready any more.
#[test]
fn another_executor_in_a_poll_whose_budget_is_spent() {
    async fn program(awaits: bool) {
        for _ in 0..200 {
            let job = spawn_blocking(|| ());
            if awaits {
                job.await.unwrap();
            } else {
                block_on(job).unwrap();
            }
        }
    }
    let kinds = kinds_of(|| workers(2).block_on(async { task::spawn(program(false)).await.unwrap() }));
    assert!(kinds.contains(&Kind::BlockingInAsync), "{kinds:?}");
    assert!(kinds.len() > 1, "and in the end it waits for ever: {kinds:?}");
    assert!(kinds_of(|| workers(2).block_on(async { task::spawn(program(true)).await.unwrap() })).is_empty());
}

/// The same on the thread of the runtime's own `block_on`: there it spins instead.
#[test]
fn another_executor_under_the_root_task_whose_budget_is_spent() {
    /// Gives up in the end.
    fn spin<F: Future>(future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        (0..5_000).find_map(|_| match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    }
    async fn program(awaits: bool) {
        let (sender, mut items) = mpsc::unbounded_channel();
        (0..200).for_each(|item| sender.send(item).unwrap());
        for _ in 0..200 {
            let item = if awaits { items.recv().await } else { spin(items.recv()).flatten() };
            if item.is_none() {
                return;
            }
        }
    }
    let kinds = |awaits| kinds_of(move || workers(1).block_on(program(awaits)));
    assert_eq!(kinds(false), [Kind::BlockingInAsync].into());
    assert!(kinds(true).is_empty());
    silent(|| program(true));

    // Many waits, each refused a few times, are none.
    silent(async || {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..2_000).map(|_| oneshot::channel()).unzip();
        let mut receivers: Vec<_> = receivers.into_iter().map(Box::pin).collect();
        senders.into_iter().for_each(|sender| sender.send(()).unwrap());
        poll_fn(|cx| {
            receivers.retain_mut(|receiver| receiver.as_mut().poll(cx).is_pending());
            if receivers.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    });
}

/// tokio-rs/tokio#7892: the thread waits in a poll for a lock that is next given to a sibling future of the same task.
#[test]
fn a_thread_behind_a_sibling_future() {
    async fn program(drop_first: bool) {
        let lock = Arc::new(Mutex::new(()));
        let (theirs, ours, own) = (Arc::clone(&lock), Arc::clone(&lock), Arc::clone(&lock));
        let (release, released) = oneshot::channel::<()>();
        let (begun, began) = oneshot::channel();
        let holder = task::spawn(async move {
            let _held = theirs.lock().await;
            begun.send(()).unwrap();
            released.await.unwrap();
        });
        began.await.unwrap();
        let waiter = task::spawn(async move {
            let mut first = Box::pin(async move { drop(ours.lock().await) });
            let is_pending = poll_fn(|context| Poll::Ready(first.as_mut().poll(context).is_pending()));
            assert!(is_pending.await);
            if drop_first {
                drop(first);
            }
            release.send(()).unwrap();
            block_in_place(|| Handle::current().block_on(async { drop(own.lock().await) }));
        });
        waiter.await.unwrap();
        holder.await.unwrap();
    }
    let on_workers = |drop_first| move || workers(2).block_on(program(drop_first));
    assert_eq!(kinds_of(on_workers(false)), [Kind::Futurelock].into());
    assert!(kinds_of(on_workers(true)).is_empty());
}

/// Any member of a set ends the wait for the next one: it is for ever only if all of them wait for who waits.
#[test]
fn a_set_of_tasks_awaited_under_the_lock_that_they_want() {
    async fn program(members: usize, release: bool, one_free: bool) {
        let lock = Arc::new(Mutex::new(0));
        let held = lock.lock().await;
        let mut set = JoinSet::new();
        for _ in 0..members {
            let theirs = Arc::clone(&lock);
            set.spawn(async move { *theirs.lock().await += 1 });
        }
        if one_free {
            set.spawn(sleep(SECOND));
            set.join_next().await.unwrap().unwrap();
        }
        if release {
            drop(held);
            while set.join_next().await.is_some() {}
        } else {
            while set.join_next().await.is_some() {}
            drop(held);
        }
    }
    for members in [1, 2, 10] {
        finds(Kind::WaitCycle, move || program(members, false, false));
        finds(Kind::WaitCycle, move || program(members, false, true));
        silent(move || program(members, true, false));
        silent(move || program(members, true, true));
    }
    // While others go on, too.
    finds(Kind::WaitCycle, || async {
        let ticks = task::spawn(async {
            loop {
                sleep(SECOND).await;
            }
        });
        program(3, false, false).await;
        ticks.abort();
    });
}
