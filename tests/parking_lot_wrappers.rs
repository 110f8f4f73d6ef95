//! The wrappers of parking_lot: that they do what the originals do, with and without the feature `detect`.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gordian::parking_lot::{
    ArcMutexGuard, ArcRwLockReadGuard, ArcRwLockUpgradableReadGuard, ArcRwLockWriteGuard, Condvar, FairMutex,
    FairMutexGuard, MappedMutexGuard, MappedReentrantMutexGuard, MappedRwLockReadGuard, MappedRwLockWriteGuard, Mutex,
    MutexGuard, Once, OnceState, RecursiveRwLock, RecursiveRwLockReadGuard, ReentrantMutex, ReentrantMutexGuard,
    RwLock, RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard,
};
use gordian::thread;
use gordian::unobserved::Barrier;

fn panics(f: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(f)).is_err()
}

const NOW: Duration = Duration::ZERO;

#[test]
fn mutex() {
    let mut mutex = Mutex::new(1);
    *mutex.get_mut() += 1;
    let guard = mutex.lock();
    assert!(mutex.is_locked() && mutex.try_lock().is_none());
    assert!(mutex.try_lock_for(NOW).is_none() && mutex.try_lock_until(Instant::now()).is_none());
    assert_eq!(format!("{guard} {guard:?} {mutex:?}"), "2 2 Mutex { data: <locked> }");
    drop(guard);
    assert_eq!(format!("{mutex:?}"), "Mutex { data: 2 }");
    *mutex.try_lock().unwrap() += 1;
    *mutex.try_lock_for(NOW).unwrap() += 1;
    *Mutex::lock(&mutex) += 1;
    assert!(!mutex.is_locked());
    assert_eq!(mutex.into_inner(), 5);
    assert_eq!(*Mutex::from(7).lock() + *Mutex::<i32>::default().lock(), 7);
    let unsized_value: Arc<Mutex<dyn Fn() -> i32 + Send>> = Arc::new(Mutex::new(|| 5));
    assert_eq!((unsized_value.lock())(), 5);
    static MADE_AT_COMPILE_TIME: Mutex<Vec<i32>> = Mutex::new(Vec::new());
    assert!(MADE_AT_COMPILE_TIME.lock().is_empty());
}

#[test]
fn a_panic_frees_a_mutex() {
    let mutex = Mutex::new(1);
    assert!(panics(|| {
        let _guard = mutex.lock();
        panic!("expected");
    }));
    assert_eq!(*mutex.lock(), 1);
}

#[test]
fn guards_of_a_mutex() {
    let mutex = Mutex::new((1, 2));
    let mut guard = mutex.lock();
    assert!(MutexGuard::unlocked(&mut guard, || mutex.try_lock().is_some()));
    assert!(MutexGuard::unlocked_fair(&mut guard, || mutex.try_lock().is_some()));
    MutexGuard::bump(&mut guard);
    assert!(mutex.is_locked() && MutexGuard::mutex(&guard).is_locked());
    let mut second = MutexGuard::map(guard, |pair| &mut pair.1);
    *second += 1;
    let second = MappedMutexGuard::try_map(second, |_| None::<&mut i32>).unwrap_err();
    MappedMutexGuard::unlock_fair(second);
    MutexGuard::unlock_fair(mutex.lock());
    let guard = MutexGuard::try_map(mutex.lock(), |_| None::<&mut i32>).unwrap_err();
    assert_eq!(*guard, (1, 3));
    *MutexGuard::leak(guard) = (0, 0);
    assert!(mutex.is_locked());
}

#[test]
fn a_guard_can_keep_the_arc_of_a_mutex() {
    let mutex = Arc::new(Mutex::new(1));
    let mut guard = mutex.lock_arc();
    *guard += 1;
    assert!(mutex.try_lock_arc().is_none() && mutex.try_lock_arc_for(NOW).is_none());
    assert_eq!((Arc::strong_count(&mutex), *guard), (2, 2));
    ArcMutexGuard::unlocked(&mut guard, || *mutex.lock() += 1);
    drop(mutex);
    assert_eq!(*guard, 3);
    let weak = Arc::downgrade(ArcMutexGuard::mutex(&guard));
    drop(guard);
    assert!(weak.upgrade().is_none());
}

#[test]
fn fair_mutex() {
    let mutex = FairMutex::new(1);
    let mut guard = mutex.lock();
    *guard += 1;
    assert!(mutex.try_lock().is_none());
    FairMutexGuard::bump(&mut guard);
    drop(guard);
    assert_eq!(mutex.into_inner(), 2);
}

#[test]
fn reentrant_mutex() {
    let mutex = ReentrantMutex::new(RefCell::new((1, 2)));
    let outer = mutex.lock();
    let inner = mutex.try_lock().unwrap();
    inner.borrow_mut().0 += 1;
    assert!(mutex.is_locked() && mutex.is_owned_by_current_thread());
    thread::scope(|scope| {
        scope.spawn(|| assert!(mutex.try_lock().is_none() && !mutex.is_owned_by_current_thread()));
    });
    drop(inner);
    let mut outer = outer;
    ReentrantMutexGuard::unlocked(&mut outer, || {
        thread::scope(|scope| {
            scope.spawn(|| assert_eq!(*mutex.lock().borrow(), (2, 2)));
        });
    });
    let mapped = ReentrantMutexGuard::map(outer, |cell| cell);
    MappedReentrantMutexGuard::unlock_fair(mapped);
    assert!(!mutex.is_locked());
    let shared = Arc::new(mutex);
    let (one, two) = (shared.lock_arc(), shared.lock_arc());
    assert_eq!((one.borrow().0, two.borrow().1, Arc::strong_count(&shared)), (2, 2, 3));
}

#[test]
fn rwlock() {
    let mut lock = RwLock::new(1);
    *lock.get_mut() += 1;
    let (one, two) = (lock.read(), lock.try_read().unwrap());
    assert!(lock.is_locked() && !lock.is_locked_exclusive());
    assert!(lock.try_write().is_none() && lock.try_write_for(NOW).is_none());
    assert_eq!(*one + *two + *lock.try_read_for(NOW).unwrap(), 6);
    drop((one, two));
    let mut writer = lock.write();
    assert!(lock.is_locked_exclusive() && lock.try_read().is_none() && lock.try_upgradable_read().is_none());
    assert!(lock.try_read_until(Instant::now()).is_none());
    assert_eq!(format!("{lock:?}"), "RwLock { data: <locked> }");
    *writer += 1;
    drop(writer);
    *lock.try_write().unwrap() += 1;
    assert_eq!(*RwLock::from(7).read() + *RwLock::<i32>::default().write(), 7);
    assert_eq!(lock.into_inner(), 4);
}

#[test]
fn upgrades_and_downgrades() {
    let lock = RwLock::new(1);
    let upgradable = lock.upgradable_read();
    assert!(lock.try_upgradable_read().is_none());
    let reader = lock.read();
    let upgradable = RwLockUpgradableReadGuard::try_upgrade(upgradable).unwrap_err();
    let upgradable = RwLockUpgradableReadGuard::try_upgrade_for(upgradable, NOW).unwrap_err();
    drop(reader);
    let mut writer = RwLockUpgradableReadGuard::upgrade(upgradable);
    *writer += 1;
    assert!(lock.is_locked_exclusive());
    let mut upgradable = RwLockWriteGuard::downgrade_to_upgradable(writer);
    assert_eq!(*upgradable + *lock.read(), 4);
    upgradable.with_upgraded(|value| *value += 1);
    assert_eq!(upgradable.try_with_upgraded(|value| *value), Some(3));
    let reader = RwLockUpgradableReadGuard::downgrade(upgradable);
    assert!(lock.try_upgradable_read().is_some() && lock.try_write().is_none());
    drop(reader);
    let reader = RwLockWriteGuard::downgrade(lock.write());
    assert_eq!(*reader + *lock.read(), 6);
    drop(reader);
    assert!(lock.try_write().is_some());
}

#[test]
fn guards_of_an_rwlock() {
    let lock = RwLock::new((1, 2));
    let mut reader = lock.read();
    assert!(RwLockReadGuard::unlocked(&mut reader, || lock.try_write().is_some()));
    RwLockReadGuard::bump(&mut reader);
    let mapped = RwLockReadGuard::map(reader, |pair| &pair.1);
    let mapped = MappedRwLockReadGuard::map(mapped, |second| second);
    assert_eq!(*mapped, 2);
    MappedRwLockReadGuard::unlock_fair(mapped);
    let mut writer = lock.write();
    assert!(RwLockWriteGuard::unlocked_fair(&mut writer, || lock.try_write().is_some()));
    RwLockWriteGuard::bump(&mut writer);
    let mut mapped = RwLockWriteGuard::map(writer, |pair| &mut pair.0);
    *mapped += 1;
    MappedRwLockWriteGuard::unlock_fair(mapped);
    let mut upgradable = lock.upgradable_read();
    assert!(RwLockUpgradableReadGuard::unlocked(&mut upgradable, || lock.try_write().is_some()));
    RwLockUpgradableReadGuard::bump(&mut upgradable);
    RwLockUpgradableReadGuard::unlock_fair(upgradable);
    assert_eq!(lock.into_inner(), (2, 2));
}

#[test]
fn a_guard_can_keep_the_arc_of_an_rwlock() {
    let lock = Arc::new(RwLock::new(1));
    let (one, two) = (lock.read_arc(), lock.try_read_arc().unwrap());
    assert_eq!((*one + *two, Arc::strong_count(&lock)), (2, 3));
    drop((ArcRwLockReadGuard::into_arc(one), two));
    let upgradable = lock.upgradable_read_arc();
    let mut writer = ArcRwLockUpgradableReadGuard::upgrade(upgradable);
    *writer += 1;
    assert!(lock.try_write_arc().is_none());
    let reader = ArcRwLockWriteGuard::downgrade(writer);
    drop(lock);
    assert_eq!(*reader, 2);
}

#[test]
fn a_recursive_reader_passes_a_waiting_writer() {
    let lock = RecursiveRwLock::new(1);
    let turn = Barrier::new(2);
    thread::scope(|scope| {
        let first = lock.read();
        scope.spawn(|| {
            turn.wait();
            *lock.write() += 1;
        });
        turn.wait();
        // Whether the writer waits already or not makes no difference.
        let mut second = lock.read();
        RecursiveRwLockReadGuard::bump(&mut second);
        assert_eq!(*first + *second, 2);
    });
    assert_eq!(*lock.read(), 2);
}

#[test]
fn a_condvar_says_how_many_it_woke() {
    let (mutex, arrived, go) = (Mutex::new(0), Condvar::new(), Condvar::new());
    assert!(!go.notify_one() && go.notify_all() == 0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut guard = mutex.lock();
                *guard += 1;
                arrived.notify_one();
                // From here to the wait nobody else gets the mutex.
                go.wait(&mut guard);
            });
        }
        arrived.wait_while(&mut mutex.lock(), |waiters| *waiters < 3);
        assert_eq!((go.notify_one(), go.notify_all(), go.notify_all()), (true, 2, 0));
    });
    assert_eq!(format!("{go:?}"), "Condvar { .. }");
}

#[test]
fn a_wait_with_a_time_limit() {
    let (mutex, condvar) = (Mutex::new(0), Condvar::new());
    let mut guard = mutex.lock();
    assert!(condvar.wait_for(&mut guard, NOW).timed_out());
    assert!(condvar.wait_until(&mut guard, Instant::now()).timed_out());
    assert!(mutex.is_locked());
    let counts = |value: &mut i32| {
        *value += 1;
        *value < 3
    };
    assert!(condvar.wait_while_for(&mut guard, |_| true, NOW).timed_out());
    // Looked at once more after the time has passed.
    assert!(condvar.wait_while_until(&mut guard, counts, Instant::now()).timed_out());
    assert!(!condvar.wait_while_until(&mut guard, counts, Instant::now()).timed_out());
    thread::scope(|scope| {
        scope.spawn(|| {
            let _guard = mutex.lock();
            assert!(condvar.notify_one());
        });
        assert!(!condvar.wait_for(&mut guard, Duration::MAX).timed_out());
        scope.spawn(|| {
            let _guard = mutex.lock();
            assert!(condvar.notify_one());
        });
        assert!(!condvar.wait_for(&mut guard, Duration::from_secs(3600)).timed_out());
    });
}

#[test]
fn a_condvar_has_one_mutex_at_a_time() {
    let (one, two, condvar) = (Mutex::new(false), Mutex::new(()), Condvar::new());
    let turn = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut guard = one.lock();
            turn.wait();
            condvar.wait_while(&mut guard, |go| !*go);
        });
        turn.wait();
        let mut guard = one.lock();
        assert!(panics(|| condvar.wait(&mut two.lock())));
        assert!(!two.is_locked());
        *guard = true;
        assert!(condvar.notify_one());
    });
    // Nobody waits, so it is free for another mutex.
    assert!(condvar.wait_for(&mut two.lock(), NOW).timed_out());
}

#[test]
fn once() {
    static ONCE: Once = Once::new();
    let runs = AtomicUsize::new(0);
    assert_eq!((ONCE.state(), ONCE.is_completed()), (OnceState::New, false));
    assert!(panics(|| ONCE.call_once(|| panic!("expected"))));
    assert_eq!(ONCE.state(), OnceState::Poisoned);
    assert!(panics(|| ONCE.call_once(|| {})) && panics(|| ONCE.wait()));
    thread::scope(|scope| {
        scope.spawn(|| {
            ONCE.wait_force();
            assert_eq!(runs.load(Ordering::Relaxed), 1);
        });
        ONCE.call_once_force(|state| {
            assert!(state.is_poisoned());
            assert_eq!(ONCE.state(), OnceState::InProgress);
            runs.fetch_add(1, Ordering::Relaxed);
        });
    });
    ONCE.call_once(|| unreachable!());
    ONCE.call_once_force(|_| unreachable!());
    ONCE.wait();
    assert_eq!(format!("{ONCE:?}"), "Once { state: Done }");
    let completed = Once::new_completed();
    completed.call_once(|| unreachable!());
    completed.wait();
    assert_eq!(completed.state(), OnceState::Done);
}

#[test]
fn contended_locks_exclude() {
    let mutex = Mutex::new(0_u64);
    let fair = FairMutex::new(0_u64);
    let rwlock = RwLock::new(0_u64);
    let start = Barrier::new(4);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                start.wait();
                for step in 0..500 {
                    *mutex.lock() += 1;
                    *fair.lock() += 1;
                    match step % 3 {
                        0 => *rwlock.write() += 1,
                        1 => *RwLockUpgradableReadGuard::upgrade(rwlock.upgradable_read()) += 1,
                        _ => assert!(*rwlock.read() <= 2_000),
                    }
                }
            });
        }
    });
    assert_eq!((mutex.into_inner(), fair.into_inner(), rwlock.into_inner()), (2_000, 2_000, 4 * 334));
}

/// Which auto traits a type has.
macro_rules! auto_traits {
    ($type:ty) => {{
        /// The inherent constant wins where the bound holds.
        struct Probe<T: ?Sized>(std::marker::PhantomData<T>);
        #[allow(dead_code)]
        trait Without {
            const SEND: bool = false;
            const SYNC: bool = false;
            const UNPIN: bool = false;
            const UNWIND_SAFE: bool = false;
            const REF_UNWIND_SAFE: bool = false;
        }
        impl<T: ?Sized> Without for Probe<T> {}
        #[allow(dead_code)]
        impl<T: ?Sized + Send> Probe<T> {
            const SEND: bool = true;
        }
        #[allow(dead_code)]
        impl<T: ?Sized + Sync> Probe<T> {
            const SYNC: bool = true;
        }
        #[allow(dead_code)]
        impl<T: ?Sized + Unpin> Probe<T> {
            const UNPIN: bool = true;
        }
        #[allow(dead_code)]
        impl<T: ?Sized + std::panic::UnwindSafe> Probe<T> {
            const UNWIND_SAFE: bool = true;
        }
        #[allow(dead_code)]
        impl<T: ?Sized + std::panic::RefUnwindSafe> Probe<T> {
            const REF_UNWIND_SAFE: bool = true;
        }
        type Of = Probe<$type>;
        [Of::SEND, Of::SYNC, Of::UNPIN, Of::UNWIND_SAFE, Of::REF_UNWIND_SAFE]
    }};
}

/// Same auto traits as the original's, over values that have all of them, and over such as lack some.
macro_rules! same_auto_traits {
    ($($name:ident $(<$life:lifetime>)?)*) => {$(
        same_auto_traits!(@ $name [$($life)?] u8);
        same_auto_traits!(@ $name [$($life)?] std::cell::Cell<u8>);
        same_auto_traits!(@ $name [$($life)?] std::rc::Rc<u8>);
        same_auto_traits!(@ $name [$($life)?] std::sync::MutexGuard<'static, u8>);
    )*};
    (@ $name:ident [$($life:lifetime)?] $value:ty) => {
        assert_eq!(
            auto_traits!(gordian::parking_lot::$name<$($life,)? $value>),
            auto_traits!(parking_lot::$name<$($life,)? $value>),
            concat!(stringify!($name), " of ", stringify!($value))
        );
    };
}

#[test]
#[allow(unused_qualifications, reason = "both sides are written alike")]
fn auto_traits() {
    same_auto_traits! {
        Mutex FairMutex RwLock RecursiveRwLock ReentrantMutex
        MutexGuard<'static> MappedMutexGuard<'static> FairMutexGuard<'static> MappedFairMutexGuard<'static>
        RwLockReadGuard<'static> RwLockWriteGuard<'static> RwLockUpgradableReadGuard<'static>
        MappedRwLockReadGuard<'static> MappedRwLockWriteGuard<'static>
        RecursiveRwLockReadGuard<'static> MappedRecursiveRwLockWriteGuard<'static>
        ReentrantMutexGuard<'static> MappedReentrantMutexGuard<'static>
    }
    assert_eq!(auto_traits!(gordian::parking_lot::Condvar), auto_traits!(parking_lot::Condvar));
    assert_eq!(auto_traits!(gordian::parking_lot::Once), auto_traits!(parking_lot::Once));
}

#[cfg(feature = "detect")]
#[path = "parking_lot_wrappers/findings.rs"]
mod findings;
