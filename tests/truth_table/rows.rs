//! The rows about waits, and about false alarms.

use std::time::{Duration, Instant};

use gordian::finding::{Kind, Tier};
use gordian::sync::mpsc;
use gordian::thread;

use crate::kits::{Kit, ParkingLot, Part, Std, at_once, in_turn, meet, start, verdict};

type Found = Vec<(Kind, Tier)>;

const CYCLE: (Kind, Tier) = (Kind::LockOrderCycle, Tier::Possible);
const SILENCE: [(Kind, Tier); 0] = [];

fn part(f: impl FnOnce() + Send + 'static) -> Part {
    Box::new(f)
}

fn observed(kind: Kind) -> [(Kind, Tier); 1] {
    [(kind, Tier::Observed)]
}

fn abba_really_blocked<K: Kit>() -> Found {
    verdict(|| {
        let (a, b, both_hold) = (K::mutex(), K::mutex(), meet(2));
        let take = |first, second| {
            part(move || {
                let _first = K::lock(first);
                both_hold.wait();
                let _second = K::lock(second);
            })
        };
        at_once(vec![take(a, b), take(b, a)]);
    })
}

fn nested<K: Kit>(first: &'static K::Mutex, second: &'static K::Mutex) -> Part {
    part(move || {
        let _first = K::lock(first);
        let _second = K::lock(second);
    })
}

fn abba_only_potential<K: Kit>() -> Found {
    verdict(|| {
        let (a, b) = (K::mutex(), K::mutex());
        in_turn(vec![nested::<K>(a, b), nested::<K>(b, a)]);
    })
}

fn three_locks_potential<K: Kit>() -> Found {
    verdict(|| {
        let (a, b, c) = (K::mutex(), K::mutex(), K::mutex());
        in_turn(vec![nested::<K>(a, b), nested::<K>(b, c), nested::<K>(c, a)]);
    })
}

fn self_relock<K: Kit>() -> Found {
    verdict(|| {
        let a = K::mutex();
        let _once = K::lock(a);
        let _twice = K::lock(a);
    })
}

fn recursive_read_hazard<K: Kit>() -> Found {
    verdict(|| {
        let a = K::rwlock();
        let read = part(move || {
            let _once = K::read(a);
            let _twice = K::read(a);
        });
        in_turn(vec![read, part(move || drop(K::write(a)))]);
    })
}

fn recursive_read_behind_a_writer<K: Kit>() -> Found {
    verdict(|| {
        let (a, held) = (K::rwlock(), meet(2));
        let read = part(move || {
            let _once = K::read(a);
            held.wait();
            // From the moment that the writer waits, no one else gets in.
            while K::try_read(a).is_some() {
                thread::yield_now();
            }
            let _twice = K::read(a);
        });
        let write = part(move || {
            held.wait();
            let _write = K::write(a);
        });
        at_once(vec![read, write]);
    })
}

fn read_then_write<K: Kit>() -> Found {
    verdict(|| {
        let a = K::rwlock();
        let _read = K::read(a);
        let _write = K::write(a);
    })
}

fn condvar_reacquires_in_reverse_order<K: Kit>() -> Found {
    verdict(|| {
        let (mutex, other, condvar, held) = (K::mutex(), K::mutex(), K::condvar(), meet(2));
        let wait = part(move || {
            let guard = K::lock(mutex);
            held.wait();
            let _other = K::lock(other);
            let _guard = K::wait(condvar, guard);
        });
        let notify = part(move || {
            held.wait();
            // Only when the other thread waits is the mutex free.
            let _guard = K::lock(mutex);
            K::notify_one(condvar);
            let _other = K::lock(other);
        });
        at_once(vec![wait, notify]);
    })
}

fn condvar_reacquires_in_reverse_order_potential<K: Kit>() -> Found {
    verdict(|| {
        let (mutex, other, condvar, held, done) = (K::mutex(), K::mutex(), K::condvar(), meet(2), meet(2));
        let wait = part(move || {
            let guard = K::lock(mutex);
            held.wait();
            let other = K::lock(other);
            drop((K::wait(condvar, guard), other));
            done.wait();
        });
        let notify = part(move || {
            held.wait();
            let guard = K::lock(mutex);
            K::notify_one(condvar);
            drop(guard);
            done.wait();
            drop((K::lock(mutex), K::lock(other)));
        });
        at_once(vec![wait, notify]);
    })
}

fn lost_wakeup<K: Kit>() -> Found {
    verdict(|| {
        let (mutex, condvar) = (K::mutex(), K::condvar());
        in_turn(vec![
            part(move || {
                let _guard = K::lock(mutex);
                K::notify_one(condvar);
            }),
            part(move || drop(K::wait(condvar, K::lock(mutex)))),
        ]);
    })
}

fn wait_while_holding_another_lock<K: Kit>() -> Found {
    verdict(|| {
        let (outer, mutex, condvar, held) = (K::mutex(), K::mutex(), K::condvar(), meet(2));
        let wait = part(move || {
            let _outer = K::lock(outer);
            held.wait();
            drop(K::wait(condvar, K::lock(mutex)));
        });
        let notify = part(move || {
            held.wait();
            let _outer = K::lock(outer);
            let _guard = K::lock(mutex);
            K::notify_one(condvar);
        });
        at_once(vec![wait, notify]);
    })
}

fn channel_and_lock<K: Kit>() -> Found {
    verdict(|| {
        let (a, held) = (K::mutex(), meet(2));
        let (sender, receiver) = mpsc::channel();
        let receive = part(move || {
            let _guard = K::lock(a);
            held.wait();
            receiver.recv().unwrap();
        });
        let send = part(move || {
            held.wait();
            let _guard = K::lock(a);
            sender.send(()).unwrap();
        });
        at_once(vec![receive, send]);
    })
}

fn join_and_lock<K: Kit>() -> Found {
    verdict(|| {
        let a = K::mutex();
        let _guard = K::lock(a);
        thread::spawn(|| drop(K::lock(a))).join().unwrap();
    })
}

fn gate_lock<K: Kit>() -> Found {
    verdict(|| {
        let (gate, a, b) = (K::mutex(), K::mutex(), K::mutex());
        let gated = |first, second| {
            part(move || {
                let _gate = K::lock(gate);
                nested::<K>(first, second)();
            })
        };
        in_turn(vec![gated(a, b), gated(b, a)]);
    })
}

fn one_thread_only<K: Kit>() -> Found {
    verdict(|| {
        let (a, b) = (K::mutex(), K::mutex());
        nested::<K>(a, b)();
        nested::<K>(b, a)();
    })
}

fn readers_only<K: Kit>() -> Found {
    verdict(|| {
        let (a, b) = (K::rwlock(), K::rwlock());
        let read = |first, second| part(move || drop((K::read(first), K::read(second))));
        in_turn(vec![read(a, b), read(b, a)]);
    })
}

fn try_lock_inversion<K: Kit>() -> Found {
    verdict(|| {
        let (a, b) = (K::mutex(), K::mutex());
        let attempt = part(move || {
            let _b = K::lock(b);
            assert!(K::try_lock(a).is_some());
        });
        in_turn(vec![nested::<K>(a, b), attempt]);
    })
}

fn order_over_a_dead_lock<K: Kit>() -> Found {
    verdict(|| {
        let (a, c) = (K::mutex(), K::mutex());
        let through_the_middle = part(move || {
            let _a = K::lock(a);
            K::lock_below_another(c);
        });
        in_turn(vec![through_the_middle, nested::<K>(c, a)]);
    })
}

/// The rows with their verdicts, through both libraries.
macro_rules! judge {
    ($($row:ident => $expected:expr;)*) => {
        mod judged {
            use super::*;
            $(#[test]
            fn $row() {
                assert_eq!(super::$row::<Std>(), $expected, "std");
                assert_eq!(super::$row::<ParkingLot>(), $expected, "parking_lot");
            })*
        }
    };
}

judge! {
    abba_really_blocked => observed(Kind::LockOrderCycle);
    abba_only_potential => [CYCLE];
    three_locks_potential => [CYCLE];
    self_relock => observed(Kind::SelfDeadlock);
    recursive_read_hazard => [(Kind::RecursiveRead, Tier::Possible)];
    recursive_read_behind_a_writer => observed(Kind::RecursiveRead);
    read_then_write => observed(Kind::SelfDeadlock);
    condvar_reacquires_in_reverse_order => observed(Kind::LockOrderCycle);
    condvar_reacquires_in_reverse_order_potential => [CYCLE];
    lost_wakeup => observed(Kind::LostWakeup);
    wait_while_holding_another_lock => observed(Kind::WaitCycle);
    channel_and_lock => observed(Kind::WaitCycle);
    join_and_lock => observed(Kind::WaitCycle);
    gate_lock => SILENCE;
    one_thread_only => SILENCE;
    readers_only => SILENCE;
    try_lock_inversion => SILENCE;
    order_over_a_dead_lock => [CYCLE];
}

/// Two threads of the program wait for one another for ever, and the rest goes on. This needs the findings while the
/// program runs, so it is the program of this process, outside any check; and a site of its own for each library.
macro_rules! part_of_the_program {
    ($kit:ty) => {{
        let (a, b, both_hold) = (<$kit>::mutex(), <$kit>::mutex(), meet(2));
        for (first, second) in [(a, b), (b, a)] {
            thread::spawn(move || {
                let _first = <$kit>::lock(first);
                both_hold.wait();
                let _second = <$kit>::lock(second);
            });
        }
    }};
}

#[test]
fn part_of_the_program_deadlocks_and_the_rest_runs() {
    start();
    let observed = || gordian::findings().iter().filter(|finding| finding.tier == Tier::Observed).count();
    let wait_for = |count| {
        let patience = Instant::now() + Duration::from_secs(60);
        while observed() < count {
            assert!(Instant::now() < patience, "not reported while the rest runs");
            thread::yield_now();
        }
    };
    part_of_the_program!(Std);
    wait_for(1);
    part_of_the_program!(ParkingLot);
    wait_for(2);
    let kinds: Vec<Kind> = gordian::findings().iter().map(|finding| finding.kind).collect();
    assert!(kinds.iter().all(|&kind| kind == Kind::LockOrderCycle), "{kinds:?}");
    // The rest can still start threads, and end them.
    assert_eq!(thread::spawn(|| 7).join().unwrap(), 7);
}
