//! What is found of mutexes, semaphores, barriers and cells: each bug with its fixed twin.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::poll;
use gordian::async_lock::{self, Mutex, OnceCell, Semaphore};
use gordian::finding::{Kind, Tier};
use gordian::unobserved::Barrier;

use super::everywhere::{Executor, everywhere};
use super::executors::{found, give_way};

const OBSERVED_ORDER: [(Kind, Tier); 1] = [(Kind::LockOrderCycle, Tier::Observed)];
const POSSIBLE_ORDER: [(Kind, Tier); 1] = [(Kind::LockOrderCycle, Tier::Possible)];
const SELF_DEADLOCK: [(Kind, Tier); 1] = [(Kind::SelfDeadlock, Tier::Observed)];

type Pair = [Arc<Mutex<u8>>; 2];

/// Made where this stands: tests of one process know each other's locks by the places where they are made.
macro_rules! pair {
    () => {
        [Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0))]
    };
}

/// Takes two locks. `gives_way`: when it has the first.
async fn takes([first, second]: Pair, gives_way: bool) {
    let _first = first.lock().await;
    if gives_way {
        give_way().await;
    }
    let _second = second.lock_arc().await;
}

async fn takes_in_reverse([first, second]: Pair, gives_way: bool) {
    takes([second, first], gives_way).await;
}

/// Until the others are that far.
pub(crate) async fn until(step: &AtomicU32, number: u32) {
    while step.load(Ordering::SeqCst) < number {
        give_way().await;
    }
}

#[test]
fn a_task_locks_twice() {
    let hangs = |executor: Executor| {
        executor.block_on(async {
            let mutex = Mutex::new(0);
            let _first = mutex.lock().await;
            let _second = mutex.lock().await;
        });
    };
    assert_eq!(everywhere(hangs), SELF_DEADLOCK);
    let fixed = |executor: Executor| {
        executor.block_on(async {
            let mutex = Mutex::new(0);
            drop(mutex.lock().await);
            let _second = mutex.lock().await;
            assert!(mutex.try_lock().is_none());
        });
    };
    assert_eq!(everywhere(fixed), []);
}

#[test]
fn two_tasks_in_opposite_orders() {
    let hangs = |executor: Executor| {
        executor.run(pair!(), |locks| takes(locks, true), |locks| takes_in_reverse(locks, true));
    };
    assert_eq!(everywhere(hangs), OBSERVED_ORDER);
    // By luck one after the other.
    let lucky = |executor: Executor| {
        executor.run(pair!(), |locks| takes(locks, false), |locks| takes_in_reverse(locks, false));
    };
    assert_eq!(everywhere(lucky), POSSIBLE_ORDER);
    let fixed = |executor: Executor| executor.run(pair!(), |locks| takes(locks, true), |locks| takes(locks, true));
    assert_eq!(everywhere(fixed), []);
}

#[test]
fn threads_and_tasks_in_opposite_orders() {
    fn blocks([first, second]: &Pair) {
        let _first = first.lock_blocking();
        let _second = second.lock_arc_blocking();
    }
    let lucky = |executor: Executor| {
        let (locks, luck) = (pair!(), Arc::new(Barrier::new(2)));
        let (own, waits) = (locks.clone(), Arc::clone(&luck));
        let thread = gordian::thread::spawn(move || {
            blocks(&own);
            waits.wait();
        });
        luck.wait();
        executor.block_on(takes_in_reverse(locks, false));
        thread.join().unwrap();
    };
    assert_eq!(everywhere(lucky), POSSIBLE_ORDER);
    let hangs = |executor: Executor| {
        let (locks, meeting) = (pair!(), Arc::new(Barrier::new(2)));
        let (own, meets) = (locks.clone(), Arc::clone(&meeting));
        let thread = gordian::thread::spawn(move || {
            let _first = own[0].lock_blocking();
            meets.wait();
            let _second = own[1].lock_blocking();
        });
        executor.block_on(async {
            let _second = locks[1].lock().await;
            meeting.wait();
            let _first = locks[0].lock().await;
        });
        thread.join().unwrap();
    };
    assert_eq!(everywhere(hangs), OBSERVED_ORDER);
    let fixed = |executor: Executor| {
        let locks = pair!();
        blocks(&locks);
        executor.block_on(takes(locks, false));
    };
    assert_eq!(everywhere(fixed), []);
}

#[test]
fn a_poll_blocks_its_thread() {
    // The pool of the crate futures would block with it.
    let hangs = || {
        Executor::Tokio.run(
            pair!(),
            |locks| takes(locks, true),
            |[first, second]| async move {
                let _second = second.lock().await;
                give_way().await;
                let _first = first.lock_blocking();
            },
        );
    };
    assert_eq!(found(hangs), [OBSERVED_ORDER[0], (Kind::BlockingInAsync, Tier::Observed)]);
    // A thread that has no tasks to poll may.
    let fixed = |executor: Executor| {
        let [mutex, other] = pair!();
        let own = Arc::clone(&mutex);
        let thread = gordian::thread::spawn(move || (0..99).for_each(|_| *own.lock_blocking() += 1));
        executor.block_on(async {
            for _ in 0..99 {
                *mutex.lock_arc().await += 1;
                // It is free.
                *other.lock_arc_blocking() += 1;
            }
        });
        thread.join().unwrap();
        assert_eq!((*mutex.lock_blocking(), *other.lock_blocking()), (198, 99));
    };
    assert_eq!(everywhere(fixed), []);
}

#[test]
fn a_guard_that_goes_to_another_task() {
    let silent = |executor: Executor| {
        let shared = (Arc::new(Mutex::new(0)), Arc::new(std::sync::Mutex::new(None)));
        executor.run(
            shared,
            |(mutex, given)| async move {
                let guard = mutex.lock_arc().await;
                *given.lock().unwrap() = Some(guard);
                // Until the other has dropped it.
                drop(mutex.lock().await);
            },
            |(mutex, given)| async move {
                while mutex.try_lock().is_some() {
                    give_way().await;
                }
                give_way().await;
                given.lock().unwrap().take();
                drop(mutex.lock().await);
            },
        );
    };
    assert_eq!(everywhere(silent), []);
}

#[test]
fn a_woken_future_that_is_polled_no_more_keeps_the_lock_from_the_rest() {
    /// The one task holds the lock, lets go of it when the other waits in a future, and takes it again. `drops`: the other drops
    /// that future before it waits in a second one.
    fn run(executor: Executor, drops: bool) {
        executor.run(
            (Arc::new(Mutex::new(0)), Arc::new(AtomicU32::new(0))),
            |(mutex, step)| async move {
                let first = mutex.lock().await;
                step.store(1, Ordering::SeqCst);
                until(&step, 2).await;
                drop(first);
                let _second = mutex.lock().await;
                step.store(3, Ordering::SeqCst);
                until(&step, 4).await;
            },
            move |(mutex, step)| async move {
                until(&step, 1).await;
                let mut unpolled = Some(Box::pin(mutex.lock()));
                assert!(poll!(unpolled.as_mut().unwrap()).is_pending());
                step.store(2, Ordering::SeqCst);
                until(&step, 3).await;
                if drops {
                    unpolled = None;
                }
                step.store(4, Ordering::SeqCst);
                drop(mutex.lock().await);
                drop(unpolled);
            },
        );
    }
    assert_eq!(everywhere(|executor| run(executor, false)), [(Kind::Futurelock, Tier::Observed)]);
    assert_eq!(everywhere(|executor| run(executor, true)), []);
}

#[test]
fn units_that_their_own_task_has() {
    // What else there is that could add one, only tokio knows.
    let hangs = || {
        Executor::Tokio.block_on(async {
            let semaphore = Arc::new(Semaphore::new(2));
            let _one = semaphore.acquire().await;
            let _other = semaphore.acquire_arc().await;
            let _third = semaphore.acquire().await;
        });
    };
    assert_eq!(found(hangs), [(Kind::WaitCycle, Tier::Observed)]);
    let fixed = |executor: Executor| {
        executor.block_on(async {
            let semaphore = Arc::new(Semaphore::new(2));
            let _one = semaphore.acquire().await;
            semaphore.acquire_arc().await.forget();
            semaphore.add_permits(1);
            let _third = semaphore.acquire().await;
            assert!(semaphore.try_acquire().is_none());
        });
    };
    assert_eq!(everywhere(fixed), []);
}

#[test]
fn a_party_that_does_not_come() {
    async fn comes(barrier: Arc<async_lock::Barrier>) {
        barrier.wait().await;
    }
    let hangs = || Executor::Tokio.run(Arc::new(async_lock::Barrier::new(3)), comes, comes);
    assert_eq!(found(hangs), [(Kind::ResourceLeak, Tier::Observed)]);
    let fixed = |executor: Executor| executor.run(Arc::new(async_lock::Barrier::new(2)), comes, comes);
    assert_eq!(everywhere(fixed), []);
}

#[test]
fn a_cell_that_needs_itself() {
    let hangs = |executor: Executor| {
        executor.block_on(async {
            let cell = OnceCell::new();
            cell.get_or_init(|| async { *cell.get_or_init(|| async { 1 }).await }).await;
        });
    };
    assert_eq!(everywhere(hangs), SELF_DEADLOCK);
    let fixed = |executor: Executor| {
        executor.block_on(async {
            let (cell, other) = (OnceCell::new(), OnceCell::new());
            cell.get_or_init(|| async { *other.get_or_init(|| async { 1 }).await }).await;
            assert_eq!((cell.set(2).await, other.get_or_init_blocking(|| 3)), (Err(2), &1));
        });
    };
    assert_eq!(everywhere(fixed), []);
}

#[test]
fn a_cell_and_a_lock_crosswise() {
    type Shared = (Arc<OnceCell<u8>>, Arc<Mutex<u8>>);
    async fn cell_first((cell, mutex): Shared) {
        cell.get_or_init(|| async {
            give_way().await;
            *mutex.lock().await
        })
        .await;
    }
    async fn lock_first((cell, mutex): Shared) {
        let guard = mutex.lock().await;
        give_way().await;
        cell.get_or_init(|| async { *guard }).await;
    }
    let hangs = |executor: Executor| {
        executor.run((Arc::new(OnceCell::new()), Arc::new(Mutex::new(0))), cell_first, lock_first);
    };
    assert_eq!(everywhere(hangs), [(Kind::WaitCycle, Tier::Observed)]);
    let fixed = |executor: Executor| {
        executor.run((Arc::new(OnceCell::new()), Arc::new(Mutex::new(0))), cell_first, cell_first);
    };
    assert_eq!(everywhere(fixed), []);
}

#[test]
fn a_value_that_nobody_sets() {
    async fn waits(cell: Arc<OnceCell<u8>>) {
        cell.wait().await;
    }
    let hangs = || Executor::Tokio.run(Arc::new(OnceCell::new()), waits, waits);
    assert_eq!(found(hangs), [(Kind::LostWakeup, Tier::Observed)]);
    let fixed = |executor: Executor| {
        executor.run(Arc::new(OnceCell::new()), waits, |cell| async move {
            give_way().await;
            cell.set(1).await.unwrap();
        });
    };
    assert_eq!(everywhere(fixed), []);
}
