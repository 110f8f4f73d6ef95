//! lockdep's selftest, live: every sequence that a lock of std or parking_lot can express, each on a thread of its own.
//!
//! lockdep's kinds of locks are found again so: its mutex is `Mutex`, its `wlock` and `wsem` are `RwLock::write`, its `rsem`
//! is `RwLock::read` (a reader queues behind a waiting writer), its `rlock` is `read` of parking_lot's `RecursiveRwLock`.
//!
//! Not expressible with guards: `double_unlock`, `init_held`; without lockdep's annotations: `nest_lock unlocked`. In three
//! things gordian differs on purpose:
//!
//! - lockdep takes a writer for granted, gordian waits until it has seen one: readers alone never wait.
//! - lockdep runs all sequences on one task, and an inversion on one thread is no deadlock. So each has its own here.
//! - Two instances of one class (`AA`, `AA1B`, `AA2`, `AA3`, `ww block/block` and `ww try/block` on X1 and X2) may be taken
//!   one below the other: parent before child is legal. Only the opposite order as well is a deadlock.

use std::any::Any;

use gordian::finding::{Kind, Tier};

use crate::kits::{Kit, ParkingLot, Part, Std, in_turn, verdict};

/// A mutex and a reader-writer lock by every name, `A` to `D`.
struct Locks<K: Kit> {
    mutexes: [&'static K::Mutex; 4],
    rwlocks: [&'static K::RwLock; 4],
}

impl<K: Kit> Locks<K> {
    fn new() -> &'static Self {
        Box::leak(Box::new(Self {
            mutexes: [K::mutex(), K::mutex(), K::mutex(), K::mutex()],
            rwlocks: [K::rwlock(), K::rwlock(), K::rwlock(), K::rwlock()],
        }))
    }

    /// `LA` locks a mutex, `TA` tries to, `WA` writes, `RA` reads, `uA` releases what was taken last by that name. What is
    /// left is released in the reverse order.
    fn run(&'static self, script: &str) {
        let mut held: Vec<(char, Box<dyn Any>)> = Vec::new();
        for word in script.split_whitespace() {
            let (what, name) = (word.as_bytes()[0], word.as_bytes()[1] as char);
            let index = name as usize - 'A' as usize;
            let guard: Box<dyn Any> = match what {
                b'L' => Box::new(K::lock(self.mutexes[index])),
                b'T' => Box::new(K::try_lock(self.mutexes[index]).expect("nobody holds it")),
                b'W' => Box::new(K::write(self.rwlocks[index])),
                b'R' => Box::new(K::read(self.rwlocks[index])),
                _ => {
                    let place = held.iter().rposition(|(other, _)| *other == name).expect("it is held");
                    held.remove(place);
                    continue;
                }
            };
            held.push((name, guard));
        }
        while held.pop().is_some() {}
    }
}

/// Runs each script on a thread of its own, one after another.
fn run<K: Kit>(scripts: &[&str]) -> Vec<(Kind, Tier)> {
    let scripts: Vec<String> = scripts.iter().map(|script| (*script).to_owned()).collect();
    verdict(|| {
        let locks = Locks::<K>::new();
        let part = |script: String| -> Part { Box::new(move || locks.run(&script)) };
        in_turn(scripts.into_iter().map(part).collect());
    })
}

/// Is a report required of a lock-order cycle, or is any report wrong?
fn cycle(required: bool) -> Vec<(Kind, Tier)> {
    if required { vec![(Kind::LockOrderCycle, Tier::Possible)] } else { Vec::new() }
}

fn expect<K: Kit>(name: &str, scripts: &[&str], expected: &[(Kind, Tier)]) {
    assert_eq!(run::<K>(scripts), expected, "{name} through {}", std::any::type_name::<K>());
}

/// Writes every lock, one at a time.
const WRITER: &str = "WA uA WB uB WC uC WD uD";

/// A row of pairs: `AB BA` stands for `X(A)X(B)U(B)U(A) ; X(B)X(A)U(A)U(B)`, for every kind of lock X.
fn orders(name: &str, pairs: &str) {
    let scripts = |what: &str| -> Vec<String> {
        let script = |pair: &str| format!("{what}{} {what}{}", &pair[..1], &pair[1..]);
        pairs.split(' ').map(script).collect()
    };
    let (mutex, write, read) = (scripts("L"), scripts("W"), scripts("R"));
    let strs = |scripts: &'static [String]| -> Vec<&'static str> { scripts.iter().map(String::as_str).collect() };
    let [mutex, write, read] = [mutex, write, read].map(|scripts| strs(scripts.leak()));
    let read_and_written = [&read[..], &[WRITER]].concat();
    for scripts in [&mutex, &write, &read_and_written] {
        expect::<Std>(name, scripts, &cycle(true));
        expect::<ParkingLot>(name, scripts, &cycle(true));
    }
    expect::<ParkingLot<true>>(name, &write, &cycle(true));
    expect::<ParkingLot<true>>(name, &read_and_written, &cycle(false));
    expect::<Std>(name, &read, &cycle(false));
    expect::<ParkingLot>(name, &read, &cycle(false));
}

#[test]
fn abba() {
    orders("ABBA", "AB BA");
}

#[test]
fn abbcca() {
    orders("ABBCCA", "AB BC CA");
}

#[test]
fn abcabc() {
    orders("ABCABC", "AB CA BC");
}

#[test]
fn abbccdda() {
    orders("ABBCCDDA", "AB BC CD DA");
}

#[test]
fn abcdbdda() {
    orders("ABCDBDDA", "AB CD BD DA");
}

#[test]
fn abcdbcda() {
    orders("ABCDBCDA", "AB CD BC DA");
}

/// `AA` and its kin, on one instance: the thread waits for itself, and says so.
#[test]
fn taken_twice() {
    let itself = [(Kind::SelfDeadlock, Tier::Observed)];
    for (name, script) in [("AA", "LA LA"), ("AA", "WA WA"), ("AA2", "RA WA"), ("AA3", "WA RA")] {
        expect::<Std>(name, &[script], &itself);
        expect::<ParkingLot>(name, &[script], &itself);
        expect::<ParkingLot<true>>(name, &[script], &itself);
    }
}

#[test]
fn read_twice() {
    let hazard = [(Kind::RecursiveRead, Tier::Possible)];
    for scripts in [["RA RA", "WA"], ["WA", "RA RA"]] {
        expect::<Std>("AA1", &scripts, &hazard);
        expect::<ParkingLot>("AA1", &scripts, &hazard);
        expect::<ParkingLot<true>>("AA1", &scripts, &[]);
    }
    // No one else writes.
    for script in ["RA RA", "RA RA uA uA WA"] {
        expect::<Std>("AA1 without a writer", &[script], &[]);
        expect::<ParkingLot>("AA1 without a writer", &[script], &[]);
    }
}

/// Two instances of a class: the deliberate difference, and what is a deadlock all the same.
#[test]
fn two_of_a_class() {
    for script in ["LA LB", "RA RB", "RA WB", "WA RB"] {
        expect::<Std>("two instances", &[script, WRITER], &[]);
        expect::<ParkingLot>("two instances", &[script, WRITER], &[]);
        expect::<ParkingLot<true>>("two instances", &[script, WRITER], &[]);
    }
}

#[test]
fn readers_and_writers() {
    // Name, scripts, required of rlock, required of rsem.
    let rows: [(&str, &[&str], bool, bool); 4] = [
        ("read-lock/lock-write ABBA1", &["RA LB uB uA", "LB WA uA uB"], true, true),
        ("read-lock/lock-read ABBA2", &["RA LB uB uA", "LB RA uA uB", "WA"], false, true),
        ("write-lock/lock-write ABBA3", &["WA LB uB uA", "LB WA uA uB"], true, true),
        // The write must not hide behind the read before it; lockdep runs this for rlock only.
        ("chain-cache mixed ABBA1", &["RA LB uB uA", "LB RA uA uB", "LB WA uA uB"], true, true),
    ];
    for (name, scripts, recursive, plain) in rows {
        expect::<ParkingLot<true>>(name, scripts, &cycle(recursive));
        expect::<ParkingLot>(name, scripts, &cycle(plain));
        expect::<Std>(name, scripts, &cycle(plain));
    }
}

/// lockdep runs these for rlock, in every order of the sequences. For rsem a reader blocks like a writer.
#[test]
fn three_locks_in_every_order() {
    let rows = [
        ("W1R2/W2R3/W3R1", ["WA RB", "WB RC", "WC RA"], true),
        ("W1W2/R2R3/W3R1", ["WA WB", "RB RC", "WC RA"], true),
        ("W1W2/R2R3/R3W1", ["WA WB", "RB RC", "RC WA"], false),
        ("W1R2/R2R3/W3W1", ["WA RB", "RB RC", "WC WA"], false),
    ];
    for (name, [a, b, c], required) in rows {
        for scripts in [[a, b, c], [a, c, b], [b, a, c], [b, c, a], [c, a, b], [c, b, a]] {
            expect::<ParkingLot<true>>(name, &scripts, &cycle(required));
        }
    }
}

/// The rows about try-locks, on mutexes. A try makes no order, but what is taken by one is held.
#[test]
fn tries() {
    let rows: [(&str, &[&str], bool); 7] = [
        ("ww context/try", &["LA TB"], false),
        ("ww block/try", &["LA TB", "LB TA"], false),
        ("ww try/block", &["TA LB", "TB LA"], true),
        ("ww try/try", &["TA TB", "TB TA"], false),
        ("ww spin/block", &["LA uA", "LB LA", "LA LB"], true),
        ("ww spin/try", &["LA uA", "TB LA", "LA TB"], false),
        ("nest_lock", &["LA LB LC LD", "LA LD LC LB"], false),
    ];
    for (name, scripts, required) in rows {
        expect::<Std>(name, scripts, &cycle(required));
        expect::<ParkingLot>(name, scripts, &cycle(required));
    }
}
