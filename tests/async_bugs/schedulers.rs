//! What runs tasks, and forgets one of them: the steps that matter, with the bad order forced.

use std::collections::BTreeSet;
use std::sync::Arc;

use gordian::finding::Kind;
use gordian::sync::Mutex;
use gordian::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use gordian::thread;
use gordian::unobserved::Barrier;

use super::kinds_of;

/// tokio-rs/tokio#6683: a timer is registered between the driver's look at the wheel and the moment at which it says until when
/// it sleeps; who registers it compares with what was said before.
#[test]
fn a_timer_lost_while_the_driver_looks_for_the_next() {
    fn program(says_under_lock: bool) {
        let wheel = Arc::new((Mutex::new(Vec::new()), AtomicU64::new(0)));
        let (looked, registered) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
        let driver = thread::spawn({
            let (wheel, looked, registered) = (Arc::clone(&wheel), Arc::clone(&looked), Arc::clone(&registered));
            move || {
                let (timers, sleeps_until) = &*wheel;
                let next = {
                    let timers = timers.lock().unwrap();
                    let next = timers.iter().copied().min().unwrap_or(u64::MAX);
                    if says_under_lock {
                        sleeps_until.store(next, Ordering::SeqCst);
                    }
                    next
                };
                looked.wait();
                registered.wait();
                if !says_under_lock {
                    sleeps_until.store(next, Ordering::SeqCst);
                }
                thread::park();
                assert_eq!(*timers.lock().unwrap(), [5]);
            }
        });
        looked.wait();
        let (timers, sleeps_until) = &*wheel;
        timers.lock().unwrap().push(5);
        if 5 < sleeps_until.load(Ordering::SeqCst) {
            driver.thread().unpark();
        }
        registered.wait();
        driver.join().unwrap();
    }
    assert_eq!(kinds_of(|| program(false)), BTreeSet::from([Kind::LostWakeup]));
    assert!(kinds_of(|| program(true)).is_empty());
}

/// tokio-rs/tokio#1768: who has work to give sees that a worker is searching, and wakes nobody; that worker has just looked
/// everywhere, and goes to sleep.
#[test]
fn a_worker_that_stops_searching_as_work_comes() {
    fn program(looks_again: bool) {
        let queue = Arc::new((Mutex::new(Vec::new()), AtomicUsize::new(1), AtomicBool::new(false)));
        let (searched, pushed) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
        let worker = thread::spawn({
            let (queue, searched, pushed) = (Arc::clone(&queue), Arc::clone(&searched), Arc::clone(&pushed));
            move || {
                let (work, searching, done) = &*queue;
                let found = work.lock().unwrap().pop();
                assert_eq!(found, None);
                searched.wait();
                pushed.wait();
                let last = searching.fetch_sub(1, Ordering::SeqCst) == 1;
                let mut found = if last && looks_again { work.lock().unwrap().pop() } else { None };
                while found.is_none() {
                    thread::park();
                    found = work.lock().unwrap().pop();
                }
                done.store(true, Ordering::SeqCst);
            }
        });
        searched.wait();
        let (work, searching, done) = &*queue;
        work.lock().unwrap().push("a task");
        if searching.load(Ordering::SeqCst) == 0 {
            worker.thread().unpark();
        }
        pushed.wait();
        worker.join().unwrap();
        assert!(done.load(Ordering::SeqCst));
    }
    assert_eq!(kinds_of(|| program(false)), BTreeSet::from([Kind::LostWakeup]));
    assert!(kinds_of(|| program(true)).is_empty());
}
