//! Mutex, RwLock, Condvar, Barrier, Once, OnceLock, LazyLock: the originals' semantics.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gordian::sync::{Arc, Barrier, Condvar, LazyLock, Mutex, Once, OnceLock, RwLock, TryLockError};
use gordian::thread;

fn panics(f: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(f)).is_err()
}

#[test]
fn mutex() {
    let mut mutex = Mutex::new(1);
    *mutex.get_mut().unwrap() += 1;
    let guard = mutex.lock().unwrap();
    assert!(matches!(mutex.try_lock(), Err(TryLockError::WouldBlock)));
    assert_eq!(format!("{guard} {guard:?}"), "2 2");
    assert!(format!("{mutex:?}").contains("<locked>"));
    drop(guard);
    *mutex.try_lock().unwrap() += 1;
    assert_eq!(mutex.into_inner().unwrap(), 3);
    assert_eq!(*Mutex::from(7).lock().unwrap() + *Mutex::<i32>::default().lock().unwrap(), 7);
    let unsized_value: Arc<Mutex<dyn Fn() -> i32 + Send>> = Arc::new(Mutex::new(|| 5));
    assert_eq!((unsized_value.lock().unwrap())(), 5);
}

#[test]
fn a_panic_poisons_a_mutex() {
    let mutex = Mutex::new(1);
    assert!(panics(|| {
        let _guard = mutex.lock().unwrap();
        panic!("expected");
    }));
    assert!(mutex.is_poisoned());
    assert_eq!(*mutex.lock().unwrap_err().into_inner(), 1);
    assert!(matches!(mutex.try_lock(), Err(TryLockError::Poisoned(_))));
    mutex.clear_poison();
    assert!(mutex.lock().is_ok());
}

#[test]
fn rwlock() {
    let mut lock = RwLock::new(1);
    *lock.get_mut().unwrap() += 1;
    let (one, two) = (lock.read().unwrap(), lock.try_read().unwrap());
    assert_eq!(*one + *two, 4);
    assert!(matches!(lock.try_write(), Err(TryLockError::WouldBlock)));
    drop((one, two));
    let mut writer = lock.write().unwrap();
    assert!(matches!(lock.try_read(), Err(TryLockError::WouldBlock)));
    *writer += 1;
    drop(writer);
    assert_eq!(lock.into_inner().unwrap(), 3);
}

#[test]
fn a_downgraded_writer_reads_beside_others() {
    let lock = RwLock::new(1);
    let mut writer = lock.write().unwrap();
    *writer = 2;
    let reader = gordian::sync::RwLockWriteGuard::downgrade(writer);
    assert_eq!((*reader, *lock.read().unwrap()), (2, 2));
    assert!(lock.try_write().is_err());
    drop(reader);
    assert!(lock.try_write().is_ok());
}

#[test]
fn only_a_writer_poisons_an_rwlock() {
    let lock = RwLock::new(1);
    assert!(panics(|| {
        let _guard = lock.read().unwrap();
        panic!("expected");
    }));
    assert!(!lock.is_poisoned());
    assert!(panics(|| {
        let _guard = lock.write().unwrap();
        panic!("expected");
    }));
    assert!(lock.is_poisoned());
    assert!(lock.read().is_err());
    assert!(lock.write().is_err());
    assert!(matches!(lock.try_read(), Err(TryLockError::Poisoned(_))));
    lock.clear_poison();
    assert!(lock.read().is_ok());
}

#[test]
fn a_condvar_hands_over() {
    let pair = Arc::new((Mutex::new(0), Condvar::new()));
    let other = Arc::clone(&pair);
    let odd = thread::spawn(move || {
        for turn in [1, 3, 5] {
            let mut guard = other.1.wait_while(other.0.lock().unwrap(), |at| *at != turn).unwrap();
            *guard += 1;
            drop(guard);
            other.1.notify_one();
        }
    });
    for turn in [0, 2, 4] {
        let mut guard = pair.0.lock().unwrap();
        while *guard != turn {
            guard = pair.1.wait(guard).unwrap();
        }
        *guard += 1;
        pair.1.notify_all();
    }
    odd.join().unwrap();
    assert_eq!(*pair.0.lock().unwrap(), 6);
}

#[test]
fn a_condvar_gives_up_in_time_and_says_so() {
    let (mutex, condvar) = (Mutex::new(0), Condvar::new());
    let short = Duration::from_millis(1);
    let (guard, result) = condvar.wait_timeout(mutex.lock().unwrap(), short).unwrap();
    assert!(result.timed_out());
    let (guard, result) = condvar.wait_timeout_while(guard, short, |_| true).unwrap();
    assert!(result.timed_out());
    let (guard, result) = condvar.wait_timeout_while(guard, Duration::ZERO, |_| false).unwrap();
    assert!(!result.timed_out() && result == { result });
    #[allow(deprecated)]
    let (_guard, in_time) = condvar.wait_timeout_ms(guard, 1).unwrap();
    assert!(!in_time);
}

#[test]
fn a_notification_beats_the_clock() {
    let pair = Arc::new((Mutex::new(false), Condvar::new()));
    let other = Arc::clone(&pair);
    let guard = pair.0.lock().unwrap();
    let notifier = thread::spawn(move || {
        *other.0.lock().unwrap() = true;
        other.1.notify_all();
    });
    let (guard, result) = pair.1.wait_timeout_while(guard, Duration::MAX, |done| !*done).unwrap();
    assert!(*guard && !result.timed_out());
    drop(guard);
    notifier.join().unwrap();
}

#[test]
fn a_wait_ends_with_the_poison_of_its_mutex() {
    let pair = Arc::new((Mutex::new(false), Condvar::new()));
    let other = Arc::clone(&pair);
    let guard = pair.0.lock().unwrap();
    let poisoner = thread::spawn(move || {
        let mut guard = other.0.lock().unwrap();
        *guard = true;
        other.1.notify_one();
        panic!("expected");
    });
    assert!(pair.1.wait_while(guard, |done| !*done).is_err());
    assert!(poisoner.join().is_err());
}

#[test]
fn a_barrier_has_one_leader_in_each_generation() {
    let (barrier, leaders) = (Barrier::new(3), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for round in 1..=5 {
                    if barrier.wait().is_leader() {
                        leaders.fetch_add(1, Ordering::Relaxed);
                    }
                    barrier.wait();
                    assert_eq!(leaders.load(Ordering::Relaxed), round);
                    barrier.wait();
                }
            });
        }
    });
    assert!(Barrier::new(0).wait().is_leader() && Barrier::new(1).wait().is_leader());
}

#[test]
fn a_once_runs_once() {
    let (once, runs) = (Once::new(), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                once.call_once(|| {
                    runs.fetch_add(1, Ordering::Relaxed);
                });
                assert!(once.is_completed());
                assert_eq!(runs.load(Ordering::Relaxed), 1);
            });
        }
        scope.spawn(|| once.wait());
    });
    once.call_once_force(|_| unreachable!("complete"));
}

#[test]
fn a_once_is_poisoned_until_forced() {
    let once = Once::new();
    assert!(panics(|| once.call_once(|| panic!("expected"))));
    assert!(!once.is_completed());
    assert!(panics(|| once.call_once(|| ())), "poisoned");
    assert!(panics(|| once.wait()), "poisoned");
    thread::scope(|scope| {
        scope.spawn(|| once.wait_force());
        once.call_once_force(|state| assert!(state.is_poisoned()));
    });
    once.wait();
    assert!(once.is_completed());
}

#[test]
fn once_lock() {
    let mut cell = OnceLock::new();
    assert_eq!((cell.get(), format!("{cell:?}").as_str()), (None, "OnceLock(<uninit>)"));
    assert!(panics(|| {
        cell.get_or_init(|| panic!("expected"));
    }));
    assert_eq!(cell.get(), None, "a panic leaves it empty");
    assert_eq!(cell.set(1), Ok(()));
    assert_eq!(cell.set(2), Err(2));
    assert_eq!((cell.get_or_init(|| 3), cell.wait()), (&1, &1));
    assert_eq!(cell.clone(), OnceLock::from(1));
    assert_ne!(cell, OnceLock::new());
    *cell.get_mut().unwrap() = 4;
    assert_eq!(cell.take(), Some(4));
    assert_eq!(cell.take(), None);
    assert_eq!(cell.get_or_init(|| 5), &5, "as new");
    assert_eq!(cell.into_inner(), Some(5));
    let waited = OnceLock::new();
    thread::scope(|scope| {
        let waiter = scope.spawn(|| *waited.wait());
        waited.set(9).unwrap();
        assert_eq!(waiter.join().unwrap(), 9);
    });
}

/// The borrow in `cell` may end before `cell` does, as with the original: its drop check lets that pass.
#[test]
fn a_once_lock_may_outlive_what_it_borrows() {
    let cell: OnceLock<&String> = OnceLock::new();
    let text = String::from("borrowed");
    cell.set(&text).unwrap();
    assert_eq!(cell.get().map(|text| text.len()), Some(8));
}

#[test]
fn lazy_lock() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    static LAZY: LazyLock<usize> = LazyLock::new(|| RUNS.fetch_add(1, Ordering::Relaxed) + 10);
    assert_eq!(LazyLock::get(&LAZY), None);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_eq!(*LAZY, 10));
        }
    });
    assert_eq!((LazyLock::force(&LAZY), LazyLock::get(&LAZY)), (&10, Some(&10)));
    assert_eq!(RUNS.load(Ordering::Relaxed), 1);
    let mut own = LazyLock::new(|| 1);
    assert_eq!(LazyLock::get_mut(&mut own), None);
    *LazyLock::force_mut(&mut own) += 1;
    assert_eq!(LazyLock::get(&own), Some(&2));
    *own += 1;
    assert_eq!(*own, 3);
    let bad: LazyLock<i32> = LazyLock::new(|| panic!("expected"));
    assert!(panics(|| assert_eq!(*bad, 0)) && panics(|| assert_eq!(*bad, 0)), "poisoned for good");
}
