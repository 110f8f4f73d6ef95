//! Waits and lock orders through the wrappers of std, each beside its silent twin.
//!
//! Where a schedule matters, threads meet at a barrier that the detector does not see. A thread that waits for ever is
//! left behind: nothing here waits for it.

use gordian::Named;
use gordian::finding::Kind;
use gordian::sync::mpsc::{channel, sync_channel};
use gordian::sync::{Arc, Barrier, Condvar, LazyLock, Mutex, Once, OnceLock, RwLock};
use gordian::thread;
use gordian::unobserved;

/// The kinds found in `f`, sorted, and whether it came to its end.
fn found(f: impl FnOnce() + Send + 'static) -> (Vec<Kind>, bool) {
    let outcome = gordian::findings_of(f);
    let mut kinds: Vec<Kind> = outcome.findings.iter().map(|finding| finding.kind).collect();
    kinds.sort_unstable();
    (kinds, outcome.result.is_some_and(|result| result.is_ok()))
}

/// Found, and hung.
pub(crate) fn hangs(kind: Kind, f: impl FnOnce() + Send + 'static) {
    assert_eq!(found(f), (vec![kind], false));
}

/// Found, though it did not happen in this run.
fn warns(kind: Kind, f: impl FnOnce() + Send + 'static) {
    assert_eq!(found(f), (vec![kind], true));
}

pub(crate) fn silent(f: impl FnOnce() + Send + 'static) {
    assert_eq!(found(f), (vec![], true));
}

/// A barrier that makes no order, for two threads.
pub(crate) fn meeting() -> (Arc<unobserved::Barrier>, Arc<unobserved::Barrier>) {
    let barrier = Arc::new(unobserved::Barrier::new(2));
    (Arc::clone(&barrier), barrier)
}

#[test]
fn a_wait_without_a_look_at_the_condition() {
    let pair = || Arc::new((Mutex::new(false), Condvar::new()));
    let notify = |pair: &Arc<(Mutex<bool>, Condvar)>| {
        let pair = Arc::clone(pair);
        thread::spawn(move || {
            *pair.0.lock().unwrap() = true;
            pair.1.notify_all();
        })
        .join()
        .unwrap();
    };
    hangs(Kind::LostWakeup, move || {
        let pair = pair();
        notify(&pair);
        drop(pair.1.wait(pair.0.lock().unwrap()));
    });
    silent(move || {
        let pair = pair();
        notify(&pair);
        drop(pair.1.wait_while(pair.0.lock().unwrap(), |done| !*done));
    });
}

#[test]
fn one_notification_for_two_waiters() {
    let run = |all: bool| {
        move || {
            let state = Arc::new((Mutex::new((0, false)), Condvar::new()));
            let waiters: Vec<_> = (0..2)
                .map(|_| {
                    let state = Arc::clone(&state);
                    thread::spawn(move || {
                        let mut guard = state.0.lock().unwrap();
                        guard.0 += 1;
                        drop(state.1.wait_while(guard, |(_, open)| !*open));
                    })
                })
                .collect();
            // Whoever counts itself waits before the lock is free again.
            while state.0.lock().unwrap().0 < 2 {
                thread::yield_now();
            }
            state.0.lock().unwrap().1 = true;
            if all {
                state.1.notify_all()
            } else {
                state.1.notify_one()
            }
            waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        }
    };
    hangs(Kind::LostWakeup, run(false));
    silent(run(true));
}

/// T28: the waiter keeps a second lock that the notifier needs first.
#[test]
fn a_wait_with_another_lock_held() {
    let run = |held: bool| {
        move || {
            let state = Arc::new((Mutex::new(false), Condvar::new(), Mutex::new(())));
            let (here, there) = meeting();
            let other = Arc::clone(&state);
            let notifier = thread::spawn(move || {
                there.wait();
                let _outer = other.2.lock().unwrap();
                *other.0.lock().unwrap() = true;
                other.1.notify_one();
            });
            let outer = state.2.lock().unwrap();
            let guard = state.0.lock().unwrap();
            if !held {
                drop(outer);
                here.wait();
                drop(state.1.wait_while(guard, |done| !*done));
            } else {
                here.wait();
                drop(state.1.wait_while(guard, |done| !*done));
                drop(outer);
            }
            notifier.join().unwrap();
        }
    };
    hangs(Kind::WaitCycle, run(true));
    silent(run(false));
}

/// Coming back from the wait, the mutex is taken below the lock that was taken above it.
#[test]
fn a_condvar_takes_its_mutex_again_in_reverse_order() {
    let run = |reverse: bool| {
        move || {
            let state = Arc::new((Mutex::new(false).named("outer"), Condvar::new(), Mutex::new(()).named("inner")));
            let luck = Arc::new(unobserved::Barrier::new(2));
            let (other, overtaken) = (Arc::clone(&state), Arc::clone(&luck));
            let notifier = thread::spawn(move || {
                if reverse {
                    overtaken.wait();
                }
                let mut done = other.0.lock().unwrap();
                *done = true;
                if !reverse {
                    drop(done);
                }
                drop(other.2.lock().unwrap());
                other.1.notify_one();
            });
            let guard = state.0.lock().unwrap();
            if reverse {
                let inner = state.2.lock().unwrap();
                let (guard, _) = state.1.wait_timeout(guard, std::time::Duration::from_micros(1)).unwrap();
                drop((guard, inner));
                luck.wait();
            } else {
                drop(state.1.wait_while(guard, |done| !*done));
                drop(state.2.lock().unwrap());
            }
            notifier.join().unwrap();
        }
    };
    warns(Kind::LockOrderCycle, run(true));
    silent(run(false));
}

/// T24.
#[test]
fn a_receiver_with_its_own_sender_alive() {
    let run = |keep: bool| {
        move || {
            let (tx, rx) = channel();
            let workers: Vec<_> = (0..3)
                .map(|number| {
                    let tx = tx.clone();
                    thread::spawn(move || tx.send(number).unwrap())
                })
                .collect();
            let kept = keep.then(|| tx.clone());
            drop(tx);
            assert_eq!(rx.iter().sum::<i32>(), 3);
            drop(kept);
            workers.into_iter().for_each(|worker| worker.join().unwrap());
        }
    };
    hangs(Kind::WaitCycle, run(true));
    silent(run(false));
}

/// T26: the receiver of the full channel waits for its sender.
#[test]
fn a_full_channel_whose_receiver_waits_for_the_sender() {
    let run = |bound: usize| {
        move || {
            let (tx, rx) = sync_channel(bound);
            let (answer_tx, answer_rx) = channel();
            let backend = thread::spawn(move || {
                let answer: i32 = answer_rx.recv().unwrap();
                answer + rx.iter().sum::<i32>()
            });
            (0..2).for_each(|number| tx.send(number).unwrap());
            answer_tx.send(10).unwrap();
            drop(tx);
            assert_eq!(backend.join().unwrap(), 11);
        }
    };
    hangs(Kind::WaitCycle, run(1));
    hangs(Kind::WaitCycle, run(0));
    silent(run(2));
}

#[test]
fn a_channel_and_a_lock() {
    let run = |held: bool| {
        move || {
            let lock = Arc::new(Mutex::new(0));
            let (tx, rx) = sync_channel(0);
            let other = Arc::clone(&lock);
            let (here, there) = meeting();
            let sender = thread::spawn(move || {
                there.wait();
                let sum = *other.lock().unwrap() + 1;
                tx.send(sum).unwrap();
            });
            let guard = lock.lock().unwrap();
            here.wait();
            let guard = held.then_some(guard);
            assert_eq!(rx.recv().unwrap(), 1);
            drop(guard);
            sender.join().unwrap();
        }
    };
    hangs(Kind::WaitCycle, run(true));
    silent(run(false));
}

/// T10.
#[test]
fn a_join_with_the_lock_that_the_thread_needs() {
    let run = |held: bool| {
        move || {
            let lock = Arc::new(Mutex::new(0));
            let guard = lock.lock().unwrap();
            let other = Arc::clone(&lock);
            let worker = thread::spawn(move || *other.lock().unwrap() += 1);
            let guard = held.then_some(guard);
            worker.join().unwrap();
            drop(guard);
        }
    };
    hangs(Kind::WaitCycle, run(true));
    silent(run(false));
    let scoped = |held: bool| {
        move || {
            let lock = Mutex::new(0);
            let guard = lock.lock().unwrap();
            thread::scope(|scope| {
                scope.spawn(|| *lock.lock().unwrap() += 1);
                if !held {
                    drop(guard);
                }
            });
        }
    };
    silent(scoped(false));
    let lock: &'static Mutex<i32> = Box::leak(Box::new(Mutex::new(0)));
    hangs(Kind::WaitCycle, move || {
        let _guard = lock.lock().unwrap();
        thread::scope(|scope| drop(scope.spawn(|| *lock.lock().unwrap() += 1)));
    });
}

/// T22.
#[test]
fn two_threads_join_each_other() {
    let run = |circle: bool| {
        move || {
            let (handle_tx, handle_rx) = channel::<thread::JoinHandle<()>>();
            let one = thread::spawn(move || handle_rx.iter().for_each(|handle| handle.join().unwrap()));
            let (one_tx, one_rx) = channel::<thread::JoinHandle<()>>();
            let two = thread::spawn(move || one_rx.iter().for_each(|handle| handle.join().unwrap()));
            handle_tx.send(two).unwrap();
            drop(handle_tx);
            if circle {
                one_tx.send(one).unwrap();
                drop(one_tx);
                thread::park();
            } else {
                drop(one_tx);
                one.join().unwrap();
            }
        }
    };
    let (kinds, ended) = found(run(true));
    assert!(!ended && kinds.contains(&Kind::WaitCycle), "{kinds:?}");
    silent(run(false));
}

/// T41.
#[test]
fn a_barrier_with_a_party_that_never_comes() {
    let run = |dies: bool| {
        move || {
            let barrier = Arc::new(Barrier::new(2));
            let other = Arc::clone(&barrier);
            let party = thread::spawn(move || {
                if !dies {
                    other.wait();
                }
            });
            barrier.wait();
            party.join().unwrap();
        }
    };
    hangs(Kind::ResourceLeak, run(true));
    silent(run(false));
}

/// T14.
#[test]
fn an_initialiser_that_needs_itself() {
    hangs(Kind::SelfDeadlock, || {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| ONCE.call_once(|| ()));
    });
    hangs(Kind::SelfDeadlock, || {
        static CELL: OnceLock<u32> = OnceLock::new();
        CELL.get_or_init(|| *CELL.get_or_init(|| 1));
    });
    hangs(Kind::SelfDeadlock, || {
        static LAZY: LazyLock<u32> = LazyLock::new(|| *LAZY + 1);
        assert_eq!(*LAZY, 1);
    });
    silent(|| {
        static FIRST: LazyLock<u32> = LazyLock::new(|| 1);
        static SECOND: LazyLock<u32> = LazyLock::new(|| *FIRST + 1);
        assert_eq!(*SECOND, 2);
        assert_eq!((*FIRST, *SECOND), (1, 2));
    });
}

#[test]
fn two_initialisers_crosswise() {
    let run = |meet: bool| {
        move || {
            let onces = Arc::new((Once::new(), Once::new()));
            let (here, there) = meeting();
            let other = Arc::clone(&onces);
            let thread = thread::spawn(move || {
                other.1.call_once(|| {
                    there.wait();
                    other.0.call_once(|| ());
                });
            });
            if meet {
                onces.0.call_once(|| {
                    here.wait();
                    onces.1.call_once(|| ());
                });
            } else {
                here.wait();
                onces.0.call_once(|| ());
            }
            thread.join().unwrap();
        }
    };
    hangs(Kind::WaitCycle, run(true));
    silent(run(false));
}

/// An initialiser wants the lock under which another thread asks for the value.
#[test]
fn a_lock_and_an_initialiser_crosswise() {
    let run = |meet: bool| {
        move || {
            let state = Arc::new((Mutex::new(1), OnceLock::new()));
            let (here, there) = meeting();
            let other = Arc::clone(&state);
            let user = thread::spawn(move || {
                if !meet {
                    there.wait();
                }
                let _guard = other.0.lock().unwrap();
                if meet {
                    there.wait();
                }
                assert_eq!(other.1.get_or_init(|| 1), &1);
            });
            let early = || {
                if meet {
                    here.wait();
                }
                *state.0.lock().unwrap()
            };
            if meet {
                state.1.get_or_init(early);
            } else {
                // Not in the initialiser.
                let value = early();
                state.1.get_or_init(|| value);
                here.wait();
            }
            user.join().unwrap();
        }
    };
    hangs(Kind::WaitCycle, run(true));
    silent(run(false));
}

/// A once that is complete is a wait that might have been, unless the completion is known by other means.
#[test]
fn a_complete_once_below_a_lock_that_its_initialiser_takes() {
    let run = |known: bool| {
        move || {
            let state = Arc::new((Mutex::new(1), OnceLock::new()));
            let other = Arc::clone(&state);
            let (here, there) = meeting();
            let user = thread::spawn(move || {
                there.wait();
                let _guard = other.0.lock().unwrap();
                // In the silent twin only looks, and never waits.
                if known { other.1.get().copied() } else { Some(*other.1.get_or_init(|| 2)) }
            });
            state.1.get_or_init(|| *state.0.lock().unwrap());
            here.wait();
            assert_eq!(user.join().unwrap(), Some(1));
        }
    };
    warns(Kind::WaitCycle, run(false));
    silent(run(true));
    // Initialised before the thread was started: it can't come earlier.
    silent(|| {
        let state = Arc::new((Mutex::new(1), OnceLock::new()));
        state.1.get_or_init(|| *state.0.lock().unwrap());
        let other = Arc::clone(&state);
        let user = thread::spawn(move || {
            let _guard = other.0.lock().unwrap();
            *other.1.get_or_init(|| 2)
        });
        assert_eq!(user.join().unwrap(), 1);
    });
}

#[test]
fn a_wait_for_an_initialiser_that_no_one_runs() {
    hangs(Kind::LostWakeup, || Once::new().wait());
    silent(|| {
        let once = Arc::new(Once::new());
        let other = Arc::clone(&once);
        let waiter = thread::spawn(move || other.wait());
        once.call_once(|| ());
        waiter.join().unwrap();
    });
}

#[test]
fn a_park_that_no_one_ends() {
    hangs(Kind::LostWakeup, thread::park);
    silent(|| {
        let parker = thread::current();
        let waker = thread::spawn(move || parker.unpark());
        thread::park();
        waker.join().unwrap();
    });
    // A token for a thread that waits for something else does not end that wait.
    let writes = |for_ever: bool| {
        move || {
            let lock = Arc::new(RwLock::new(()));
            let other = Arc::clone(&lock);
            let guard = lock.read();
            let writer = thread::spawn(move || drop(other.write()));
            // From the moment that the writer waits, no one else gets in.
            while lock.try_read().is_ok() {
                thread::yield_now();
            }
            writer.thread().unpark();
            if !for_ever {
                drop(guard);
            }
            writer.join().unwrap();
        }
    };
    hangs(Kind::WaitCycle, writes(true));
    silent(writes(false));
    // T19: the token comes before the park, and another one than was meant.
    hangs(Kind::LostWakeup, || {
        thread::current().unpark();
        thread::park();
        thread::park();
    });
}

/// A part of the program is stuck while the rest runs, which here means: waits where the detector does not look.
#[test]
fn a_deadlock_is_told_while_others_run() {
    hangs(Kind::LockOrderCycle, || {
        thread::spawn(|| unobserved::Barrier::new(2).wait());
        let locks = Arc::new((Mutex::new(()), Mutex::new(())));
        let (here, there) = meeting();
        let other = Arc::clone(&locks);
        thread::spawn(move || {
            let _second = other.1.lock().unwrap();
            there.wait();
            drop(other.0.lock());
        });
        let _first = locks.0.lock().unwrap();
        here.wait();
        drop(locks.1.lock());
    });
}

/// Try, time limits, guards handed on: what other tools take for a deadlock.
#[test]
fn what_is_none() {
    silent(|| {
        let locks = Arc::new((Mutex::new(()), RwLock::new(())));
        let other = Arc::clone(&locks);
        let tries = thread::spawn(move || {
            let _write = other.1.write().unwrap();
            drop(other.0.try_lock());
        });
        let one = locks.0.lock().unwrap();
        drop(locks.1.read().unwrap());
        drop(one);
        tries.join().unwrap();
    });
    // A bounded channel that is full and drained again, a rendezvous both ways round.
    for bound in [0, 1] {
        silent(move || {
            let (tx, rx) = sync_channel(bound);
            let sender = thread::spawn(move || (0..200).for_each(|number| tx.send(number).unwrap()));
            assert_eq!(rx.iter().count(), 200);
            sender.join().unwrap();
        });
    }
}

/// ThreadSanitizer gives false warnings for this over std, Helgrind many.
#[test]
fn four_threads_over_everything_are_silent() {
    silent(|| {
        let state = Arc::new((Mutex::new(0_u64), RwLock::new(Vec::new()), Condvar::new()));
        let (tx, rx) = channel();
        let workers: Vec<_> = (0..4_u64)
            .map(|number| {
                let (state, tx) = (Arc::clone(&state), tx.clone());
                thread::spawn(move || {
                    for step in 0..25 {
                        *state.0.lock().unwrap() += step;
                        state.1.write().unwrap().push(number);
                        assert!(state.1.read().unwrap().contains(&number));
                        tx.send(number).unwrap();
                        state.2.notify_all();
                    }
                })
            })
            .collect();
        drop(tx);
        let total = state.2.wait_while(state.0.lock().unwrap(), |total| *total < 1200).map(|total| *total).unwrap();
        assert_eq!((total, rx.iter().count()), (1200, 100));
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
}
