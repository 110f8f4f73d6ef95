//! `thread`: the original's semantics.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use gordian::finding::Kind;
use gordian::sync::Mutex;
use gordian::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use gordian::sync::mpsc::channel;
use gordian::thread::{self, Builder};
use gordian::unobserved::Barrier;

#[test]
fn a_thread_gives_its_result_or_its_panic() {
    assert_eq!(thread::spawn(|| 5).join().unwrap(), 5);
    let payload = thread::spawn(|| std::panic::panic_any(7)).join().unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&7));
}

#[test]
fn a_built_thread_has_its_name() {
    let handle = Builder::new()
        .name("painter".to_owned())
        .stack_size(1 << 20)
        .spawn(|| thread::current().name().map(str::to_owned))
        .unwrap();
    assert_eq!(handle.thread().name(), Some("painter"));
    assert_ne!(handle.thread().id(), thread::current().id());
    assert_eq!(handle.join().unwrap().as_deref(), Some("painter"));
}

#[test]
fn a_thread_is_finished_after_its_closure() {
    let (tx, rx) = channel::<()>();
    let handle = thread::spawn(move || rx.recv());
    assert!(!handle.is_finished());
    drop(tx);
    while !handle.is_finished() {
        thread::yield_now();
    }
    assert!(handle.join().unwrap().is_err());
}

#[test]
fn a_thread_may_borrow_if_it_is_joined() {
    let text = String::from("borrowed");
    // SAFETY: the thread is joined before `text` ends.
    let handle = unsafe { Builder::new().spawn_unchecked(|| text.len()) }.unwrap();
    assert_eq!(handle.join().unwrap(), 8);
}

#[test]
fn a_scope_joins_all_its_threads() {
    let count = AtomicU32::new(0);
    let result = thread::scope(|scope| {
        let joined = scope.spawn(|| {
            // A thread of the scope starts another one.
            scope.spawn(|| count.fetch_add(1, Ordering::Relaxed));
            count.fetch_add(1, Ordering::Relaxed);
            "joined"
        });
        Builder::new().spawn_scoped(scope, || count.fetch_add(1, Ordering::Relaxed)).unwrap();
        assert_eq!(joined.thread().name(), None);
        joined.join().unwrap()
    });
    assert_eq!((result, count.into_inner()), ("joined", 3));
}

#[test]
fn a_panic_in_a_scope_ends_it_after_its_threads() {
    let ended = AtomicBool::new(false);
    let result = catch_unwind(AssertUnwindSafe(|| {
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::yield_now();
                ended.store(true, Ordering::Relaxed);
            });
            panic!("of the scope");
        })
    }));
    assert_eq!(result.unwrap_err().downcast_ref(), Some(&"of the scope"));
    assert!(ended.into_inner());
    let unjoined = catch_unwind(|| thread::scope(|scope| drop(scope.spawn(|| panic!("expected")))));
    assert_eq!(unjoined.unwrap_err().downcast_ref(), Some(&"a scoped thread panicked"));
    let joined = thread::scope(|scope| scope.spawn(|| panic!("expected")).join().is_err());
    assert!(joined);
}

#[test]
fn tokens_do_not_add_up() {
    thread::current().unpark();
    thread::current().unpark();
    thread::park();
    thread::park_timeout(Duration::from_millis(1));
    let (tx, rx) = channel();
    let sleeper = thread::spawn(move || {
        tx.send(()).unwrap();
        thread::park();
    });
    rx.recv().unwrap();
    sleeper.thread().unpark();
    sleeper.join().unwrap();
}

/// A plain handle, as a library has it, wakes a thread that parked through ours, and the other way round.
#[test]
fn plain_and_watched_tokens_are_the_same() {
    let parker = std::thread::current();
    std::thread::spawn(move || parker.unpark()).join().unwrap();
    thread::park();
    thread::current().unpark();
    std::thread::park();
}

#[cfg(unix)]
#[test]
fn a_thread_has_its_pthread() {
    use std::os::unix::thread::JoinHandleExt;

    let handle = thread::spawn(|| ());
    assert_ne!(handle.as_pthread_t() as usize, 0);
    handle.join().unwrap();
}

thread_local! {
    static LAST_WORDS: std::cell::RefCell<Option<LastWords>> = const { std::cell::RefCell::new(None) };
}

/// Uses the wrappers while its thread is torn down.
struct LastWords(gordian::sync::mpsc::Sender<u32>, gordian::sync::Arc<Mutex<u32>>);

impl Drop for LastWords {
    fn drop(&mut self) {
        *self.1.lock().unwrap() += 1;
        gordian::sync::Once::new().call_once(|| self.0.send(*self.1.lock().unwrap()).unwrap());
    }
}

#[test]
fn wrappers_work_while_a_thread_is_torn_down() {
    let (tx, rx) = channel();
    let number = gordian::sync::Arc::new(Mutex::new(40));
    for watched in [true, false] {
        let words = LastWords(tx.clone(), gordian::sync::Arc::clone(&number));
        let leave = move || LAST_WORDS.with(|cell| *cell.borrow_mut() = Some(words));
        if watched { thread::spawn(leave).join().unwrap() } else { std::thread::spawn(leave).join().unwrap() }
    }
    drop(tx);
    assert_eq!(rx.iter().collect::<Vec<_>>(), [41, 42]);
}

/// Of the stack that a program wants, the detector takes nothing: not for the first looks at a place, nor for a report.
#[test]
fn a_small_stack_is_the_threads_own() {
    let found = |orders: [[usize; 2]; 2]| {
        let outcome = gordian::findings_of(move || {
            let locks = [Mutex::new(0), Mutex::new(0)];
            let first_is_done = Barrier::new(2);
            thread::scope(|scope| {
                for (turn, order) in orders.into_iter().enumerate() {
                    let (locks, first_is_done) = (&locks, &first_is_done);
                    let work = move || {
                        if turn == 1 {
                            first_is_done.wait();
                        }
                        let [mut one, mut other] = order.map(|lock| locks[lock].lock().unwrap());
                        *one += 1;
                        *other += 1;
                        drop((one, other));
                        if turn == 0 {
                            first_is_done.wait();
                        }
                    };
                    Builder::new().stack_size(1).spawn_scoped(scope, work).unwrap();
                }
            });
        });
        outcome.findings.iter().map(|finding| finding.kind).collect::<Vec<_>>()
    };
    assert_eq!(found([[0, 1], [1, 0]]), [Kind::LockOrderCycle]);
    assert_eq!(found([[0, 1], [0, 1]]), []);
}
