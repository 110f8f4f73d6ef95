//! As threads. What only async code can do (8, 10, 11, 12, 15) is not here.

use gordian::parking_lot::{RecursiveRwLock, ReentrantMutex};
use gordian::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering, fence};
use gordian::sync::{Arc, Condvar, Mutex, RwLock, mpsc};
use gordian::unobserved::Barrier;
use gordian::{Shared, check, thread};

#[test]
fn trap_1_a_gate_around_both_orders() {
    check(|| {
        let (gate, a, b) = (Mutex::new(()), Mutex::new(0), Mutex::new(0));
        thread::scope(|scope| {
            scope.spawn(|| {
                let _gate = gate.lock().unwrap();
                let (_a, _b) = (a.lock().unwrap(), b.lock().unwrap());
            });
            scope.spawn(|| {
                let _gate = gate.lock().unwrap();
                let (_b, _a) = (b.lock().unwrap(), a.lock().unwrap());
            });
        });
    });
}

#[test]
fn trap_2_two_orders_that_a_join_keeps_apart() {
    check(|| {
        let locks = Arc::new((Mutex::new(0), Mutex::new(0)));
        let theirs = Arc::clone(&locks);
        let rebuild = thread::spawn(move || {
            let (_a, _b) = (theirs.0.lock().unwrap(), theirs.1.lock().unwrap());
        });
        rebuild.join().unwrap();
        let (_b, _a) = (locks.1.lock().unwrap(), locks.0.lock().unwrap());
    });
}

#[test]
fn trap_3_two_orders_of_readers_only() {
    check(|| {
        let (a, b) = (RwLock::new(1), RwLock::new(2));
        thread::scope(|scope| {
            scope.spawn(|| *a.read().unwrap() + *b.read().unwrap());
            scope.spawn(|| *b.read().unwrap() + *a.read().unwrap());
        });
    });
}

#[test]
fn trap_4_a_recursive_read_that_may_and_a_reentrant_mutex() {
    check(|| {
        let (table, depth) = (RecursiveRwLock::new(1), ReentrantMutex::new(0));
        thread::scope(|scope| {
            scope.spawn(|| *table.read() + *table.read());
            scope.spawn(|| *table.write() += 1);
            scope.spawn(|| *depth.lock() + *depth.lock());
        });
    });
}

#[test]
fn trap_5_a_loop_of_compare_and_exchange() {
    check(|| {
        let sum = AtomicU32::new(0);
        let (loaded, rounds) = (Barrier::new(2), [1, 2]);
        thread::scope(|scope| {
            for part in rounds {
                let (sum, loaded) = (&sum, &loaded);
                scope.spawn(move || {
                    let mut seen = sum.load(Ordering::Relaxed);
                    loaded.wait();
                    while let Err(now) = sum.compare_exchange(seen, seen + part, Ordering::AcqRel, Ordering::Relaxed) {
                        seen = now;
                    }
                });
            }
        });
        assert_eq!(sum.into_inner(), 3);
    });
}

#[test]
fn trap_6_relaxed_counters_and_a_relaxed_flag_before_a_join() {
    check(|| {
        let state = Arc::new((AtomicUsize::new(0), AtomicBool::new(false), Shared::new(0)));
        let worker = thread::spawn({
            let state = Arc::clone(&state);
            move || {
                while !state.1.load(Ordering::Relaxed) {
                    state.0.fetch_add(1, Ordering::Relaxed);
                    thread::yield_now();
                }
                state.2.set(7);
            }
        });
        state.1.store(true, Ordering::Relaxed);
        worker.join().unwrap();
        assert_eq!(state.2.get(), 7);
    });
}

#[test]
fn trap_7_notifying_after_unlocking() {
    check(|| {
        let state = Arc::new((Mutex::new(false), Condvar::new()));
        let notifier = thread::spawn({
            let state = Arc::clone(&state);
            move || {
                *state.0.lock().unwrap() = true;
                state.1.notify_one();
            }
        });
        drop(state.1.wait_while(state.0.lock().unwrap(), |ready| !*ready).unwrap());
        notifier.join().unwrap();
    });
}

#[test]
fn trap_9_receiving_under_a_lock_in_a_pool() {
    check(|| {
        let (jobs, queue) = mpsc::channel::<u32>();
        let queue = Arc::new(Mutex::new(queue));
        let sum = Arc::new(AtomicU32::new(0));
        let pool: Vec<_> = (0..3)
            .map(|_| {
                let (queue, sum) = (Arc::clone(&queue), Arc::clone(&sum));
                thread::spawn(move || {
                    loop {
                        let job = queue.lock().unwrap().recv();
                        let Ok(job) = job else { break };
                        sum.fetch_add(job, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        (0..10).for_each(|job| jobs.send(job).unwrap());
        drop(jobs);
        pool.into_iter().for_each(|worker| worker.join().unwrap());
        assert_eq!(sum.load(Ordering::Relaxed), 45);
    });
}

#[test]
fn trap_13_a_service_that_still_waits_at_the_end() {
    check(|| {
        let (_keep, requests) = mpsc::channel::<u32>();
        let service = thread::spawn(move || requests.recv());
        std::mem::forget((_keep, service));
    });
}

#[test]
fn trap_14_a_sequence_lock_reads_speculatively() {
    check(|| {
        let lock = Arc::new((AtomicUsize::new(0), Shared::new(0)));
        let writer = thread::spawn({
            let lock = Arc::clone(&lock);
            move || {
                let sequence = lock.0.load(Ordering::Relaxed);
                lock.0.store(sequence + 1, Ordering::Relaxed);
                fence(Ordering::Release);
                lock.1.set(7);
                lock.0.store(sequence + 2, Ordering::Release);
            }
        });
        let value = loop {
            let before = lock.0.load(Ordering::Acquire);
            let value = lock.1.get_speculative();
            fence(Ordering::Acquire);
            if before.is_multiple_of(2) && lock.0.load(Ordering::Relaxed) == before {
                break value;
            }
        };
        assert!(value == 0 || value == 7);
        writer.join().unwrap();
    });
}
