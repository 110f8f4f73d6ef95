//! What the wrappers of std record is judged as it was judged live. One test: what is recorded is fixed once in a process.
#![cfg(feature = "detect")]

use std::collections::BTreeSet;

use gordian::engine::{Engine, Judge};
use gordian::finding::{Finding, Kind};
use gordian::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use gordian::sync::mpsc::{channel, sync_channel};
use gordian::sync::{Arc, Barrier, Condvar, LazyLock, Mutex, Once, OnceLock, RwLock};
use gordian::trace::TraceReader;
use gordian::{Config, Shared, thread};

/// Each thread after the other, by every means there is.
fn everything_in_order() {
    let locks = Arc::new((Mutex::new(0_u64), RwLock::new(Vec::new()), Condvar::new(), Barrier::new(4)));
    let cells = Arc::new((OnceLock::new(), AtomicU32::new(0), Shared::new(0), Shared::new(0)));
    let (tx, rx) = channel();
    let workers: Vec<_> = (0..4_u64)
        .map(|number| {
            let (locks, cells, tx) = (Arc::clone(&locks), Arc::clone(&cells), tx.clone());
            thread::spawn(move || {
                for step in 0..10 {
                    *locks.0.lock().unwrap() += step;
                    locks.1.write().unwrap().push(number);
                    assert_eq!(cells.0.get_or_init(|| 3), &3);
                    assert!(locks.1.read().unwrap().contains(&number));
                    tx.send(number).unwrap();
                    locks.2.notify_all();
                    if locks.3.wait().is_leader() {
                        cells.2.update(|value| value + 1);
                    }
                    locks.3.wait();
                }
                cells.1.fetch_add(1, Ordering::Release);
            })
        })
        .collect();
    drop(tx);
    drop(locks.2.wait_while(locks.0.lock().unwrap(), |total| *total < 180).unwrap());
    assert_eq!(rx.iter().count(), 40);
    while cells.1.load(Ordering::Acquire) < 4 {
        thread::yield_now();
    }
    assert_eq!(cells.2.get(), 10);
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    let own = thread::current();
    let waker = thread::spawn(move || {
        cells.3.set(1);
        own.unpark();
        cells
    });
    thread::park();
    assert_eq!(waker.join().unwrap().3.get(), 1);
}

/// The receiver comes before or after the sender, with and without a time limit.
fn channels_in_order() {
    for bound in [0, 1, 3] {
        let cell = Arc::new(Shared::new(0));
        let (tx, rx) = sync_channel(bound);
        let other = Arc::clone(&cell);
        let receiver = thread::spawn(move || {
            for round in 0..30 {
                if bound == 0 {
                    other.update(|value| value + 1);
                }
                match round % 3 {
                    0 => rx.recv().unwrap(),
                    1 => rx.recv_timeout(std::time::Duration::MAX).unwrap(),
                    _ => {
                        while rx.try_recv().is_err() {
                            thread::yield_now();
                        }
                    }
                }
                rx.recv().unwrap();
            }
        });
        for _ in 0..30 {
            tx.send(()).unwrap();
            if bound == 0 {
                cell.update(|value| value + 1);
            }
            tx.send(()).unwrap();
        }
        receiver.join().unwrap();
    }
}

fn scopes_and_onces_in_order() {
    static LAZY: LazyLock<Shared<u32>> = LazyLock::new(|| Shared::new(5));
    let (once, cell) = (Once::new(), Shared::new(0));
    thread::scope(|scope| {
        scope.spawn(|| once.call_once(|| cell.set(LAZY.get())));
        scope.spawn(|| {
            once.wait();
            assert_eq!(cell.get(), 5);
        });
    });
    cell.set(1);
}

/// Locks that live for a moment, each like the one before it; the other thread gets some of them by means that nobody sees, so
/// that nothing but the lock itself orders the two.
fn short_lived_locks_in_order() {
    let turns = Arc::new((gordian::unobserved::Barrier::new(2), std::sync::Mutex::new(None)));
    let others = Arc::clone(&turns);
    let other = thread::spawn(move || {
        for _ in 0..4 {
            others.0.wait();
            let inner: Arc<(Mutex<u32>, Shared<u32>)> = others.1.lock().unwrap().take().unwrap();
            let mut held = inner.0.lock().unwrap();
            inner.1.update(|value| value + *held);
            *held += 1;
            drop(held);
            others.0.wait();
        }
    });
    let outer = Mutex::new(0);
    for round in 0..800 {
        let mut held = outer.lock().unwrap();
        let inner = Arc::new((Mutex::new(round), Shared::new(0)));
        let value = inner.0.lock().unwrap();
        if round % 2 == 1 {
            *held += *value;
        }
        inner.1.set(round);
        drop(value);
        drop(held);
        if round % 200 == 199 {
            *turns.1.lock().unwrap() = Some(Arc::clone(&inner));
            turns.0.wait();
            turns.0.wait();
            let value = inner.0.lock().unwrap();
            assert_eq!((*value, inner.1.get()), (round + 1, 2 * round));
        }
    }
    other.join().unwrap();
}

/// T36, two locks in both orders, and a lock and an initialiser in both.
fn three_bugs() {
    let state = Arc::new((Shared::new(0), AtomicBool::new(false), Mutex::new(()), Mutex::new(()), OnceLock::new()));
    let other = Arc::clone(&state);
    let writer = thread::spawn(move || {
        let _one = other.2.lock().unwrap();
        let _two = other.3.lock().unwrap();
        other.0.set(1);
        drop((_one, _two));
        other.4.get_or_init(|| drop(other.2.lock()));
        other.1.store(true, Ordering::Relaxed);
    });
    while !state.1.load(Ordering::Acquire) {
        thread::yield_now();
    }
    assert_eq!(state.0.get(), 1);
    let _two = state.3.lock().unwrap();
    let _one = state.2.lock().unwrap();
    state.4.get_or_init(|| ());
    drop((_one, _two));
    writer.join().unwrap();
}

/// Cells that are made in different places and raced for in the same two: three bugs.
fn three_cells() {
    let cells = Arc::new([Shared::new(0), Shared::new(0), Shared::new(0)]);
    let writer = thread::spawn({
        let cells = Arc::clone(&cells);
        move || cells.iter().for_each(|cell| cell.set(1))
    });
    let sum: i32 = cells.iter().map(|cell| cell.get()).sum();
    writer.join().unwrap();
    assert!(sum <= 3);
}

fn identities(findings: &[Finding]) -> BTreeSet<(Kind, String)> {
    findings.iter().map(|finding| (finding.kind, finding.fingerprint.to_string())).collect()
}

#[test]
fn a_recorded_run_is_judged_like_the_live_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trace");
    gordian::start(Config { record: Some(path.clone()), ..Config::default() }).unwrap();
    let outcome = gordian::findings_of(|| {
        for _ in 0..5 {
            everything_in_order();
            channels_in_order();
            scopes_and_onces_in_order();
            short_lived_locks_in_order();
        }
    });
    assert!(outcome.result.unwrap().is_ok());
    assert_eq!(outcome.findings, []);
    let outcome = gordian::findings_of(three_bugs);
    assert!(outcome.result.unwrap().is_ok());
    let cells = gordian::findings_of(three_cells);
    assert!(cells.result.unwrap().is_ok());
    assert_eq!(cells.findings.len(), 3, "{:#?}", cells.findings);
    gordian::finish().unwrap();
    let mut live = identities(&outcome.findings);
    let kinds: Vec<Kind> = live.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [Kind::LockOrderCycle, Kind::WaitCycle, Kind::DataRace]);
    live.extend(identities(&cells.findings));

    let mut reader = TraceReader::open_file(&path).unwrap();
    let events = reader.read_to_end().unwrap();
    let mut engine = Engine::new(Judge::STREAMING, false);
    engine.feed(1, &events);
    let verdict = engine.verdict(reader.names());
    assert_eq!(identities(&verdict.findings), live, "{:#?}", verdict.findings);
}
