//! When the user asks for a panic on a deadlock, the thread whose wait closed the knot unwinds, and what it waited for can
//! be used by the others. In a process of its own, for what to do is fixed once.
#![cfg(feature = "detect")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use gordian::finding::Kind;
use gordian::sync::mpsc::{channel, sync_channel};
use gordian::sync::{Arc, Barrier, Condvar, Mutex, Once, RwLock};
use gordian::{Config, OnDeadlock, thread};

/// Runs `f` in a check that nothing hangs in, and returns what was found.
fn found(f: impl FnOnce() + Send + 'static) -> Vec<Kind> {
    // All tests of the file want the same; the first one sets it.
    let _ = gordian::start(Config { on_deadlock: OnDeadlock::Panic, print: false, ..Config::default() });
    let outcome = gordian::findings_of(f);
    assert!(outcome.result.expect("nothing hangs").is_ok());
    outcome.findings.iter().map(|finding| finding.kind).collect()
}

fn panics<R>(f: impl FnOnce() -> R) {
    let payload = catch_unwind(AssertUnwindSafe(f)).err().expect("a panic");
    let message = payload.downcast_ref::<String>().expect("a message");
    assert!(message.starts_with("deadlock: "), "{message}");
}

#[test]
fn a_condvar_forgets_the_waiter() {
    let kinds = found(|| {
        let pair = Arc::new((Mutex::new(false), Condvar::new()));
        panics(|| pair.1.wait(pair.0.lock().unwrap()));
        assert!(!pair.0.is_poisoned(), "the mutex was not held");
        // A notification goes to who waits, not to who is gone.
        let guard = pair.0.lock().unwrap();
        let other = Arc::clone(&pair);
        let notifier = thread::spawn(move || {
            *other.0.lock().unwrap() = true;
            other.1.notify_one();
        });
        drop(pair.1.wait_while(guard, |done| !*done));
        notifier.join().unwrap();
    });
    assert_eq!(kinds, [Kind::LostWakeup]);
}

/// A token that comes later is for no park any more, and ends no other wait.
#[test]
fn a_park_forgets_the_thread() {
    let kinds = found(|| {
        panics(thread::park);
        let (locks, parked) = (Arc::new((RwLock::new(()), Mutex::new(()))), thread::current());
        let other = Arc::clone(&locks);
        let (reads, has_read) = channel();
        let guard = locks.1.lock().unwrap();
        let reader = thread::spawn(move || {
            let read = other.0.read().unwrap();
            reads.send(()).unwrap();
            // From the moment that the writer waits, no one else gets in.
            while other.0.try_read().is_ok() {
                thread::yield_now();
            }
            parked.unpark();
            panics(|| other.1.lock());
            drop(read);
        });
        has_read.recv().unwrap();
        drop((locks.0.write().unwrap(), guard));
        reader.join().unwrap();
    });
    assert_eq!(kinds, [Kind::LostWakeup, Kind::LockOrderCycle]);
}

#[test]
fn a_channel_forgets_its_waiters() {
    let kinds = found(|| {
        let (tx, rx) = channel();
        panics(|| rx.recv());
        tx.send(1).unwrap();
        assert_eq!(rx.recv(), Ok(1));
    });
    assert_eq!(kinds, [Kind::WaitCycle]);
    for bound in [0, 1] {
        let kinds = found(move || {
            let (tx, rx) = sync_channel(bound);
            panics(|| (0..=bound).for_each(|number| tx.send(number).unwrap()));
            assert_eq!(rx.try_iter().count(), bound, "the message of the panic is gone");
            assert!(tx.try_send(5).is_ok() == (bound == 1) && rx.recv_timeout(Duration::ZERO).is_ok() == (bound == 1));
        });
        assert_eq!(kinds, [Kind::WaitCycle]);
    }
}

#[test]
fn a_once_is_poisoned_by_its_re_entry() {
    let kinds = found(|| {
        let once = Once::new();
        panics(|| once.call_once(|| once.call_once(|| ())));
        panics(|| Once::new().wait());
        assert!(catch_unwind(AssertUnwindSafe(|| once.wait())).is_err(), "poisoned");
        once.call_once_force(|state| assert!(state.is_poisoned()));
        once.wait();
    });
    assert_eq!(kinds, [Kind::SelfDeadlock, Kind::LostWakeup]);
}

#[test]
fn other_waits_end_too() {
    let kinds = found(|| {
        panics(thread::park);
        thread::current().unpark();
        thread::park();
    });
    assert_eq!(kinds, [Kind::LostWakeup]);
    let kinds = found(|| {
        let mutex = Mutex::new(());
        let guard = mutex.lock().unwrap();
        panics(|| mutex.lock());
        drop(guard);
        drop(mutex.lock().unwrap());
    });
    assert_eq!(kinds, [Kind::SelfDeadlock]);
    let kinds = found(|| panics(|| Barrier::new(2).wait()));
    assert_eq!(kinds, [Kind::ResourceLeak]);
}
