//! What is kept of locks that have died: orders of different tests meet, and a program that is in order stays so however
//! often it is run in one process.
#![cfg(feature = "detect")]

use gordian::finding::{Finding, Kind, Tier};
use gordian::sync::{Arc, Mutex, MutexGuard, OnceLock};
use gordian::thread;
use gordian::unobserved::Barrier;

struct Locks {
    gate: Mutex<()>,
    left: Mutex<()>,
    right: Mutex<()>,
}

/// To be called with locks made where it is called, so that each test has classes of its own. (In a macro they would all
/// be made at one place, that of the macro's use.)
fn locks(gate: Mutex<()>, left: Mutex<()>, right: Mutex<()>) -> Arc<Locks> {
    Arc::new(Locks { gate, left, right })
}

fn take(lock: &Mutex<()>) -> MutexGuard<'_, ()> {
    lock.lock().unwrap()
}

fn forward(locks: &Locks) {
    let _left = take(&locks.left);
    let _right = take(&locks.right);
}

fn backward(locks: &Locks) {
    let _right = take(&locks.right);
    let _left = take(&locks.left);
}

/// Both at the same time, as far as fork and join know, but one after the other.
fn side_by_side(locks: &Arc<Locks>, first: fn(&Locks), second: fn(&Locks)) {
    let turn = Arc::new(Barrier::new(2));
    let other = thread::spawn({
        let (locks, turn) = (Arc::clone(locks), Arc::clone(&turn));
        move || {
            turn.wait();
            second(&locks);
        }
    });
    let one = thread::spawn({
        let locks = Arc::clone(locks);
        move || {
            first(&locks);
            turn.wait();
        }
    });
    one.join().unwrap();
    other.join().unwrap();
}

fn found(program: impl FnOnce() + Send + 'static) -> Vec<(Kind, Tier)> {
    // What the lock-order graph says by itself.
    let _ = gordian::start(gordian::Config { predict: None, ..gordian::Config::default() });
    let findings: Vec<Finding> = gordian::findings_of(program).findings;
    findings.iter().map(|finding| (finding.kind, finding.tier)).collect()
}

fn stays_silent(program: fn()) {
    for round in 0..4 {
        assert_eq!(found(program), [], "round {round}");
    }
    // And within one session.
    assert_eq!(found(move || (0..4).for_each(|_| program())), []);
}

#[test]
fn a_gate_made_anew_for_each_run_is_a_gate() {
    stays_silent(|| {
        let locks = locks(Mutex::new(()), Mutex::new(()), Mutex::new(()));
        let gated = |order: fn(&Locks)| order;
        side_by_side(
            &locks,
            gated(|locks| {
                let _gate = take(&locks.gate);
                forward(locks);
            }),
            gated(|locks| {
                let _gate = take(&locks.gate);
                backward(locks);
            }),
        );
    });
}

#[test]
fn one_thread_with_both_orders_is_no_two() {
    stays_silent(|| {
        let locks = locks(Mutex::new(()), Mutex::new(()), Mutex::new(()));
        forward(&locks);
        backward(&locks);
    });
}

#[test]
fn threads_that_each_have_locks_of_their_own() {
    stays_silent(|| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                thread::spawn(|| {
                    let locks = locks(Mutex::new(()), Mutex::new(()), Mutex::new(()));
                    forward(&locks);
                    backward(&locks);
                })
            })
            .collect();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
}

#[test]
fn one_phase_after_the_other() {
    stays_silent(|| {
        let locks = locks(Mutex::new(()), Mutex::new(()), Mutex::new(()));
        for order in [forward, backward] {
            let locks = Arc::clone(&locks);
            thread::spawn(move || order(&locks)).join().unwrap();
        }
    });
}

#[test]
fn orders_of_different_tests_meet_by_the_place_where_locks_are_made() {
    fn make() -> Arc<Locks> {
        locks(Mutex::new(()), Mutex::new(()), Mutex::new(()))
    }
    assert_eq!(found(|| forward(&make())), []);
    assert_eq!(found(|| backward(&make())), [(Kind::LockOrderCycle, Tier::Possible)]);
    // Known by now.
    assert_eq!(found(|| backward(&make())), []);
}

/// That an initialiser is no lock is known of the place that makes it, when it is gone, too.
#[test]
fn a_lock_and_an_initialiser_of_different_tests() {
    fn make() -> (Mutex<u32>, OnceLock<u32>) {
        (Mutex::new(1), OnceLock::new())
    }
    let below = || {
        let (lock, once) = make();
        once.get_or_init(|| *lock.lock().unwrap());
    };
    let beside = || {
        let (lock, once) = make();
        let value = *lock.lock().unwrap();
        once.get_or_init(|| value);
    };
    let above = || {
        let (lock, once) = make();
        let _guard = lock.lock().unwrap();
        once.get_or_init(|| 2);
    };
    assert_eq!(found(below), []);
    assert_eq!(found(beside), []);
    assert_eq!(found(above), [(Kind::WaitCycle, Tier::Possible)]);
}

/// As [`take`], at a place of its own: what is told of the one says nothing about the other.
fn hold(lock: &Mutex<()>) -> MutexGuard<'_, ()> {
    lock.lock().unwrap()
}

/// A lock made at one place.
fn moment() -> Mutex<()> {
    Mutex::new(())
}

/// Under the gate, many locks live one after the other for a moment, and then one that is like them at first.
fn moments(locks: &Locks) -> Mutex<()> {
    let _gate = hold(&locks.gate);
    for _ in 0..100 {
        drop(hold(&moment()));
    }
    let stays = moment();
    drop(hold(&stays));
    stays
}

/// `second` gets a lock that was taken under the gate as many short-lived ones were before it.
fn after_moments(second: fn(&Locks, &Mutex<()>)) -> Vec<(Kind, Tier)> {
    found(move || {
        let locks = locks(Mutex::new(()), Mutex::new(()), Mutex::new(()));
        let stays = Arc::new(std::sync::OnceLock::new());
        let turn = Arc::new(Barrier::new(2));
        let other = thread::spawn({
            let (locks, stays, turn) = (Arc::clone(&locks), Arc::clone(&stays), Arc::clone(&turn));
            move || {
                turn.wait();
                second(&locks, stays.get().expect("made by now"));
            }
        });
        let one = thread::spawn({
            let (locks, stays, turn) = (Arc::clone(&locks), Arc::clone(&stays), Arc::clone(&turn));
            move || {
                stays.set(moments(&locks)).expect("not made before");
                turn.wait();
            }
        });
        one.join().unwrap();
        other.join().unwrap();
    })
}

#[test]
fn a_lock_that_is_like_short_lived_ones_before_it_keeps_its_order() {
    let backward = |locks: &Locks, stays: &Mutex<()>| {
        let _stays = hold(stays);
        let _gate = hold(&locks.gate);
    };
    assert_eq!(after_moments(backward), [(Kind::LockOrderCycle, Tier::Possible)]);
    let forward = |locks: &Locks, stays: &Mutex<()>| {
        let _gate = hold(&locks.gate);
        let _stays = hold(stays);
    };
    assert_eq!(after_moments(forward), []);
}

/// Of the short-lived locks one has another one taken above it, and one dies in another thread.
#[test]
fn short_lived_locks_with_more_of_a_life_are_told_apart() {
    let in_order = found(|| {
        let locks = locks(Mutex::new(()), Mutex::new(()), Mutex::new(()));
        let _gate = hold(&locks.gate);
        for step in 0..100 {
            let lock = moment();
            let guard = hold(&lock);
            if step == 50 {
                drop(hold(&locks.left));
            }
            drop(guard);
            if step == 70 {
                thread::spawn(move || {
                    drop(hold(&lock));
                    drop(hold(&moment()));
                })
                .join()
                .unwrap();
            }
        }
    });
    assert_eq!(in_order, []);
    let crossing = found(|| {
        let locks = locks(Mutex::new(()), Mutex::new(()), Mutex::new(()));
        let lock = Arc::new(moment());
        let first = |locks: &Locks, lock: &Mutex<()>| {
            let _gate = hold(&locks.gate);
            for _ in 0..10 {
                drop(hold(&moment()));
            }
            let _lock = hold(lock);
            let _left = hold(&locks.left);
        };
        let turn = Arc::new(Barrier::new(2));
        let one = thread::spawn({
            let (locks, lock, turn) = (Arc::clone(&locks), Arc::clone(&lock), Arc::clone(&turn));
            move || {
                first(&locks, &lock);
                turn.wait();
            }
        });
        let other = thread::spawn(move || {
            turn.wait();
            let _left = hold(&locks.left);
            let _lock = hold(&lock);
        });
        one.join().unwrap();
        other.join().unwrap();
    });
    assert_eq!(crossing, [(Kind::LockOrderCycle, Tier::Possible)]);
}

/// Short-lived locks go from thread to thread, and die where they were not made: what one left behind in the thread that made it
/// is not for one that has its number by then.
#[test]
fn short_lived_locks_change_hands() {
    use gordian::sync::mpsc::sync_channel;
    // At places of their own.
    fn moment() -> Mutex<()> {
        Mutex::new(())
    }
    fn hold(lock: &Mutex<()>) -> MutexGuard<'_, ()> {
        lock.lock().unwrap()
    }
    let crossed = |above: fn(&Locks) -> &Mutex<()>| {
        found(move || {
            let locks = locks(Mutex::new(()), Mutex::new(()), Mutex::new(()));
            let (to_other, from_one) = sync_channel(0);
            let (to_one, from_other) = sync_channel(0);
            let other = thread::spawn({
                let locks = Arc::clone(&locks);
                move || {
                    for lock in from_one {
                        drop::<Mutex<()>>(lock);
                        let moments = [moment(), moment()];
                        let _left = hold(&locks.left);
                        moments.iter().for_each(|moment| drop(hold(moment)));
                        drop(_left);
                        let [first, second] = moments;
                        drop(first);
                        to_one.send(second).unwrap();
                    }
                }
            });
            for _ in 0..50 {
                let lock = {
                    let _gate = hold(&locks.gate);
                    (0..3).for_each(|_| drop(hold(&moment())));
                    let lock = moment();
                    drop(hold(&lock));
                    lock
                };
                to_other.send(lock).unwrap();
                drop::<Mutex<()>>(from_other.recv().unwrap());
                let _gate = hold(&locks.gate);
                let lock = moment();
                let _lock = hold(&lock);
                let _above = hold(above(&locks));
            }
            drop(to_other);
            other.join().unwrap();
        })
    };
    assert_eq!(crossed(|locks| &locks.right), []);
    assert_eq!(crossed(|locks| &locks.left), [(Kind::LockOrderCycle, Tier::Possible)], "of the class, not of one lock");
}
