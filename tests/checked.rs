//! What `check` predicts from the run of its closure, and what it leaves as it is.
#![cfg(feature = "detect")]

use gordian::finding::{Finding, Kind, Tier};
use gordian::sync::atomic::{AtomicBool, Ordering};
use gordian::sync::mpsc::channel;
use gordian::sync::{Arc, Condvar, Mutex, OnceLock};
use gordian::unobserved::Barrier;
use gordian::{Named, Shared, thread};

fn found<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> Vec<Finding> {
    let outcome = gordian::findings_of(body);
    assert!(outcome.result.expect("it ends").is_ok());
    outcome.findings
}

fn told(findings: &[Finding]) -> Vec<(Kind, Tier)> {
    findings.iter().map(|finding| (finding.kind, finding.tier)).collect()
}

type Locks = Arc<(Mutex<()>, Mutex<()>)>;

/// Made where this stands: tests of one process know each other's locks by the places where they are made.
macro_rules! locks {
    () => {
        Arc::new((Mutex::new(()).named("left"), Mutex::new(()).named("right")))
    };
}

fn forward(locks: &Locks) {
    let _left = locks.0.lock().unwrap();
    let _right = locks.1.lock().unwrap();
}

fn backward(locks: &Locks) {
    let _right = locks.1.lock().unwrap();
    let _left = locks.0.lock().unwrap();
}

/// Two threads take two locks in both orders, one after the other by luck.
fn lucky(locks: Locks) {
    let luck = Arc::new(Barrier::new(2));
    let other = (Arc::clone(&locks), Arc::clone(&luck));
    let first = thread::spawn(move || {
        forward(&other.0);
        other.1.wait();
    });
    luck.wait();
    backward(&locks);
    first.join().unwrap();
}

const PREDICTED: [(Kind, Tier); 1] = [(Kind::LockOrderCycle, Tier::Predicted)];
const POSSIBLE: [(Kind, Tier); 1] = [(Kind::LockOrderCycle, Tier::Possible)];

#[test]
fn a_lucky_run_is_enough() {
    let findings = found(|| lucky(locks!()));
    assert_eq!(told(&findings), PREDICTED);
    let finding = &findings[0];
    assert_eq!(finding.witness.iter().filter(|step| step.next).count(), 2);
    assert!(finding.sites.iter().all(|site| !site.stack.is_empty() && site.event.is_none()), "{finding:#?}");
    let names: Vec<&str> = finding.objects.iter().map(|object| object.object.as_str()).collect();
    assert_eq!(names.len(), 2);
    assert!(names.contains(&"left") && names.contains(&"right"), "{names:?}");
    let panic = std::panic::catch_unwind(|| gordian::check(|| lucky(locks!()))).expect_err("it fails");
    let report = panic.downcast_ref::<String>().expect("the report");
    assert!(report.contains("predicted: ") && report.contains("witness a correct reordering"), "{report}");
}

/// Whoever takes a lock sees whether it is poisoned, though it may not look at what is in it; and one can ask without taking.
#[test]
fn what_a_poisoned_lock_tells_is_kept() {
    let lucky = |poisons: bool, holds: u32, asks: bool| {
        found(move || {
            let (locks, step, luck) = (locks!(), Arc::new(Mutex::new(())), Arc::new(Barrier::new(2)));
            let other = (Arc::clone(&locks), Arc::clone(&step), Arc::clone(&luck));
            let first = thread::spawn(move || {
                forward(&other.0);
                (0..holds).for_each(|_| drop(other.1.lock().unwrap()));
                let end = std::panic::catch_unwind(|| {
                    let _step = other.1.lock().unwrap();
                    if poisons {
                        std::panic::resume_unwind(Box::new(()));
                    }
                });
                other.2.wait();
                end.is_err()
            });
            luck.wait();
            if (if asks { step.is_poisoned() } else { step.lock().is_err() }) == poisons {
                backward(&locks);
            }
            assert_eq!(first.join().unwrap(), poisons);
        })
    };
    for (holds, asks) in [(0, false), (0, true), (1, false), (5, true)] {
        assert_eq!(told(&lucky(false, holds, asks)), PREDICTED);
        let findings = lucky(true, holds, asks);
        assert!(findings.iter().all(|finding| finding.tier == Tier::Possible), "after {holds}: {findings:#?}");
    }
}

/// Who sees a lock held comes after who took it, also without an attempt.
#[test]
fn what_a_held_lock_tells_is_kept() {
    let lucky = |asks: bool| {
        found(move || {
            let (locks, gate) = (locks!(), Arc::new(gordian::parking_lot::Mutex::new(())));
            let luck = Arc::new(Barrier::new(2));
            let other = (Arc::clone(&locks), Arc::clone(&gate), Arc::clone(&luck));
            let first = thread::spawn(move || {
                forward(&other.0);
                let held = other.1.lock();
                other.2.wait();
                other.2.wait();
                drop(held);
            });
            luck.wait();
            assert!(!asks || gate.is_locked());
            backward(&locks);
            luck.wait();
            first.join().unwrap();
        })
    };
    assert_eq!(told(&lucky(false)), PREDICTED);
    assert_eq!(told(&lucky(true)), POSSIBLE);
}

/// Each closure has its own trace, whoever else runs.
#[test]
fn closures_that_run_at_the_same_time_are_told_apart() {
    let tests: Vec<_> =
        (0..4).map(|_| std::thread::spawn(|| (0..5).map(|_| told(&found(|| lucky(locks!())))).collect())).collect();
    for test in tests {
        let all: Vec<Vec<(Kind, Tier)>> = test.join().unwrap();
        assert!(all.iter().all(|told| *told == PREDICTED), "{all:?}");
    }
}

/// So has one that begins by knowing threads whose places in the clocks those of another closure have by now.
#[test]
fn closures_that_follow_others_are_told_apart() {
    let test = thread::spawn(|| {
        assert_eq!(told(&found(|| lucky(locks!()))), PREDICTED);
        let (begun, over) = (Arc::new(Barrier::new(3)), Arc::new(Barrier::new(3)));
        let other = (Arc::clone(&begun), Arc::clone(&over));
        let beside = thread::spawn(move || {
            found(move || {
                let both = (0..2).map(|_| (Arc::clone(&other.0), Arc::clone(&other.1)));
                let threads = both.map(|(begun, over)| {
                    thread::spawn(move || {
                        begun.wait();
                        over.wait();
                    })
                });
                threads.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
            })
        });
        begun.wait();
        assert_eq!(told(&found(|| lucky(locks!()))), PREDICTED);
        over.wait();
        assert_eq!(told(&beside.join().unwrap()), []);
    });
    test.join().unwrap();
}

#[test]
fn what_an_order_of_the_run_rules_out_is_not_told() {
    let findings = found(|| {
        let (locks, ready) = (locks!(), Arc::new(AtomicBool::new(false)));
        let other = (Arc::clone(&locks), Arc::clone(&ready));
        let first = thread::spawn(move || {
            forward(&other.0);
            other.1.store(true, Ordering::Release);
        });
        while !ready.load(Ordering::Acquire) {
            thread::yield_now();
        }
        backward(&locks);
        first.join().unwrap();
    });
    assert_eq!(told(&findings), []);
}

/// Who has waited for a change, and for one thread to make it, comes after that.
#[test]
fn what_was_waited_for_comes_first() {
    type Condition = Arc<(Mutex<u32>, Condvar)>;
    fn changes(condition: &Condition) {
        *condition.0.lock().unwrap() += 1;
        condition.1.notify_all();
    }
    // Until this thread waits, it holds the lock. `asks`: it may go on for another reason, too.
    let waits_for = |changes_by: fn(&Condition), until: u32, asks: bool| {
        told(&found(move || {
            let (locks, condition) = (locks!(), Arc::new((Mutex::new(0), Condvar::new())));
            let (mut state, stop) = (condition.0.lock().unwrap(), asks.then(|| AtomicBool::new(false)));
            let other = (Arc::clone(&condition), Arc::clone(&locks));
            let first = thread::spawn(move || {
                forward(&other.1);
                changes_by(&other.0);
            });
            while *state < until && !stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed)) {
                state = condition.1.wait(state).unwrap();
            }
            drop(state);
            backward(&locks);
            first.join().unwrap();
        }))
    };
    let twice = |condition: &Condition| {
        changes(condition);
        changes(condition);
    };
    assert_eq!(waits_for(changes, 1, false), []);
    assert_eq!(waits_for(twice, 2, false), []);
    assert_eq!(waits_for(changes, 1, true), POSSIBLE);
    // Someone else can be waited for instead.
    let leaves_it_to_another = |condition: &Condition| {
        changes(condition);
        let condition = Arc::clone(condition);
        thread::spawn(move || changes(&condition)).join().unwrap();
    };
    assert_eq!(waits_for(leaves_it_to_another, 1, false), POSSIBLE);
}

#[test]
fn a_race_behind_a_lock_that_hands_nothing_over_is_predicted() {
    let findings = found(|| {
        let (cell, lock, luck) = (Arc::new(Shared::new(0)), Arc::new(Mutex::new(())), Arc::new(Barrier::new(2)));
        let other = (Arc::clone(&cell), Arc::clone(&lock), Arc::clone(&luck));
        let first = thread::spawn(move || {
            other.0.set(1);
            drop(other.1.lock().unwrap());
            other.2.wait();
        });
        luck.wait();
        drop(lock.lock().unwrap());
        cell.set(2);
        first.join().unwrap();
    });
    assert_eq!(told(&findings), [(Kind::DataRace, Tier::Predicted)]);
}

/// Who finds a value there comes after who put it there, also where a lock, which another order can turn, told it as well.
#[test]
fn what_is_initialised_once_is_not_seen_before() {
    let findings = found(|| {
        let (locks, once, luck) = (locks!(), Arc::new(OnceLock::new()), Arc::new(Barrier::new(2)));
        let step = Arc::new(Mutex::new(()));
        let other = (Arc::clone(&locks), Arc::clone(&once), Arc::clone(&luck), Arc::clone(&step));
        let first = thread::spawn(move || {
            forward(&other.0);
            other.1.set(1).unwrap();
            drop(other.3.lock().unwrap());
            other.2.wait();
        });
        luck.wait();
        drop(step.lock().unwrap());
        if once.get().is_some() {
            backward(&locks);
        }
        first.join().unwrap();
    });
    assert!(findings.iter().all(|finding| finding.tier == Tier::Possible), "{findings:#?}");
}

/// A thread of which only its atomics, or its locks, are seen brings about the order: nothing is proved.
#[test]
fn what_comes_from_outside_proves_nothing() {
    let by_atomics = found(|| {
        let locks = locks!();
        let flags = Arc::new((AtomicBool::new(false), AtomicBool::new(false)));
        let passed_on = Arc::clone(&flags);
        let outside = std::thread::spawn(move || {
            spin_until(&passed_on.0);
            passed_on.1.store(true, Ordering::Release);
        });
        let other = (Arc::clone(&locks), Arc::clone(&flags));
        let first = thread::spawn(move || {
            forward(&other.0);
            other.1.0.store(true, Ordering::Release);
        });
        spin_until(&flags.1);
        backward(&locks);
        first.join().unwrap();
        outside.join().unwrap();
    });
    assert_eq!(told(&by_atomics), POSSIBLE);
    let by_locks = found(|| {
        let (locks, steps) = (locks!(), Arc::new((Mutex::new(0), Mutex::new(0))));
        let passed_on = Arc::clone(&steps);
        let outside = std::thread::spawn(move || {
            spin_while_zero(&passed_on.0);
            *passed_on.1.lock().unwrap() = 1;
        });
        let other = (Arc::clone(&locks), Arc::clone(&steps));
        let first = thread::spawn(move || {
            forward(&other.0);
            *other.1.0.lock().unwrap() = 1;
        });
        spin_while_zero(&steps.1);
        backward(&locks);
        first.join().unwrap();
        outside.join().unwrap();
    });
    assert_eq!(told(&by_locks), POSSIBLE);
}

fn spin_until(flag: &AtomicBool) {
    while !flag.load(Ordering::Acquire) {
        thread::yield_now();
    }
}

fn spin_while_zero(step: &Mutex<u32>) {
    while *step.lock().unwrap() == 0 {
        thread::yield_now();
    }
}

#[test]
fn a_thread_that_is_left_behind_may_know_more() {
    let findings = found(|| {
        let (sender, receiver) = channel::<()>();
        std::mem::forget(sender);
        thread::spawn(move || receiver.recv());
        lucky(locks!());
    });
    assert_eq!(told(&findings), POSSIBLE);
}

#[test]
fn a_run_that_is_too_long_stays_as_it_was_judged() {
    let findings = found(|| {
        let lock = Mutex::new(0);
        for _ in 0..30_000 {
            *lock.lock().unwrap() += 1;
        }
        lucky(locks!());
    });
    assert_eq!(told(&findings), POSSIBLE);
}

/// Nobody joins; but who sees that a thread has finished does what it does after it.
#[test]
fn a_thread_that_has_finished_does_nothing_more() {
    let watched = |waits: bool| {
        found(move || {
            let (locks, cell) = (locks!(), Arc::new(Shared::new(0)));
            let luck = Arc::new(Barrier::new(2));
            let other = (Arc::clone(&locks), Arc::clone(&cell), Arc::clone(&luck));
            let first = thread::spawn(move || {
                forward(&other.0);
                other.1.set(1);
                other.2.wait();
            });
            luck.wait();
            while waits && !first.is_finished() {
                thread::yield_now();
            }
            backward(&locks);
            if waits {
                cell.set(2);
            }
            first.join().unwrap();
        })
    };
    assert_eq!(told(&watched(true)), []);
    assert_eq!(told(&watched(false)), PREDICTED);
}
