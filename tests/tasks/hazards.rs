//! Blocking in polls, and locks of threads held over awaits.

use std::sync::Arc;
use std::time::Duration;

use gordian::finding::{Kind, Tier};
use gordian::sync::{Mutex, mpsc};
use gordian::tokio;
use gordian::tokio::runtime::{Builder, Handle};
use gordian::tokio::sync::{Mutex as AsyncMutex, oneshot};
use gordian::tokio::task::{LocalSet, block_in_place, yield_now};

use super::{assert_found, on_one_thread};

#[test]
fn a_guard_alive_over_an_await() {
    let found = on_one_thread(|| async {
        let mutex = Mutex::new(0);
        let guard = mutex.lock().unwrap();
        yield_now().await;
        drop(guard);
    });
    assert_found(&found, &[(Kind::GuardAcrossAwait, Tier::Observed)]);

    let found = on_one_thread(|| async {
        let mutex = Mutex::new(0);
        *mutex.lock().unwrap() += 1;
        yield_now().await;
        *mutex.lock().unwrap() += 1;
    });
    assert_found(&found, &[]);

    // That of a lock of tasks is made for it.
    let found = on_one_thread(|| async {
        let mutex = AsyncMutex::new(0);
        let _guard = mutex.lock().await;
        yield_now().await;
    });
    assert_found(&found, &[]);
}

/// The other task blocks the only worker with the lock that the first one would have to be polled to release.
#[test]
fn a_guard_alive_over_an_await_that_the_only_worker_waits_for() {
    let found = on_one_thread(|| async {
        LocalSet::new()
            .run_until(async {
                let mutex = Arc::new(Mutex::new(0));
                let own = Arc::clone(&mutex);
                let first = tokio::task::spawn_local(async move {
                    let _guard = own.lock().unwrap();
                    yield_now().await;
                });
                yield_now().await;
                drop(first);
            })
            .await;
    });
    assert_found(&found, &[(Kind::GuardAcrossAwait, Tier::Observed)]);
}

#[test]
fn a_blocking_wait_in_a_poll() {
    let found = on_one_thread(|| async {
        let (sender, receiver) = mpsc::channel();
        let thread = gordian::thread::spawn(move || {
            gordian::unobserved::Barrier::new(1).wait();
            sender.send(1).unwrap();
        });
        thread.join().unwrap();
        receiver.recv().unwrap();
    });
    // Whether the thread was waited for depends on who is faster.
    assert!(found.iter().all(|finding| finding.kind == Kind::BlockingInAsync), "{found:#?}");

    let found = on_one_thread(|| async {
        let (sender, receiver) = mpsc::channel::<()>();
        tokio::spawn(async move { drop(sender) });
        let _ = receiver.recv();
    });
    let kinds: Vec<_> = found.iter().map(|finding| finding.kind).collect();
    assert!(kinds.contains(&Kind::BlockingInAsync), "{found:#?}");

    let found = on_one_thread(|| async {
        let (sender, receiver) = oneshot::channel::<()>();
        tokio::spawn(async move { drop(sender) });
        let _ = receiver.await;
    });
    assert_found(&found, &[]);
}

#[test]
fn a_blocking_wait_in_a_job_is_what_jobs_are_for() {
    let found = on_one_thread(|| async {
        let (sender, receiver) = mpsc::channel();
        let job = tokio::task::spawn_blocking(move || receiver.recv().unwrap());
        sender.send(1).unwrap();
        assert_eq!(job.await.unwrap(), 1);
    });
    assert_found(&found, &[]);
}

/// The only thread that could poll the task waits for it.
#[test]
fn the_only_worker_waits_for_a_task() {
    let found = on_one_thread(|| async {
        let (sender, receiver) = mpsc::channel();
        let handle = Handle::current();
        let task = handle.spawn(async move { sender.send(1).unwrap() });
        receiver.recv().unwrap();
        task.await.unwrap();
    });
    let kinds: Vec<_> = found.iter().map(|finding| (finding.kind, finding.tier)).collect();
    assert!(kinds.contains(&(Kind::BlockingInAsync, Tier::Observed)), "{found:#?}");
    assert!(kinds.iter().any(|(kind, _)| matches!(kind, Kind::WaitCycle | Kind::PoolStarvation)), "{found:#?}");
}

#[test]
fn a_future_dropped_in_the_middle_of_an_update() {
    let found = on_one_thread(|| async {
        let account = AsyncMutex::new((0, 0));
        let update = async {
            let mut account = account.lock().await;
            account.0 += 1;
            std::future::poll_fn(|cx| {
                cx.waker().wake_by_ref();
                std::task::Poll::<()>::Pending
            })
            .await;
            account.1 += 1;
        };
        tokio::select! {
            biased;
            () = update => {}
            () = yield_now() => {}
        }
    });
    // Nothing that is watched was given up with it.
    assert_found(&found, &[]);

    let found = on_one_thread(|| async {
        let account = AsyncMutex::new((0, 0));
        let (_sender, mut receiver) = tokio::sync::mpsc::channel::<()>(1);
        let update = async {
            let mut account = account.lock().await;
            account.0 += 1;
            receiver.recv().await;
            account.1 += 1;
        };
        tokio::select! {
            biased;
            () = update => {}
            () = yield_now() => {}
        }
    });
    assert_found(&found, &[(Kind::CancelledCriticalSection, Tier::Possible)]);

    // The write comes after the await.
    let found = on_one_thread(|| async {
        let account = AsyncMutex::new((0, 0));
        let (_sender, mut receiver) = tokio::sync::mpsc::channel::<()>(1);
        let update = async {
            let mut account = account.lock().await;
            receiver.recv().await;
            *account = (1, 1);
        };
        tokio::select! {
            biased;
            () = update => {}
            () = yield_now() => {}
        }
    });
    assert_found(&found, &[]);

    // What is dropped is a part that has nothing to do with the guard.
    let found = on_one_thread(|| async {
        let account = AsyncMutex::new((0, 0));
        let (_sender, mut receiver) = tokio::sync::mpsc::channel::<()>(1);
        let mut account = account.lock().await;
        account.0 += 1;
        yield_now().await;
        tokio::select! {
            biased;
            _ = receiver.recv() => {}
            () = yield_now() => {}
        }
        drop(account);
    });
    assert_found(&found, &[]);
}

#[test]
fn a_task_aborted_in_the_middle_of_an_update() {
    let found = on_one_thread(|| async {
        let account = Arc::new(AsyncMutex::new((0, 0)));
        let own = Arc::clone(&account);
        let (_sender, mut receiver) = tokio::sync::mpsc::channel::<()>(1);
        let task = tokio::spawn(async move {
            let mut account = own.lock().await;
            account.0 += 1;
            receiver.recv().await;
            account.1 += 1;
        });
        yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert_found(&found, &[(Kind::CancelledCriticalSection, Tier::Possible)]);
}

#[test]
fn sleeping_with_the_thread() {
    let found = on_one_thread(|| async { gordian::thread::sleep(Duration::ZERO) });
    assert_found(&found, &[(Kind::BlockingInAsync, Tier::Observed)]);
    let found = on_one_thread(|| async { tokio::time::sleep(Duration::ZERO).await });
    assert_found(&found, &[]);
}

/// A wait that ends by itself blocks its thread as long.
#[test]
fn waiting_with_the_thread_for_some_time() {
    const LONG: Duration = Duration::from_millis(5);

    fn receive(time: Duration) {
        let (_sender, receiver) = mpsc::channel::<()>();
        receiver.recv_timeout(time).unwrap_err();
    }
    fn park(time: Duration) {
        gordian::thread::park_timeout(time);
    }
    fn wait(time: Duration) {
        let (lock, condvar) = (Mutex::new(()), gordian::sync::Condvar::new());
        drop(condvar.wait_timeout(lock.lock().unwrap(), time));
    }
    fn wait_for_parking_lot(time: Duration) {
        let (lock, condvar) = (gordian::parking_lot::Mutex::new(()), gordian::parking_lot::Condvar::new());
        assert!(condvar.wait_for(&mut lock.lock(), time).timed_out());
    }
    for wait in [receive, park, wait, wait_for_parking_lot] {
        // Kept from running in between, the thread may be too late to wait at all: not each time.
        let found = on_one_thread(move || async move { (0..20).for_each(|_| wait(LONG)) });
        assert_found(&found, &[(Kind::BlockingInAsync, Tier::Observed)]);
        let outcome = gordian::findings_of(move || {
            let workers = Builder::new_multi_thread().worker_threads(2).build().unwrap();
            workers.block_on(async move { tokio::spawn(async move { block_in_place(|| wait(LONG)) }).await.unwrap() });
        });
        assert_found(&outcome.findings, &[]);
        let found = on_one_thread(move || async move { wait(Duration::ZERO) });
        assert_found(&found, &[]);
        let found =
            on_one_thread(move || async move { tokio::task::spawn_blocking(move || wait(LONG)).await.unwrap() });
        assert_found(&found, &[]);
    }
}

/// A method that blocks is a wait of its thread.
#[test]
fn a_thread_waits_for_a_lock_of_tasks() {
    let outcome = gordian::findings_of(|| {
        let mutex = AsyncMutex::new(0);
        let _first = mutex.blocking_lock();
        let _second = mutex.blocking_lock();
    });
    assert_found(&outcome.findings, &[(Kind::SelfDeadlock, Tier::Observed)]);
    let outcome = gordian::findings_of(|| {
        let mutex = AsyncMutex::new(0);
        drop(mutex.blocking_lock());
        *mutex.blocking_lock() += 1;
    });
    assert_found(&outcome.findings, &[]);
}
