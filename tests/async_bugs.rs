//! Bugs of async programs that the bundled pairs do not show, each with a fixed form that is silent.
//!
//! The runtimes have one thread and a clock that jumps to the next timer, so that each order is the only one, unless a
//! program says otherwise.
#![cfg(all(feature = "detect", feature = "tokio"))]

#[path = "async_bugs/losses.rs"]
mod losses;
#[path = "async_bugs/runtimes.rs"]
mod runtimes;
#[path = "async_bugs/schedulers.rs"]
mod schedulers;
#[path = "async_bugs/wakers.rs"]
mod wakers;

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use gordian::finding::Kind;
use gordian::findings_of;
use gordian::sync::atomic::{AtomicBool, Ordering};
use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::{Barrier, Mutex, Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use gordian::tokio::time::{sleep, timeout};
use gordian::tokio::{join, select, task};

const SECOND: Duration = Duration::from_secs(1);

/// The kinds of what is found in the program.
fn kinds<F: Future<Output = ()>>(program: impl FnOnce() -> F + Send + 'static) -> BTreeSet<Kind> {
    kinds_of(move || {
        Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(program());
    })
}

/// The kinds of what is found in a program that makes its own runtime.
fn kinds_of(program: impl FnOnce() + Send + 'static) -> BTreeSet<Kind> {
    findings_of(program).findings.iter().map(|finding| finding.kind).collect()
}

fn finds<F: Future<Output = ()>>(kind: Kind, program: impl FnOnce() -> F + Send + 'static) {
    assert_eq!(kinds(program), BTreeSet::from([kind]));
}

fn silent<F: Future<Output = ()>>(program: impl FnOnce() -> F + Send + 'static) {
    assert_eq!(kinds(program), BTreeSet::new());
}

/// oxidecomputer/omicron#9272: a send that queues for a place is kept by an arm that sends, too.
#[test]
fn a_send_behind_a_send_that_nobody_polls() {
    async fn program(by_value: bool) {
        let (sender, mut items) = mpsc::channel(1);
        sender.send(0).await.unwrap();
        let receiver = task::spawn(async move {
            sleep(10 * SECOND).await;
            for _ in 0..2 {
                items.recv().await;
            }
        });
        let mut first = Box::pin(sender.send(1));
        if by_value {
            select! {
                sent = first => sent.unwrap(),
                () = sleep(SECOND) => sender.send(2).await.unwrap(),
            }
        } else {
            select! {
                sent = &mut first => sent.unwrap(),
                () = sleep(SECOND) => sender.send(2).await.unwrap(),
            }
        }
        receiver.await.unwrap();
    }
    finds(Kind::UnpolledFuture, || program(false));
    silent(|| program(true));
}

/// rust-lang/futures-rs#2387: permits inside futures that wait in a collection, which nobody polls while one is wanted.
#[test]
fn permits_in_futures_that_nobody_polls() {
    async fn program(drain: bool) {
        let slots = Semaphore::new(1);
        let mut running: Vec<Pin<Box<dyn Future<Output = ()> + '_>>> = Vec::new();
        for _ in 0..2 {
            if drain {
                while let Some(job) = running.pop() {
                    job.await;
                }
            }
            let permit = slots.acquire().await.unwrap();
            running.push(Box::pin(async move {
                sleep(SECOND).await;
                drop(permit);
            }));
        }
        for job in running {
            job.await;
        }
    }
    finds(Kind::WaitCycle, || program(false));
    silent(|| program(true));
}

/// kguardian-dev/kguardian#1343: the guard of a map alive across an await, and a sibling future that writes the map.
#[test]
fn a_blocking_guard_and_a_sibling_that_wants_the_lock() {
    async fn program(copy: bool) {
        let (map, net) = (gordian::sync::RwLock::new(vec![1]), Mutex::new(()));
        let send = async {
            if copy {
                let value = map.read().unwrap()[0];
                let _net = net.lock().await;
                task::yield_now().await;
                assert_eq!(value, 1);
            } else {
                let values = map.read().unwrap();
                let _net = net.lock().await;
                task::yield_now().await;
                assert_eq!(values[0], 1);
            }
        };
        join!(send, async { map.write().unwrap().push(2) });
    }
    finds(Kind::SelfDeadlock, || program(false));
    silent(|| program(true));
}

/// tokio-rs/tokio#4360: the value of a watch channel is borrowed while the next one is sent.
#[test]
fn a_borrow_of_a_watch_channel_and_a_send() {
    async fn program(clone: bool) {
        let (sender, values) = watch::channel(1);
        if clone {
            let next = *values.borrow() + 1;
            sender.send(next).unwrap();
        } else {
            let value = values.borrow();
            sender.send(*value + 1).unwrap();
        }
    }
    finds(Kind::SelfDeadlock, || program(false));
    silent(|| program(true));
}

/// The story `barbara_polls_a_mutex` of wg-async: the future of the lock is made anew in each poll, and dropped.
#[test]
fn a_lock_future_dropped_in_every_poll() {
    async fn program(keep: bool) {
        let lock = Arc::new(Mutex::new(0));
        let theirs = Arc::clone(&lock);
        let other = task::spawn(async move {
            let _held = theirs.lock().await;
            sleep(SECOND).await;
        });
        task::yield_now().await;
        let mut kept = pin!(lock.lock());
        let adding = poll_fn(|context| {
            let polled = if keep { kept.as_mut().poll(context) } else { pin!(lock.lock()).poll(context) };
            polled.map(|mut value| *value += 1)
        });
        adding.await;
        other.await.unwrap();
    }
    finds(Kind::LostWakeup, || program(false));
    silent(|| program(true));
}

/// Comments on tokio-rs/tokio#1699: who gathers permits one by one and is dropped half way keeps what it has.
#[test]
fn permits_gathered_one_by_one_and_forgotten() {
    async fn program(at_once: bool) {
        let permits = Arc::new(Semaphore::new(2));
        let held = permits.acquire().await.unwrap();
        let writing = async {
            if at_once {
                permits.acquire_many(2).await.unwrap().forget();
            } else {
                for _ in 0..2 {
                    permits.acquire().await.unwrap().forget();
                }
            }
            permits.add_permits(2);
        };
        assert!(timeout(SECOND, writing).await.is_err());
        drop(held);
        let _all = permits.acquire_many(2).await.unwrap();
    }
    finds(Kind::ResourceLeak, || program(false));
    silent(|| program(true));
}

/// The documentation of tokio's `Barrier`, and apache/asyncband#135: a party that gives up has been counted.
#[test]
fn a_party_of_a_barrier_gives_up() {
    async fn program(gives_up: bool) {
        let start = Arc::new(Barrier::new(2));
        let theirs = Arc::clone(&start);
        let other = task::spawn(async move {
            sleep(10 * SECOND).await;
            theirs.wait().await;
            theirs.wait().await;
        });
        if gives_up {
            assert!(timeout(SECOND, start.wait()).await.is_err());
        } else {
            start.wait().await;
        }
        start.wait().await;
        other.await.unwrap();
    }
    finds(Kind::ResourceLeak, || program(true));
    silent(|| program(false));
}

/// Galxe/gravity-reth#295: the task that would notify has panicked, and nobody looks at its handle.
#[test]
fn the_one_who_would_notify_is_gone() {
    struct Notifies<'a>(&'a Notify);
    impl Drop for Notifies<'_> {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    async fn program(in_drop: bool) {
        let executed = Arc::new(Notify::new());
        let theirs = Arc::clone(&executed);
        drop(task::spawn(async move {
            let fails = || std::panic::resume_unwind(Box::new("out of gas"));
            if in_drop {
                let _notifies = Notifies(&theirs);
                fails();
            }
            fails();
            theirs.notify_one();
        }));
        executed.notified().await;
    }
    finds(Kind::LostWakeup, || program(false));
    silent(|| program(true));
}

/// The test `cancelled_mint_leaves_cache_usable` of databricks/zerobus-sdk#701: a flag that a dropped future left set.
#[test]
fn a_flag_that_a_dropped_future_left_set() {
    struct Resets<'a>(&'a AtomicBool, &'a Notify);
    impl Drop for Resets<'_> {
        fn drop(&mut self) {
            self.0.store(false, Ordering::Release);
            self.1.notify_one();
        }
    }
    async fn program(reset: bool) {
        let (initialising, ready) = (AtomicBool::new(false), Notify::new());
        let initialise = async |patience: Duration| {
            while initialising.swap(true, Ordering::AcqRel) {
                ready.notified().await;
            }
            if reset {
                let _resets = Resets(&initialising, &ready);
                sleep(patience).await;
            } else {
                sleep(patience).await;
                initialising.store(false, Ordering::Release);
                ready.notify_one();
            }
        };
        assert!(timeout(SECOND, initialise(10 * SECOND)).await.is_err());
        initialise(SECOND).await;
    }
    finds(Kind::LostWakeup, || program(false));
    silent(|| program(true));
}

/// A request whose answer its own task would have to give.
#[test]
fn an_answer_whose_sender_is_parked_in_the_waiting_task() {
    async fn program(send_first: bool) {
        let (requests, mut queue) = mpsc::channel::<oneshot::Sender<u32>>(1);
        let server = task::spawn(async move {
            while let Some(answer) = queue.recv().await {
                answer.send(42).unwrap();
            }
        });
        let (sender, answer) = oneshot::channel();
        let pending = sender;
        let answer = if send_first {
            requests.send(pending).await.unwrap();
            answer.await
        } else {
            let answer = answer.await;
            requests.send(pending).await.unwrap();
            answer
        };
        assert_eq!(answer, Ok(42));
        drop(requests);
        server.await.unwrap();
    }
    finds(Kind::WaitCycle, || program(false));
    silent(|| program(true));
}

/// apache/datafusion#24883: the budget is in items that are queued behind the one that the consumer waits for.
#[test]
fn a_budget_held_by_items_in_the_other_queue() {
    type Queue = mpsc::Receiver<(u32, OwnedSemaphorePermit)>;
    fn producer(budget: &Arc<Semaphore>, item: u32) -> Queue {
        let (queue, items) = mpsc::channel(1);
        let budget = Arc::clone(budget);
        task::spawn(async move {
            let share = budget.acquire_owned().await.unwrap();
            queue.send((item, share)).await.unwrap();
        });
        items
    }
    async fn program(units: usize) {
        let budget = Arc::new(Semaphore::new(units));
        let mut second = producer(&budget, 2);
        let mut first = producer(&budget, 1);
        assert_eq!(first.recv().await.unwrap().0, 1);
        assert_eq!(second.recv().await.unwrap().0, 2);
    }
    assert!(!kinds(|| program(1)).is_empty());
    silent(|| program(2));
}

/// tower-rs/tower#425, ZcashFoundation/zebra#1593: a place in the buffer is reserved before there is a request for it, and the
/// one who would make the requests needs a place, too.
#[test]
fn places_reserved_by_those_who_have_nothing_to_put_there() {
    async fn program(reserve_late: bool) {
        let buffer = Arc::new(Semaphore::new(2));
        let (requests, queue) = mpsc::channel(4);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..2 {
            let (buffer, queue) = (Arc::clone(&buffer), Arc::clone(&queue));
            task::spawn(async move {
                loop {
                    let early = if reserve_late { None } else { Some(buffer.acquire().await.unwrap()) };
                    let Some(()) = queue.lock().await.recv().await else { return };
                    let _place = match early {
                        Some(place) => place,
                        None => buffer.acquire().await.unwrap(),
                    };
                    task::yield_now().await;
                }
            });
        }
        task::yield_now().await;
        for _ in 0..4 {
            let _place = buffer.acquire().await.unwrap();
            requests.send(()).await.unwrap();
        }
    }
    finds(Kind::WaitCycle, || program(false));
    silent(|| program(true));
}

/// Who holds a lock asks for it once more, with a time limit: that is all that ends the wait.
#[test]
fn a_lock_asked_for_again_until_the_time_is_up() {
    finds(Kind::SelfDeadlock, async || {
        let lock = Mutex::new(0);
        let guard = lock.lock().await;
        assert!(timeout(SECOND, lock.lock()).await.is_err());
        drop(guard);
    });
    silent(async || {
        let lock = Mutex::new(0);
        drop(lock.lock().await);
        assert!(timeout(SECOND, lock.lock()).await.is_ok());
    });
    // A sibling has it, and goes on.
    silent(async || {
        let lock = Mutex::new(0);
        let holds = async {
            let _guard = lock.lock().await;
            sleep(SECOND).await;
        };
        assert!(join!(holds, timeout(2 * SECOND, lock.lock())).1.is_ok());
    });
    silent(async || {
        let lock = Arc::new(Mutex::new(0));
        let guard = Arc::clone(&lock).lock_owned().await;
        let other = task::spawn(async move {
            sleep(SECOND).await;
            drop(guard);
        });
        assert!(timeout(2 * SECOND, lock.lock()).await.is_ok());
        other.await.unwrap();
    });
}

/// The guard of a lock that lives for ever goes to another task, which lets go of it.
#[test]
fn a_guard_that_goes_to_another_task() {
    static LOCK: Mutex<u32> = Mutex::const_new(0);
    silent(async || {
        let guard = LOCK.lock().await;
        let other = task::spawn(async move {
            sleep(SECOND).await;
            drop(guard);
        });
        *LOCK.lock().await += 1;
        other.await.unwrap();
    });
    silent(async || {
        let guard = LOCK.lock().await;
        let other = task::spawn(async move {
            sleep(SECOND).await;
            drop(guard);
        });
        timeout(9 * SECOND, async { *LOCK.lock().await += 1 }).await.unwrap();
        other.await.unwrap();
    });
}

/// What a task has acquired may be given to another, and the task may end.
#[test]
fn a_permit_and_a_guard_that_change_hands() {
    silent(async || {
        let (slots, lock) = (Arc::new(Semaphore::new(1)), Arc::new(Mutex::new(0)));
        let (to, mut from) = mpsc::channel(1);
        let giving = task::spawn({
            let (slots, lock) = (Arc::clone(&slots), Arc::clone(&lock));
            async move {
                let given = (slots.acquire_owned().await.unwrap(), lock.lock_owned().await);
                to.send(given).await.ok().unwrap();
            }
        });
        giving.await.unwrap();
        let waiting = task::spawn({
            let (slots, lock) = (Arc::clone(&slots), Arc::clone(&lock));
            async move {
                let _slot = slots.acquire().await.unwrap();
                *lock.lock().await += 1;
            }
        });
        task::yield_now().await;
        drop(from.recv().await);
        waiting.await.unwrap();
    });
}

/// autonomys/subspace#910: a destructor joins a thread, and runs in a task.
#[test]
fn a_destructor_that_joins_in_a_task() {
    struct Connection(Option<gordian::thread::JoinHandle<()>>);
    impl Drop for Connection {
        fn drop(&mut self) {
            self.0.take().map(|reader| reader.join().unwrap()).unwrap_or_default();
        }
    }
    async fn program(in_task: bool) {
        for _ in 0..20 {
            // It does not end before it is waited for, or not each time.
            let reads = || gordian::thread::sleep(SECOND / 100);
            let connection = Connection(Some(gordian::thread::spawn(reads)));
            if in_task {
                drop(connection);
            } else {
                task::spawn_blocking(move || drop(connection)).await.unwrap();
            }
        }
    }
    finds(Kind::BlockingInAsync, || program(true));
    silent(|| program(false));
}
