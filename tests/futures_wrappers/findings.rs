//! What is found under executors that nobody knows: each bug with its fixed twin.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use futures::executor::{LocalPool, ThreadPool};
use futures::future::{Either, poll_fn, select};
use futures::task::{LocalSpawnExt, SpawnExt};
use gordian::finding::{Kind, Tier};
use gordian::futures::channel::{mpsc, oneshot};
use gordian::futures::executor::block_on;
use gordian::futures::lock::Mutex;
use gordian::futures::{SinkExt, StreamExt, future, pin_mut};
use gordian::task::instrument;

use super::executors::{found, give_way, on_local_pool};

type Pair<T> = [Rc<Mutex<T>>; 2];

/// Made where this stands: tests of one process know each other's locks by the places where they are made.
macro_rules! pair {
    ($value:expr) => {
        [Rc::new(Mutex::new($value)), Rc::new(Mutex::new($value))]
    };
}

/// Takes two locks. `gives_way`: when it has the first.
async fn takes([first, second]: Pair<u8>, gives_way: bool) {
    let _first = first.lock().await;
    if gives_way {
        give_way().await;
    }
    let _second = second.lock().await;
}

async fn takes_in_reverse([first, second]: Pair<u8>, gives_way: bool) {
    takes([second, first], gives_way).await;
}

#[test]
fn the_root_task_locks_twice() {
    let hangs = || {
        block_on(async {
            let mutex = Mutex::new(0);
            let _first = mutex.lock().await;
            let _second = mutex.lock().await;
        });
    };
    assert_eq!(found(hangs), [(Kind::SelfDeadlock, Tier::Observed)]);

    let instrumented = || {
        let mut pool = LocalPool::new();
        let task = instrument(async {
            let mutex = Arc::new(Mutex::new(0));
            let _first = mutex.clone().lock_owned().await;
            let _second = mutex.lock().await;
        });
        pool.spawner().spawn_local(task).unwrap();
        pool.run_until_stalled();
    };
    // The owned guard may have been given away: with nobody else there to have it, the wait is for ever all the same, but
    // the thread of the pool goes on.
    assert_eq!(found(instrumented), []);

    let fixed = || {
        block_on(async {
            let mutex = Mutex::new(0);
            drop(mutex.lock().await);
            let _second = mutex.lock().await;
        });
    };
    assert_eq!(found(fixed), []);
}

#[test]
fn two_tasks_of_one_thread_in_opposite_orders() {
    let hangs = || on_local_pool(pair!(0), |locks| takes(locks, true), |locks| takes_in_reverse(locks, true));
    assert_eq!(found(hangs), [(Kind::LockOrderCycle, Tier::Observed)]);
    // By luck one after the other.
    let lucky = || on_local_pool(pair!(0), |locks| takes(locks, false), |locks| takes_in_reverse(locks, false));
    assert_eq!(found(lucky), [(Kind::LockOrderCycle, Tier::Possible)]);
    let fixed = || on_local_pool(pair!(0), |locks| takes(locks, true), |locks| takes(locks, true));
    assert_eq!(found(fixed), []);
}

#[test]
fn two_tasks_on_the_threads_of_a_pool() {
    /// Each task takes its first lock, and goes on when both have theirs, if `hangs`. Waits until each has ended or waits.
    fn run(hangs: bool) {
        let pool = ThreadPool::builder().pool_size(2).create().unwrap();
        let locks = [Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0))];
        let meeting = Arc::new(std::sync::Barrier::new(2));
        let (polled, polls) = std::sync::mpsc::channel();
        for place in 0..2 {
            let first = if hangs { place } else { 0 };
            let (first, second) = (Arc::clone(&locks[first]), Arc::clone(&locks[1 - first]));
            let (meeting, polled) = (Arc::clone(&meeting), polled.clone());
            let mut task = Box::pin(instrument(async move {
                let _first = first.lock().await;
                if hangs {
                    meeting.wait();
                }
                let _second = second.lock().await;
            }));
            let told = poll_fn(move |cx| {
                let result = task.as_mut().poll(cx);
                if hangs || result.is_ready() {
                    polled.send(()).unwrap();
                }
                result
            });
            pool.spawn(told).unwrap();
        }
        (0..2).for_each(|_| polls.recv().unwrap());
    }
    let found = |hangs| found(move || run(hangs));
    assert_eq!(found(true), [(Kind::LockOrderCycle, Tier::Observed)]);
    assert_eq!(found(false), []);
}

#[test]
fn a_wait_that_was_given_up_is_none() {
    // Both hold one lock, and have asked for the other; one gives that up, and lets go of its own.
    let given_up = || {
        on_local_pool(
            pair!(0),
            |[left, right]| async move {
                let _left = left.lock().await;
                give_way().await;
                let wanted = right.lock();
                pin_mut!(wanted);
                if let Either::Left(_) = select(wanted, Box::pin(give_way())).await {
                    give_way().await;
                }
            },
            |[left, right]| async move {
                let _right = right.lock().await;
                give_way().await;
                give_way().await;
                let _left = left.lock().await;
            },
        );
    };
    let found = found(given_up);
    assert!(found.iter().all(|(_, tier)| *tier == Tier::Possible), "{found:?}");
}

#[test]
fn messages_that_somebody_sends() {
    let sent = || {
        let (sender, receiver) = oneshot::channel::<u8>();
        let other = std::thread::spawn(move || sender.send(1));
        assert_eq!(block_on(receiver), Ok(1));
        other.join().unwrap().unwrap();
    };
    assert_eq!(found(sent), []);

    let drained = || {
        let (mut sender, mut receiver) = mpsc::channel::<u8>(0);
        block_on(async move {
            let sends = async move {
                for number in 0..9 {
                    sender.send(number).await.unwrap();
                }
            };
            let sums = async move {
                let mut sum = 0;
                while let Some(number) = receiver.next().await {
                    sum += number;
                }
                sum
            };
            assert_eq!(future::join(sends, sums).await.1, 36);
        });
    };
    assert_eq!(found(drained), []);
}

#[test]
fn what_a_pool_does_without_being_watched_may_end_a_wait() {
    let silent = || {
        let pool = ThreadPool::builder().pool_size(1).create().unwrap();
        // The pool's thread is known from this on.
        let (met, meets) = oneshot::channel();
        pool.spawn(instrument(async move { met.send(()).unwrap() })).unwrap();
        block_on(meets).unwrap();
        let (sender, receiver) = oneshot::channel();
        let (mut turns, turned) = mpsc::unbounded::<u8>();
        pool.spawn(async move {
            for _ in 0..50 {
                give_way().await;
                std::thread::yield_now();
            }
            let _ = turns.send(1).await;
            sender.send(1).unwrap();
        })
        .unwrap();
        assert_eq!(block_on(receiver), Ok(1));
        assert_eq!(block_on(turned.collect::<Vec<_>>()), [1]);
    };
    assert_eq!(found(silent), []);
}

#[test]
fn a_mutex_keeps_nothing_for_a_future_that_was_woken() {
    async fn until(step: &Cell<u32>, number: u32) {
        while step.get() < number {
            give_way().await;
        }
    }
    // The task polls a future no more that was woken, and asks once more. There is no queue: its second wait is in the place
    // that was left by the one before the first, and is woken next.
    let silent = || {
        let (mutex, step) = (Rc::new(Mutex::new(0)), Rc::new(Cell::new(0)));
        let mut pool = LocalPool::new();
        let (lock, now) = (Rc::clone(&mutex), Rc::clone(&step));
        let holds = async move {
            let first = lock.lock().await;
            now.set(1);
            until(&now, 3).await;
            drop(first);
            until(&now, 4).await;
            let _second = lock.lock().await;
            now.set(5);
            until(&now, 6).await;
        };
        let (lock, now) = (Rc::clone(&mutex), Rc::clone(&step));
        let comes_first = async move {
            until(&now, 1).await;
            now.set(2);
            drop(lock.lock().await);
            now.set(4);
        };
        let asks_twice = async move {
            until(&step, 2).await;
            let mut unpolled = mutex.lock();
            assert!(gordian::futures::poll!(&mut unpolled).is_pending());
            step.set(3);
            until(&step, 5).await;
            step.set(6);
            drop(mutex.lock().await);
            drop(unpolled);
        };
        pool.spawner().spawn_local(instrument(holds)).unwrap();
        pool.spawner().spawn_local(instrument(comes_first)).unwrap();
        let asks_twice = pool.spawner().spawn_local_with_handle(instrument(asks_twice)).unwrap();
        pool.run_until(asks_twice);
    };
    assert_eq!(found(silent), []);
}

#[test]
fn opposite_orders_of_values_behind_parts_of_a_guard() {
    use gordian::futures::lock::MutexGuard;

    let lucky = || {
        on_local_pool(
            pair!((0, 1)),
            |[left, right]| async move {
                let _part = MutexGuard::map(left.lock().await, |pair| &mut pair.0);
                let _right = right.lock().await;
            },
            |[left, right]| async move {
                let _right = right.lock().await;
                let _left = left.lock().await;
            },
        );
    };
    assert_eq!(found(lucky), [(Kind::LockOrderCycle, Tier::Possible)]);
}
