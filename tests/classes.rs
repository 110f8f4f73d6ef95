//! What is kept of locks that have died: orders of different tests meet, and a program that is in order stays so however
//! often it is run in one process.
#![cfg(feature = "detect")]

use gordian::finding::{Finding, Kind, Tier};
use gordian::sync::{Arc, Mutex, MutexGuard};
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
