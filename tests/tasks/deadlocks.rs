//! Tasks that wait for one another for ever.

use std::sync::Arc;

use gordian::finding::{Kind, Tier};
use gordian::tokio;
use gordian::tokio::sync::{Mutex, Notify, RwLock, Semaphore, mpsc};
use gordian::tokio::task::yield_now;

use super::{assert_found, on_one_thread};

#[test]
fn a_mutex_taken_twice() {
    let found = on_one_thread(|| async {
        let mutex = Mutex::new(0);
        let _first = mutex.lock().await;
        let _second = mutex.lock().await;
    });
    assert_found(&found, &[(Kind::SelfDeadlock, Tier::Observed)]);

    let found = on_one_thread(|| async {
        let mutex = Mutex::new(0);
        drop(mutex.lock().await);
        let _second = mutex.lock().await;
    });
    assert_found(&found, &[]);
}

#[test]
fn two_mutexes_in_opposite_orders() {
    let found = on_one_thread(|| async {
        let (left, right) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
        let (l, r) = (Arc::clone(&left), Arc::clone(&right));
        let other = tokio::spawn(async move {
            let _right = r.lock().await;
            yield_now().await;
            let _left = l.lock().await;
        });
        let task = tokio::spawn(async move {
            let _left = left.lock().await;
            yield_now().await;
            let _right = right.lock().await;
        });
        let _ = (other.await, task.await);
    });
    assert_found(&found, &[(Kind::LockOrderCycle, Tier::Observed)]);

    // In turn: nothing hangs, but the orders are opposite.
    let found = on_one_thread(|| async {
        let (left, right) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
        let (l, r) = (Arc::clone(&left), Arc::clone(&right));
        let other = tokio::spawn(async move {
            let _right = r.lock().await;
            let _left = l.lock().await;
        });
        let task = tokio::spawn(async move {
            let _left = left.lock().await;
            let _right = right.lock().await;
        });
        let _ = (other.await, task.await);
    });
    assert_found(&found, &[(Kind::LockOrderCycle, Tier::Possible)]);

    // One after the other, by their handles.
    let found = on_one_thread(|| async {
        let (left, right) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
        let (l, r) = (Arc::clone(&left), Arc::clone(&right));
        let other = tokio::spawn(async move {
            let _right = r.lock().await;
            let _left = l.lock().await;
        });
        other.await.unwrap();
        let task = tokio::spawn(async move {
            let _left = left.lock().await;
            let _right = right.lock().await;
        });
        task.await.unwrap();
    });
    assert_found(&found, &[]);
}

#[test]
fn a_read_below_a_read_with_a_writer_in_between() {
    let found = on_one_thread(|| async {
        let lock = Arc::new(RwLock::new(0));
        let writer = Arc::clone(&lock);
        let _first = lock.read().await;
        tokio::spawn(async move {
            *writer.write().await += 1;
        });
        yield_now().await;
        let _second = lock.read().await;
    });
    assert_found(&found, &[(Kind::RecursiveRead, Tier::Observed)]);
}

#[test]
fn the_end_of_a_task_that_wants_what_the_waiter_holds() {
    let found = on_one_thread(|| async {
        let mutex = Arc::new(Mutex::new(0));
        let own = Arc::clone(&mutex);
        let _held = mutex.lock().await;
        let _ = tokio::spawn(async move {
            *own.lock().await += 1;
        })
        .await;
    });
    assert_found(&found, &[(Kind::WaitCycle, Tier::Observed)]);

    let found = on_one_thread(|| async {
        let mutex = Arc::new(Mutex::new(0));
        let own = Arc::clone(&mutex);
        let held = mutex.lock().await;
        let task = tokio::spawn(async move {
            *own.lock().await += 1;
        });
        yield_now().await;
        drop(held);
        task.await.unwrap();
    });
    assert_found(&found, &[]);
}

#[test]
fn a_queue_that_nobody_empties() {
    let found = on_one_thread(|| async {
        let (sender, mut receiver) = mpsc::channel(1);
        sender.send(1).await.unwrap();
        sender.send(2).await.unwrap();
        receiver.recv().await;
    });
    assert_found(&found, &[(Kind::WaitCycle, Tier::Observed)]);

    let found = on_one_thread(|| async {
        let (sender, mut receiver) = mpsc::channel(2);
        sender.send(1).await.unwrap();
        sender.send(2).await.unwrap();
        receiver.recv().await;
    });
    assert_found(&found, &[]);
}

#[test]
fn a_permit_that_the_holders_want_once_more() {
    let found = on_one_thread(|| async {
        let semaphore = Arc::new(Semaphore::new(2));
        let tasks: Vec<_> = (0..2)
            .map(|_| {
                let semaphore = Arc::clone(&semaphore);
                tokio::spawn(async move {
                    let _first = semaphore.acquire().await.unwrap();
                    yield_now().await;
                    let _second = semaphore.acquire().await.unwrap();
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_found(&found, &[(Kind::WaitCycle, Tier::Observed)]);
}

#[test]
fn a_notification_that_nobody_gives() {
    let found = on_one_thread(|| async {
        let notify = Notify::new();
        notify.notify_waiters();
        notify.notified().await;
    });
    assert_found(&found, &[(Kind::LostWakeup, Tier::Observed)]);

    let found = on_one_thread(|| async {
        let notify = Notify::new();
        let notified = notify.notified();
        notify.notify_waiters();
        notified.await;
    });
    assert_found(&found, &[]);
}

/// Who keeps the future that is next in line, and awaits something else, stands in his own way.
#[test]
fn a_future_that_is_next_in_line_and_polled_no_more() {
    let found = on_one_thread(|| async {
        let mutex = Arc::new(Mutex::new(0));
        let own = Arc::clone(&mutex);
        let held = tokio::spawn(async move {
            let _guard = own.lock().await;
            yield_now().await;
            yield_now().await;
        });
        yield_now().await;
        let mut first = Box::pin(mutex.lock());
        tokio::select! {
            biased;
            _ = &mut first => {}
            () = yield_now() => {
                let _second = mutex.lock().await;
            }
        }
        held.await.unwrap();
    });
    assert_found(&found, &[(Kind::Futurelock, Tier::Observed)]);

    // Dropped, it is in nobody's way.
    let found = on_one_thread(|| async {
        let mutex = Arc::new(Mutex::new(0));
        let own = Arc::clone(&mutex);
        let held = tokio::spawn(async move {
            let _guard = own.lock().await;
            yield_now().await;
            yield_now().await;
        });
        yield_now().await;
        tokio::select! {
            biased;
            _ = mutex.lock() => {}
            () = yield_now() => {
                let _second = mutex.lock().await;
            }
        }
        held.await.unwrap();
    });
    assert_found(&found, &[]);
}
