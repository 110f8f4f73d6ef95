//! As tasks, on a runtime with one thread and on one with several.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use gordian::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::{Mutex, Notify, RwLock, Semaphore, mpsc, oneshot};
use gordian::tokio::time::{sleep, timeout};
use gordian::tokio::{join, select, task};
use gordian::{Shared, check};

/// Runs the program on both kinds of runtime; there has to be nothing to find.
fn silent(program: impl AsyncFn() + Copy + Send + 'static) {
    check(move || Builder::new_current_thread().enable_time().build().unwrap().block_on(program()));
    check(move || Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap().block_on(program()));
}

/// The same on a clock that does not wait.
fn silent_in_no_time(program: impl AsyncFn() + Send + 'static) {
    check(move || {
        Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(program());
    });
}

#[test]
fn trap_1_a_gate_around_both_orders() {
    silent(async || {
        let locks = Arc::new((Mutex::new(()), Mutex::new(0), Mutex::new(0)));
        let theirs = Arc::clone(&locks);
        let forth = task::spawn(async move {
            let _gate = theirs.0.lock().await;
            let _a = theirs.1.lock().await;
            task::yield_now().await;
            let _b = theirs.2.lock().await;
        });
        let back = task::spawn(async move {
            let _gate = locks.0.lock().await;
            let _b = locks.2.lock().await;
            task::yield_now().await;
            let _a = locks.1.lock().await;
        });
        forth.await.unwrap();
        back.await.unwrap();
    });
}

#[test]
fn trap_2_two_orders_that_a_join_keeps_apart() {
    silent(async || {
        let locks = Arc::new((Mutex::new(0), Mutex::new(0)));
        let theirs = Arc::clone(&locks);
        let rebuild = task::spawn(async move {
            let _a = theirs.0.lock().await;
            let _b = theirs.1.lock().await;
        });
        rebuild.await.unwrap();
        let _b = locks.1.lock().await;
        let _a = locks.0.lock().await;
    });
}

#[test]
fn trap_3_two_orders_of_readers_only() {
    silent(async || {
        let locks = Arc::new((RwLock::new(1), RwLock::new(2)));
        let theirs = Arc::clone(&locks);
        let one = task::spawn(async move { *theirs.0.read().await + *theirs.1.read().await });
        let other = task::spawn(async move { *locks.1.read().await + *locks.0.read().await });
        assert_eq!(one.await.unwrap() + other.await.unwrap(), 6);
    });
}

#[test]
fn trap_5_a_loop_of_compare_and_exchange() {
    silent(async || {
        let sum = Arc::new(AtomicU32::new(0));
        let add = |part| {
            let sum = Arc::clone(&sum);
            task::spawn(async move {
                let mut seen = sum.load(Ordering::Relaxed);
                task::yield_now().await;
                while let Err(now) = sum.compare_exchange(seen, seen + part, Ordering::AcqRel, Ordering::Relaxed) {
                    seen = now;
                }
            })
        };
        let (one, two) = (add(1), add(2));
        one.await.unwrap();
        two.await.unwrap();
        assert_eq!(sum.load(Ordering::Relaxed), 3);
    });
}

#[test]
fn trap_6_relaxed_counters_and_a_relaxed_flag_before_a_join() {
    silent(async || {
        let state = Arc::new((AtomicU32::new(0), AtomicBool::new(false), Shared::new(0)));
        let theirs = Arc::clone(&state);
        let worker = task::spawn(async move {
            while !theirs.1.load(Ordering::Relaxed) {
                theirs.0.fetch_add(1, Ordering::Relaxed);
                task::yield_now().await;
            }
            theirs.2.set(7);
        });
        state.1.store(true, Ordering::Relaxed);
        worker.await.unwrap();
        assert_eq!(state.2.get(), 7);
    });
}

#[test]
fn trap_7_notifying_after_unlocking() {
    silent(async || {
        let state = Arc::new((Mutex::new(false), Notify::new()));
        let theirs = Arc::clone(&state);
        let notifier = task::spawn(async move {
            *theirs.0.lock().await = true;
            theirs.1.notify_one();
        });
        while !*state.0.lock().await {
            state.1.notified().await;
        }
        notifier.await.unwrap();
    });
}

#[test]
fn trap_8_waiters_notified_after_their_future_was_made() {
    silent(async || {
        let changed = Notify::new();
        let waiting = changed.notified();
        changed.notify_waiters();
        waiting.await;
    });
}

#[test]
fn trap_9_receiving_under_a_lock_in_a_pool() {
    silent(async || {
        let (jobs, queue) = mpsc::channel::<u32>(2);
        let queue = Arc::new(Mutex::new(queue));
        let sum = Arc::new(AtomicU32::new(0));
        let worker = || {
            let (queue, sum) = (Arc::clone(&queue), Arc::clone(&sum));
            task::spawn(async move {
                loop {
                    let job = queue.lock().await.recv().await;
                    let Some(job) = job else { break };
                    sum.fetch_add(job, Ordering::Relaxed);
                }
            })
        };
        let pool = [worker(), worker(), worker()];
        for job in 0..10 {
            jobs.send(job).await.unwrap();
        }
        drop(jobs);
        for worker in pool {
            worker.await.unwrap();
        }
        assert_eq!(sum.load(Ordering::Relaxed), 45);
    });
}

#[test]
fn trap_10_an_async_guard_across_an_await() {
    silent(async || {
        let state = Arc::new(Mutex::new(0));
        let add = || {
            let state = Arc::clone(&state);
            task::spawn(async move {
                let mut state = state.lock().await;
                let seen = *state;
                task::yield_now().await;
                *state = seen + 1;
            })
        };
        let (one, two) = (add(), add());
        one.await.unwrap();
        two.await.unwrap();
        assert_eq!(*state.lock().await, 2);
    });
}

#[test]
fn trap_11_the_future_that_lost_is_dropped() {
    silent_in_no_time(async || {
        let state = Arc::new(Mutex::new(0));
        let theirs = Arc::clone(&state);
        let other = task::spawn(async move {
            let _state = theirs.lock().await;
            sleep(Duration::from_secs(10)).await;
        });
        task::yield_now().await;
        select! {
            _ = state.lock() => unreachable!("the other task has it"),
            () = sleep(Duration::from_secs(1)) => *state.lock().await += 1,
        }
        other.await.unwrap();

        // A channel of one place: the send that lost has left the queue.
        let (sender, mut items) = mpsc::channel(1);
        sender.send(1).await.unwrap();
        let receiver = task::spawn(async move {
            sleep(Duration::from_secs(10)).await;
            assert_eq!((items.recv().await, items.recv().await), (Some(1), Some(3)));
        });
        select! {
            _ = sender.send(2) => unreachable!("it is full"),
            () = sleep(Duration::from_secs(1)) => sender.send(3).await.unwrap(),
        }
        receiver.await.unwrap();
    });
}

#[test]
fn trap_12_the_look_before_the_registration_is_not_the_last() {
    silent(async || {
        let state = Arc::new((AtomicBool::new(false), Notify::new()));
        let theirs = Arc::clone(&state);
        let setter = task::spawn(async move {
            theirs.0.store(true, Ordering::Release);
            theirs.1.notify_waiters();
        });
        if !state.0.load(Ordering::Acquire) {
            task::yield_now().await;
            let mut changed = pin!(state.1.notified());
            changed.as_mut().enable();
            if !state.0.load(Ordering::Acquire) {
                changed.await;
            }
        }
        setter.await.unwrap();
    });
}

#[test]
fn trap_13_services_that_still_wait_at_the_end() {
    silent(async || {
        let (requests, mut queue) = mpsc::channel::<u32>(1);
        task::spawn(async move {
            let _answered = queue.recv().await;
        });
        let bell = Arc::new(Notify::new());
        let theirs = Arc::clone(&bell);
        task::spawn(async move { theirs.notified().await });
        task::yield_now().await;
        drop(requests);
    });
}

#[test]
fn trap_15_a_budget_makes_any_await_wait() {
    silent(async || {
        let (lock, permits) = (Mutex::new(0), Semaphore::new(1));
        for _ in 0..1000 {
            *lock.lock().await += 1;
            drop(permits.acquire().await.unwrap());
        }
        // Two futures of one task share the budget.
        let count = async || {
            for _ in 0..1000 {
                *lock.lock().await += 1;
            }
        };
        join!(count(), count());
        assert_eq!(*lock.lock().await, 3000);
    });
}

#[test]
fn a_wait_that_was_given_up_is_retracted() {
    silent_in_no_time(async || {
        let (answer, mut waiting) = oneshot::channel::<u32>();
        assert!(timeout(Duration::from_secs(1), &mut waiting).await.is_err());
        answer.send(7).unwrap();
        assert_eq!(waiting.await, Ok(7));
    });
}
