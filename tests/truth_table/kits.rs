//! std and parking_lot behind one face, and what the rows are made of.

use gordian::finding::{Kind, Tier};
use gordian::parking_lot::{self, lock_api};
use gordian::unobserved::Barrier;
use gordian::{sync, thread};

/// The locks of a library. All live for ever.
pub(crate) trait Kit: 'static {
    type Mutex: Sync;
    type Guard: 'static;
    type RwLock: Sync;
    type Reader: 'static;
    type Writer: 'static;
    type Condvar: Sync;

    fn mutex() -> &'static Self::Mutex;
    fn lock(mutex: &'static Self::Mutex) -> Self::Guard;
    fn try_lock(mutex: &'static Self::Mutex) -> Option<Self::Guard>;
    /// Locks `inner` below a mutex that is made before and dies after.
    fn lock_below_another(inner: &'static Self::Mutex);
    fn rwlock() -> &'static Self::RwLock;
    fn read(rwlock: &'static Self::RwLock) -> Self::Reader;
    fn try_read(rwlock: &'static Self::RwLock) -> Option<Self::Reader>;
    fn write(rwlock: &'static Self::RwLock) -> Self::Writer;
    fn condvar() -> &'static Self::Condvar;
    fn wait(condvar: &'static Self::Condvar, guard: Self::Guard) -> Self::Guard;
    fn notify_one(condvar: &'static Self::Condvar);
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

pub(crate) struct Std;

impl Kit for Std {
    type Mutex = sync::Mutex<()>;
    type Guard = sync::MutexGuard<'static, ()>;
    type RwLock = sync::RwLock<()>;
    type Reader = sync::RwLockReadGuard<'static, ()>;
    type Writer = sync::RwLockWriteGuard<'static, ()>;
    type Condvar = sync::Condvar;

    #[track_caller]
    fn mutex() -> &'static Self::Mutex {
        leak(sync::Mutex::new(()))
    }

    #[track_caller]
    fn lock(mutex: &'static Self::Mutex) -> Self::Guard {
        mutex.lock().unwrap()
    }

    #[track_caller]
    fn try_lock(mutex: &'static Self::Mutex) -> Option<Self::Guard> {
        mutex.try_lock().ok()
    }

    fn lock_below_another(inner: &'static Self::Mutex) {
        let middle = sync::Mutex::new(());
        let _middle = middle.lock().unwrap();
        let _inner = inner.lock().unwrap();
    }

    #[track_caller]
    fn rwlock() -> &'static Self::RwLock {
        leak(sync::RwLock::new(()))
    }

    #[track_caller]
    fn read(rwlock: &'static Self::RwLock) -> Self::Reader {
        rwlock.read().unwrap()
    }

    #[track_caller]
    fn try_read(rwlock: &'static Self::RwLock) -> Option<Self::Reader> {
        rwlock.try_read().ok()
    }

    #[track_caller]
    fn write(rwlock: &'static Self::RwLock) -> Self::Writer {
        rwlock.write().unwrap()
    }

    #[track_caller]
    fn condvar() -> &'static Self::Condvar {
        leak(sync::Condvar::new())
    }

    #[track_caller]
    fn wait(condvar: &'static Self::Condvar, guard: Self::Guard) -> Self::Guard {
        condvar.wait(guard).unwrap()
    }

    #[track_caller]
    fn notify_one(condvar: &'static Self::Condvar) {
        condvar.notify_one();
    }
}

/// With readers that queue behind a waiting writer, or with `RECURSIVE` ones.
pub(crate) struct ParkingLot<const RECURSIVE: bool = false>;

impl<const RECURSIVE: bool> Kit for ParkingLot<RECURSIVE> {
    type Mutex = parking_lot::Mutex<()>;
    type Guard = parking_lot::MutexGuard<'static, ()>;
    type RwLock = parking_lot::WatchedRwLock<(), RECURSIVE>;
    type Reader = lock_api::RwLockReadGuard<'static, parking_lot::RawRwLock<RECURSIVE>, ()>;
    type Writer = lock_api::RwLockWriteGuard<'static, parking_lot::RawRwLock<RECURSIVE>, ()>;
    type Condvar = parking_lot::Condvar;

    #[track_caller]
    fn mutex() -> &'static Self::Mutex {
        leak(parking_lot::Mutex::new(()))
    }

    #[track_caller]
    fn lock(mutex: &'static Self::Mutex) -> Self::Guard {
        mutex.lock()
    }

    #[track_caller]
    fn try_lock(mutex: &'static Self::Mutex) -> Option<Self::Guard> {
        mutex.try_lock()
    }

    fn lock_below_another(inner: &'static Self::Mutex) {
        let middle = parking_lot::Mutex::new(());
        let _middle = middle.lock();
        let _inner = inner.lock();
    }

    #[track_caller]
    fn rwlock() -> &'static Self::RwLock {
        leak(parking_lot::WatchedRwLock::new(()))
    }

    #[track_caller]
    fn read(rwlock: &'static Self::RwLock) -> Self::Reader {
        rwlock.read()
    }

    #[track_caller]
    fn try_read(rwlock: &'static Self::RwLock) -> Option<Self::Reader> {
        rwlock.try_read()
    }

    #[track_caller]
    fn write(rwlock: &'static Self::RwLock) -> Self::Writer {
        rwlock.write()
    }

    #[track_caller]
    fn condvar() -> &'static Self::Condvar {
        leak(parking_lot::Condvar::new())
    }

    #[track_caller]
    fn wait(condvar: &'static Self::Condvar, mut guard: Self::Guard) -> Self::Guard {
        condvar.wait(&mut guard);
        guard
    }

    #[track_caller]
    fn notify_one(condvar: &'static Self::Condvar) {
        condvar.notify_one();
    }
}

/// What one thread of a row does.
pub(crate) type Part = Box<dyn FnOnce() + Send>;

/// A barrier for `parties`, for ever.
pub(crate) fn meet(parties: usize) -> &'static Barrier {
    leak(Barrier::new(parties))
}

/// Runs the parts in threads of their own, all of them forked before the first part begins, and joins them.
pub(crate) fn at_once(parts: Vec<Part>) {
    let start = meet(parts.len());
    let begin = |part: Part| {
        thread::spawn(move || {
            start.wait();
            part();
        })
    };
    let handles: Vec<_> = parts.into_iter().map(begin).collect();
    handles.into_iter().for_each(|handle| handle.join().unwrap());
}

/// As [`at_once`], but one part after another, in an order that the detector does not see.
pub(crate) fn in_turn(parts: Vec<Part>) {
    let turns: &[Barrier] = leak((1..parts.len()).map(|_| Barrier::new(2)).collect::<Vec<_>>());
    let begun = meet(parts.len() + 1);
    let begin = |(turn, part): (usize, Part)| {
        thread::spawn(move || {
            begun.wait();
            if turn > 0 {
                turns[turn - 1].wait();
            }
            part();
            if let Some(next) = turns.get(turn) {
                next.wait();
            }
        })
    };
    let handles: Vec<_> = parts.into_iter().enumerate().map(begin).collect();
    begun.wait();
    handles.into_iter().for_each(|handle| handle.join().unwrap());
}

/// What the lock-order graph says by itself, without printing what is expected. To be called before anything else of gordian's.
pub(crate) fn start() {
    // Another row may have done it.
    let _ = gordian::start(gordian::Config { predict: None, print: false, ..gordian::Config::default() });
}

/// What is found in the closure, in a stable order.
pub(crate) fn verdict(f: impl FnOnce() + Send + 'static) -> Vec<(Kind, Tier)> {
    start();
    let outcome = gordian::findings_of(f);
    let mut found: Vec<_> = outcome.findings.iter().map(|finding| (finding.kind, finding.tier)).collect();
    found.sort_unstable();
    assert!(outcome.result.is_none_or(|result| result.is_ok()), "a row does not panic");
    found
}
