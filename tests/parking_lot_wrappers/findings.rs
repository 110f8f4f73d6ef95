//! What is found through the wrappers of parking_lot, and where.

use gordian::Shared;
use gordian::finding::{Finding, Kind, Tier};
use gordian::parking_lot::{
    ArcMutexGuard, Condvar, FairMutex, FairMutexGuard, Mutex, MutexGuard, Once, RecursiveRwLock, ReentrantMutex,
    ReentrantMutexGuard, RwLock, RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard,
};
use gordian::sync::Arc;
use gordian::thread;
use gordian::unobserved::Barrier;

fn findings(f: impl FnOnce() + Send + 'static) -> Vec<Finding> {
    let outcome = gordian::findings_of(f);
    assert!(outcome.result.is_none_or(|result| result.is_ok()));
    outcome.findings
}

fn kinds(f: impl FnOnce() + Send + 'static) -> Vec<(Kind, Tier)> {
    findings(f).iter().map(|finding| (finding.kind, finding.tier)).collect()
}

/// Two threads, forked before either begins, one after the other.
fn in_turn(first: impl FnOnce() + Send, second: impl FnOnce() + Send) {
    let (turn, start) = (Barrier::new(2), Barrier::new(2));
    thread::scope(|scope| {
        scope.spawn(|| {
            start.wait();
            first();
            turn.wait();
        });
        scope.spawn(|| {
            start.wait();
            turn.wait();
            second();
        });
    });
}

/// Takes a lock below `below` in the way under test, with its opposite in another thread: the cycle is found, and all its
/// places are the user's.
fn all_places_are_the_users(
    below: impl FnOnce(&Mutex<()>) + Send + 'static,
    opposite: impl FnOnce(&Mutex<()>) + Send + 'static,
) -> Finding {
    let mut found = findings(|| {
        let other = Mutex::new(());
        in_turn(|| below(&other), || opposite(&other));
    });
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].kind, found[0].tier), (Kind::LockOrderCycle, Tier::Possible));
    let files: Vec<&str> = found[0].sites.iter().map(|site| site.site.file.as_str()).collect();
    assert!(files.iter().all(|file| file.ends_with("findings.rs")), "{files:?}");
    for object in &found[0].objects {
        let created = object.created.as_ref().expect("it is known where a lock was made");
        assert!(created.file.ends_with("findings.rs"), "{created}");
    }
    found.remove(0)
}

/// The same lock for both threads.
fn pair<L>(lock: L) -> (Arc<L>, Arc<L>) {
    let lock = Arc::new(lock);
    (Arc::clone(&lock), lock)
}

#[test]
fn a_mutex_taken_again_after_unlocked() {
    let (a, b) = pair(Mutex::new(()));
    let line = line!() + 4;
    let below = move |other: &Mutex<()>| {
        let mut guard = a.lock();
        let _other = other.lock();
        MutexGuard::unlocked(&mut guard, || {});
    };
    let found = all_places_are_the_users(below, move |other| drop((b.lock(), other.lock())));
    assert!(found.sites.iter().any(|site| site.site.line == line), "{found:?}");
}

#[test]
fn a_mutex_taken_in_other_ways() {
    let (a, b) = pair(Mutex::new(()));
    let below = move |other: &Mutex<()>| {
        let mut guard = a.lock_arc();
        let _other = other.lock();
        ArcMutexGuard::unlocked_fair(&mut guard, || {});
    };
    all_places_are_the_users(below, move |other| drop((b.lock(), other.lock())));
    let (a, b) = pair(FairMutex::new(()));
    let below = move |other: &Mutex<()>| {
        let mut guard = a.lock();
        let _other = other.lock();
        FairMutexGuard::bump(&mut guard);
    };
    all_places_are_the_users(below, move |other| drop((b.lock(), other.lock())));
    let (a, b) = pair(ReentrantMutex::new(()));
    let below = move |other: &Mutex<()>| {
        let mut guard = a.lock();
        let _other = other.lock();
        ReentrantMutexGuard::unlocked(&mut guard, || {});
    };
    all_places_are_the_users(below, move |other| drop((b.lock(), other.lock())));
}

#[test]
fn an_rwlock_taken_in_other_ways() {
    let (a, b) = pair(RwLock::new(()));
    let below = move |other: &Mutex<()>| {
        let mut guard = a.read();
        let _other = other.lock();
        RwLockReadGuard::unlocked(&mut guard, || {});
    };
    all_places_are_the_users(below, move |other| drop((b.write(), other.lock())));
    let (a, b) = pair(RwLock::new(()));
    let below = move |other: &Mutex<()>| {
        let mut guard = a.upgradable_read();
        let _other = other.lock();
        guard.with_upgraded(|()| {});
    };
    all_places_are_the_users(below, move |other| drop((b.read(), other.lock())));
    let (a, b) = pair(RwLock::new(()));
    let below = move |other: &Mutex<()>| {
        let guard = a.upgradable_read();
        let _other = other.lock();
        drop(RwLockUpgradableReadGuard::upgrade(guard));
    };
    all_places_are_the_users(below, move |other| drop((b.read(), other.lock())));
}

#[test]
fn what_cannot_wait_makes_no_order() {
    let found = findings(|| {
        let (a, other) = (RwLock::new(()), Mutex::new(()));
        in_turn(
            || {
                let guard = a.write();
                let _other = other.lock();
                let guard = RwLockWriteGuard::downgrade_to_upgradable(guard);
                let guard = RwLockUpgradableReadGuard::try_upgrade(guard).unwrap();
                drop(RwLockWriteGuard::downgrade(guard));
            },
            || {
                let _other = other.lock();
                assert!(a.try_read().is_some());
            },
        );
    });
    assert_eq!(found, []);
}

/// Two threads that hold one lock each, and then ask for the other's.
fn crosswise(one: impl FnOnce(&dyn Fn()) + Send + 'static, two: impl FnOnce(&dyn Fn()) + Send + 'static) {
    let both_hold: &'static Barrier = Box::leak(Box::new(Barrier::new(2)));
    let one = thread::spawn(move || {
        one(&|| {
            both_hold.wait();
        });
    });
    two(&|| {
        both_hold.wait();
    });
    one.join().unwrap();
}

#[test]
fn an_upgrade_waits_for_readers() {
    let observed = kinds(|| {
        let ((a, a2), (b, b2)) = (pair(RwLock::new(())), pair(Mutex::new(())));
        crosswise(
            move |both_hold| {
                let guard = a.upgradable_read();
                let _b = b.lock();
                both_hold();
                drop(RwLockUpgradableReadGuard::upgrade(guard));
            },
            move |both_hold| {
                let _a = a2.read();
                both_hold();
                let _b = b2.lock();
            },
        );
    });
    assert_eq!(observed, [(Kind::LockOrderCycle, Tier::Observed)]);
}

/// A thread that reads, and then asks for the lock in another way while a writer waits.
fn behind_a_writer(again: impl FnOnce(&'static RecursiveRwLock<()>) + Send + 'static) -> Vec<(Kind, Tier)> {
    kinds(|| {
        let lock: &'static RecursiveRwLock<()> = Box::leak(Box::new(RecursiveRwLock::new(())));
        let writer_waits = || lock.try_upgradable_read().is_none();
        crosswise(
            move |both| {
                both();
                let _write = lock.write();
            },
            move |both| {
                let _read = lock.read();
                both();
                while !writer_waits() {
                    thread::yield_now();
                }
                again(lock);
            },
        );
    })
}

#[test]
fn an_upgradable_reader_queues_behind_a_writer() {
    let upgradable = behind_a_writer(|lock| drop(lock.upgradable_read()));
    assert_eq!(upgradable, [(Kind::RecursiveRead, Tier::Observed)]);
    assert_eq!(behind_a_writer(|lock| drop(lock.read())), []);
}

#[test]
fn a_reentrant_mutex_is_one_lock_at_every_depth() {
    let found = kinds(|| {
        let (a, b) = (ReentrantMutex::new(()), Mutex::new(()));
        in_turn(
            || {
                let _outer = a.lock();
                drop(a.lock());
                let _b = b.lock();
                let _inner = a.lock();
            },
            || drop(a.lock()),
        );
    });
    assert_eq!(found, []);
    let found = kinds(|| {
        let (a, b) = (ReentrantMutex::new(()), Mutex::new(()));
        let below = || {
            let _outer = a.lock();
            drop(a.lock());
            let _b = b.lock();
        };
        in_turn(below, || drop((b.lock(), a.lock())));
    });
    assert_eq!(found, [(Kind::LockOrderCycle, Tier::Possible)]);
}

#[test]
fn locks_order_accesses() {
    let found = findings(|| {
        let (mutex, fair, rwlock, reentrant) =
            (Mutex::new(()), FairMutex::new(()), RwLock::new(()), ReentrantMutex::new(()));
        let cells = [Shared::new(0), Shared::new(0), Shared::new(0), Shared::new(0)];
        let step = || {
            let guard = mutex.lock();
            cells[0].set(cells[0].get() + 1);
            drop(guard);
            let guard = fair.lock();
            cells[1].set(cells[1].get() + 1);
            drop(guard);
            let guard = reentrant.lock();
            drop(reentrant.lock());
            cells[2].set(cells[2].get() + 1);
            drop(guard);
            let guard = rwlock.upgradable_read();
            let seen = cells[3].get();
            let guard = RwLockUpgradableReadGuard::upgrade(guard);
            cells[3].set(seen + 1);
            let guard = RwLockWriteGuard::downgrade(guard);
            assert!(cells[3].get() > seen);
            drop(guard);
        };
        in_turn(step, step);
        assert_eq!(cells.map(|cell| cell.get()), [2; 4]);
    });
    assert_eq!(found, []);
}

#[test]
fn condvar_and_once_order_accesses() {
    let found = findings(|| {
        let (mutex, condvar, once, cell) = (Mutex::new(false), Condvar::new(), Once::new(), Shared::new(0));
        thread::scope(|scope| {
            scope.spawn(|| {
                cell.set(1);
                *mutex.lock() = true;
                condvar.notify_one();
            });
            condvar.wait_while(&mut mutex.lock(), |ready| !*ready);
            cell.set(2);
            once.call_once(|| cell.set(3));
            scope.spawn(|| {
                once.wait();
                assert_eq!(cell.get(), 3);
            });
        });
    });
    assert_eq!(found, []);
}

#[test]
fn two_locks_do_not_order_accesses() {
    let found = kinds(|| {
        let (a, b, cell) = (Mutex::new(()), Mutex::new(()), Shared::new(0));
        let step = |lock: &Mutex<()>| {
            let _guard = lock.lock();
            cell.set(1);
        };
        in_turn(|| step(&a), || step(&b));
    });
    assert_eq!(found, [(Kind::DataRace, Tier::Observed)]);
}
