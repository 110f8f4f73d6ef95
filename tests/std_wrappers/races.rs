//! Data races on `Shared`: who is ordered by what.

use gordian::finding::{Kind, Tier};
use gordian::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};
use gordian::sync::mpsc::{channel, sync_channel};
use gordian::sync::{Arc, Barrier, Mutex, OnceLock, RwLock};
use gordian::{Named, Shared, thread, unobserved};

use Ordering::{Acquire, Relaxed, Release};

/// Runs a writer in a thread of its own, then, without the detector knowing of that order, a reader in another. Both get the
/// state that may order them, and what touches the cell. True if they race.
fn races<S: Send + Sync + 'static>(
    state: S,
    write: impl FnOnce(&S, &dyn Fn()) + Send + 'static,
    read: impl FnOnce(&S, &dyn Fn() -> u32) + Send + 'static,
) -> bool {
    let outcome = gordian::findings_of(move || {
        let shared = Arc::new((Shared::new(0_u32).named("data"), state));
        let turn = Arc::new(unobserved::Barrier::new(2));
        let (other, after) = (Arc::clone(&shared), Arc::clone(&turn));
        let writer = thread::spawn(move || {
            write(&other.1, &|| other.0.set(1));
            after.wait();
        });
        let reader = thread::spawn(move || {
            turn.wait();
            read(&shared.1, &|| shared.0.get());
        });
        writer.join().unwrap();
        reader.join().unwrap();
    });
    assert!(outcome.result.unwrap().is_ok());
    for finding in &outcome.findings {
        assert_eq!((finding.kind, finding.tier, finding.sites.len()), (Kind::DataRace, Tier::Observed, 2));
        assert!(finding.message.contains("`data`"), "{}", finding.message);
        assert!(finding.sites.iter().all(|site| site.site.file.ends_with("races.rs")), "{:?}", finding.sites);
    }
    !outcome.findings.is_empty()
}

fn silent(f: impl FnOnce() + Send + 'static) {
    let outcome = gordian::findings_of(f);
    assert!(outcome.result.unwrap().is_ok());
    assert_eq!(outcome.findings, []);
}

#[test]
fn nothing_orders_them() {
    assert!(races((), |(), write| write(), |(), read| assert_eq!(read(), 1)));
    assert!(!races((), |(), _| (), |(), read| assert_eq!(read(), 0)), "one thread alone");
}

/// T36: the flag is there, and publishes nothing.
#[test]
fn publication() {
    let publish = |store: Ordering, load: Ordering| {
        races(
            AtomicBool::new(false),
            move |flag, write| {
                write();
                flag.store(true, store);
            },
            move |flag, read| {
                assert!(flag.load(load));
                read();
            },
        )
    };
    assert!(publish(Relaxed, Relaxed));
    assert!(publish(Release, Relaxed));
    assert!(publish(Relaxed, Acquire));
    assert!(!publish(Release, Acquire));
    assert!(!publish(Ordering::SeqCst, Ordering::SeqCst));
}

#[test]
fn publication_by_other_operations() {
    let publish = |store: fn(&AtomicU32), load: fn(&AtomicU32) -> bool| {
        races(
            AtomicU32::new(0),
            move |flag, write| {
                write();
                store(flag);
            },
            move |flag, read| {
                assert!(load(flag));
                read();
            },
        )
    };
    assert!(!publish(|flag| _ = flag.fetch_add(1, Release), |flag| flag.swap(5, Acquire) == 1));
    assert!(!publish(|flag| _ = flag.swap(1, Release), |flag| flag.compare_exchange(1, 2, Acquire, Relaxed).is_ok()));
    assert!(!publish(|flag| flag.store(1, Release), |flag| flag.compare_exchange(7, 2, Relaxed, Acquire) == Err(1)));
    assert!(publish(|flag| flag.store(1, Release), |flag| flag.compare_exchange(7, 2, Acquire, Relaxed) == Err(1)));
    assert!(publish(|flag| _ = flag.compare_exchange(7, 1, Release, Relaxed), |flag| flag.load(Acquire) == 0));
    assert!(!publish(
        |flag| _ = flag.fetch_update(Release, Relaxed, |old| Some(old + 1)),
        |flag| { flag.load(Acquire) == 1 }
    ));
    // Fences on either side.
    assert!(!publish(
        |flag| {
            fence(Release);
            flag.store(1, Relaxed);
        },
        |flag| {
            let seen = flag.load(Relaxed) == 1;
            fence(Acquire);
            seen
        }
    ));
    // A release sequence: a relaxed read-modify-write goes on with it, a relaxed store ends it.
    assert!(!publish(
        |flag| {
            flag.store(1, Release);
            flag.fetch_add(1, Relaxed);
        },
        |flag| flag.load(Acquire) == 2
    ));
    assert!(publish(
        |flag| {
            flag.store(1, Release);
            flag.store(2, Relaxed);
        },
        |flag| flag.load(Acquire) == 2
    ));
}

/// Memory written behind the detector's back makes no race out of nothing.
#[test]
fn an_unseen_operation_does_not_break_a_release_sequence() {
    let plain = |flag: &AtomicU32| {
        // SAFETY: valid for the borrow; all accesses are atomic.
        unsafe { std::sync::atomic::AtomicU32::from_ptr(flag.as_ptr()) }.fetch_add(1, Relaxed);
    };
    let raced = races(
        AtomicU32::new(0),
        move |flag, write| {
            write();
            flag.store(1, Release);
            plain(flag);
        },
        move |flag, read| {
            assert_eq!(flag.load(Acquire), 2);
            read();
        },
    );
    assert!(!raced);
}

#[test]
fn locks() {
    let lock = |locked: bool| {
        races(
            Mutex::new(()),
            |lock, write| {
                let _held = lock.lock();
                write();
            },
            move |lock, read| {
                let _held = locked.then(|| lock.lock());
                read();
            },
        )
    };
    assert!(!lock(true));
    assert!(lock(false));
    // Readers don't order one another.
    let rwlock = |write_locked: bool| {
        races(
            RwLock::new(()),
            move |lock, write| {
                let _read = (!write_locked).then(|| lock.read());
                let _write = write_locked.then(|| lock.write());
                write();
            },
            |lock, read| {
                let _held = lock.read();
                read();
            },
        )
    };
    assert!(!rwlock(true));
    assert!(rwlock(false));
}

#[test]
fn a_downgrade_publishes_to_readers() {
    let raced = races(
        RwLock::new(()),
        |lock, write| {
            let writer = lock.write().unwrap();
            write();
            std::mem::forget(gordian::sync::RwLockWriteGuard::downgrade(writer));
        },
        |lock, read| {
            let _held = lock.read();
            read();
        },
    );
    assert!(!raced);
}

#[test]
fn channels() {
    type Ends = (Mutex<Option<gordian::sync::mpsc::Sender<()>>>, Mutex<Option<gordian::sync::mpsc::Receiver<()>>>);
    let ends = || -> Ends {
        let (tx, rx) = channel();
        (Mutex::new(Some(tx)), Mutex::new(Some(rx)))
    };
    let message = |after: bool| {
        races(
            ends(),
            move |ends, write| {
                let tx = ends.0.lock().unwrap().take().unwrap();
                if after {
                    tx.send(()).unwrap();
                    write();
                } else {
                    write();
                    tx.send(()).unwrap();
                }
                std::mem::forget(tx);
            },
            |ends, read| {
                let rx = ends.1.lock().unwrap().take().unwrap();
                rx.recv().unwrap();
                read();
            },
        )
    };
    assert!(!message(false));
    assert!(message(true));
    // The end of a sender is an order too, though it is not the last one.
    let raced = races(
        ends(),
        |ends, write| {
            let tx = ends.0.lock().unwrap().take().unwrap();
            let last = tx.clone();
            write();
            drop(tx);
            thread::spawn(move || drop(last));
        },
        |ends, read| {
            let rx = ends.1.lock().unwrap().take().unwrap();
            assert!(rx.recv().is_err());
            read();
        },
    );
    assert!(!raced);
}

/// A rendezvous orders both ways, whoever comes first.
#[test]
fn a_rendezvous_orders_both_ways() {
    for bound in [0, 1] {
        let outcome = gordian::findings_of(move || {
            let shared = Arc::new((Shared::new(0), Shared::new(0)));
            let (tx, rx) = sync_channel(bound);
            let other = Arc::clone(&shared);
            let receiver = thread::spawn(move || {
                for _ in 0..50 {
                    other.0.update(|value| value + 1);
                    rx.recv().unwrap();
                    rx.recv().unwrap();
                }
            });
            for _ in 0..50 {
                tx.send(()).unwrap();
                // Between the two sends the receiver is between its two receives.
                shared.0.update(|value| value + 1);
                tx.send(()).unwrap();
            }
            receiver.join().unwrap();
        });
        assert_eq!(outcome.findings.is_empty(), bound == 0, "bound {bound}");
    }
}

/// The place that a receive gives back orders the send that needs it.
#[test]
fn a_full_channel_orders_the_other_way() {
    silent(|| {
        let shared = Arc::new(Shared::new(0));
        let (tx, rx) = sync_channel(1);
        tx.send(()).unwrap();
        let other = Arc::clone(&shared);
        let receiver = thread::spawn(move || {
            other.set(1);
            rx.recv().unwrap();
            rx
        });
        tx.send(()).unwrap();
        assert_eq!(shared.get(), 1);
        receiver.join().unwrap();
    });
}

#[test]
fn threads_and_scopes() {
    silent(|| {
        let cell = Arc::new(Shared::new(0));
        cell.set(1);
        let other = Arc::clone(&cell);
        thread::spawn(move || other.update(|value| value + 1)).join().unwrap();
        assert_eq!(cell.get(), 2);
        let cells = [Shared::new(0), Shared::new(0)];
        thread::scope(|scope| {
            for cell in &cells {
                scope.spawn(move || cell.set(1));
            }
        });
        assert_eq!(cells.map(|cell| cell.get()), [1, 1]);
    });
}

/// A result that nobody joins for is dropped by its thread, before the scope ends.
#[test]
fn the_drop_of_an_unjoined_result_belongs_to_its_thread() {
    struct Loud<'a>(&'a Shared<u32>);
    impl Drop for Loud<'_> {
        fn drop(&mut self) {
            self.0.set(1);
        }
    }
    silent(|| {
        let cell = Shared::new(0);
        thread::scope(|scope| drop(scope.spawn(|| Loud(&cell))));
        assert_eq!(cell.get(), 1);
        thread::scope(|scope| drop(scope.spawn(|| Loud(&cell)).join()));
        assert_eq!(cell.get(), 1);
    });
}

#[test]
fn barriers() {
    silent(|| {
        let state = Arc::new((Shared::new(0), Barrier::new(2)));
        let other = Arc::clone(&state);
        let thread = thread::spawn(move || {
            for _ in 0..10 {
                other.0.update(|value| value + 1);
                other.1.wait();
                other.1.wait();
            }
        });
        for round in 1..=10 {
            state.1.wait();
            assert_eq!(state.0.get(), round);
            state.1.wait();
        }
        thread.join().unwrap();
    });
}

#[test]
fn onces() {
    let once = |through_it: bool| {
        races(
            OnceLock::new(),
            |once, write| {
                once.get_or_init(|| {
                    write();
                    1
                });
            },
            move |once, read| {
                if through_it {
                    assert_eq!(once.get(), Some(&1));
                }
                read();
            },
        )
    };
    assert!(!once(true));
    assert!(once(false));
}

#[test]
fn tokens() {
    silent(|| {
        let cell = Arc::new(Shared::new(0));
        let (other, parker) = (Arc::clone(&cell), thread::current());
        let waker = thread::spawn(move || {
            other.set(1);
            parker.unpark();
        });
        thread::park();
        // A wake-up for no reason is allowed, and does not happen here.
        assert_eq!(cell.get(), 1);
        waker.join().unwrap();
    });
}

/// T37: what the reader of a sequence lock reads is thrown away if a writer came between.
#[test]
fn a_sequence_lock() {
    let speculative = |speculative: bool| {
        let outcome = gordian::findings_of(move || {
            let state = Arc::new((AtomicU32::new(0), Shared::new(0)));
            let here = Arc::new(unobserved::Barrier::new(2));
            let (other, meet) = (Arc::clone(&state), Arc::clone(&here));
            let writer = thread::spawn(move || {
                other.0.fetch_add(1, Acquire);
                other.1.set(1);
                meet.wait();
                meet.wait();
                other.0.fetch_add(1, Release);
            });
            here.wait();
            let before = state.0.load(Acquire);
            let value = if speculative { state.1.get_speculative() } else { state.1.get() };
            assert!(before % 2 == 1, "a writer is inside: {value} is thrown away");
            here.wait();
            writer.join().unwrap();
        });
        !outcome.findings.is_empty()
    };
    assert!(!speculative(true));
    assert!(speculative(false));
}

/// Two threads look at a number and then store; the second one's look is stale. True if that is told as a lost update.
fn lost(first: u32, second: u32) -> bool {
    let outcome = gordian::findings_of(move || {
        let number = AtomicU32::new(0);
        let turn = unobserved::Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                assert_eq!(number.load(Relaxed), 0);
                turn.wait();
                turn.wait();
                number.store(second, Relaxed);
            });
            turn.wait();
            number.store(first, Relaxed);
            turn.wait();
        });
    });
    assert!(outcome.findings.iter().all(|finding| finding.kind == Kind::LostUpdate), "{:?}", outcome.findings);
    !outcome.findings.is_empty()
}

#[test]
fn a_store_that_changes_nothing_loses_nothing() {
    assert!(lost(1, 2));
    assert!(!lost(1, 1));
}

/// What is known of an atomic is kept by its address, and outlives it.
#[test]
fn a_new_atomic_at_an_old_address_has_lost_nothing() {
    use gordian::sync::atomic::AtomicU32;
    let findings = gordian::findings_of(|| {
        for round in 0..3 {
            let number = Box::new(AtomicU32::new(0));
            if round > 0 {
                number.store(5, Relaxed);
            }
            number.load(Relaxed);
            thread::scope(|scope| {
                scope.spawn(|| number.fetch_add(1, Relaxed));
            });
        }
    });
    assert!(findings.findings.is_empty(), "{:?}", findings.findings);
}

/// Who has an atomic alone has seen all that was done to it, though the end of the other `Arc` has left no event.
#[test]
fn an_update_seen_through_exclusive_access_is_not_lost() {
    let lost = |look_again: bool| {
        let outcome = gordian::findings_of(move || {
            let mut count = Arc::new(AtomicU32::new(0));
            count.load(Relaxed);
            let other = Arc::clone(&count);
            let adder = thread::spawn(move || _ = other.fetch_add(1, Relaxed));
            while Arc::get_mut(&mut count).is_none() {
                thread::yield_now();
            }
            if look_again {
                *Arc::get_mut(&mut count).unwrap().get_mut() += 1;
            }
            count.store(5, Relaxed);
            adder.join().unwrap();
        });
        outcome.findings.iter().any(|finding| finding.kind == Kind::LostUpdate)
    };
    assert!(lost(false), "without a look the update is overwritten unseen");
    assert!(!lost(true));
}
