//! What is found of reader-writer locks: each bug with its fixed twin.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::poll;
use gordian::async_lock::{Mutex, RwLock, RwLockUpgradableReadGuard, RwLockUpgradableReadGuardArc, RwLockWriteGuard};
use gordian::finding::{Kind, Tier};
use gordian::tokio;

use super::everywhere::{Executor, everywhere};
use super::executors::{found, give_way};
use super::findings::until;

type Shared = (Arc<RwLock<u8>>, Arc<AtomicU32>);

/// Made where this stands: tests of one process know each other's locks by the places where they are made.
macro_rules! shared {
    () => {
        (Arc::new(RwLock::new(0)), Arc::new(AtomicU32::new(0)))
    };
}

#[test]
fn a_second_read_behind_a_writer() {
    async fn reads_twice((lock, step): Shared) {
        let _first = lock.read().await;
        step.store(1, Ordering::SeqCst);
        until(&step, 2).await;
        let _second = lock.read().await;
    }
    async fn writes((lock, step): Shared) {
        until(&step, 1).await;
        step.store(2, Ordering::SeqCst);
        *lock.write().await += 1;
    }
    let hangs = |executor: Executor| executor.run(shared!(), reads_twice, writes);
    assert_eq!(everywhere(hangs), [(Kind::RecursiveRead, Tier::Observed)]);
    let lucky = |executor: Executor| {
        executor.run(shared!(), reads_twice, |(lock, step)| async move {
            until(&step, 1).await;
            step.store(2, Ordering::SeqCst);
            give_way().await;
            *lock.write_arc().await += 1;
        });
    };
    assert_eq!(everywhere(lucky), [(Kind::RecursiveRead, Tier::Possible)]);
    let fixed = |executor: Executor| {
        let reads = |(lock, step): Shared| async move {
            drop(lock.read().await);
            step.store(1, Ordering::SeqCst);
            until(&step, 2).await;
            drop(lock.read_arc().await);
        };
        executor.run(shared!(), reads, writes);
    };
    assert_eq!(everywhere(fixed), []);
}

#[test]
fn a_writer_behind_an_upgradable_reader_keeps_no_reader_away() {
    // That it would, had it come before the upgradable reader, is possible all the same.
    let lucky = |executor: Executor| {
        executor.run(
            shared!(),
            |(lock, step)| async move {
                let first = lock.read().await;
                step.store(1, Ordering::SeqCst);
                until(&step, 2).await;
                let second = lock.read().await;
                step.store(3, Ordering::SeqCst);
                drop((first, second));
            },
            |(lock, step)| async move {
                until(&step, 1).await;
                let upgradable = lock.upgradable_read().await;
                let mut writes = Box::pin(lock.write());
                assert!(poll!(&mut writes).is_pending());
                step.store(2, Ordering::SeqCst);
                until(&step, 3).await;
                drop(upgradable);
                *writes.await += 1;
            },
        );
    };
    assert_eq!(everywhere(lucky), [(Kind::RecursiveRead, Tier::Possible)]);
}

#[test]
fn a_reader_that_would_write() {
    let hangs = |executor: Executor| {
        executor.block_on(async {
            let lock = RwLock::new(0);
            let reader = lock.read().await;
            *lock.write().await = *reader + 1;
        });
    };
    assert_eq!(everywhere(hangs), [(Kind::SelfDeadlock, Tier::Observed)]);
    let hangs = |executor: Executor| {
        executor.block_on(async {
            let lock = Arc::new(RwLock::new(0));
            let reader = lock.upgradable_read().await;
            *lock.write().await = *reader + 1;
        });
    };
    assert_eq!(everywhere(hangs), [(Kind::SelfDeadlock, Tier::Observed)]);
    let fixed = |executor: Executor| {
        executor.block_on(async {
            let lock = Arc::new(RwLock::new(0));
            *RwLockUpgradableReadGuard::upgrade(lock.upgradable_read().await).await += 1;
            let reader = RwLockUpgradableReadGuardArc::downgrade(lock.upgradable_read_arc().await);
            let writer = RwLockUpgradableReadGuardArc::upgrade(lock.upgradable_read_arc().await);
            drop(reader);
            drop(writer.await);
            let reader = RwLockWriteGuard::downgrade(lock.write().await);
            assert_eq!(*reader, 1);
        });
    };
    assert_eq!(everywhere(fixed), []);
}

#[test]
fn two_that_would_upgrade() {
    async fn upgrades((lock, step): Shared) {
        let reader = lock.upgradable_read().await;
        step.fetch_add(1, Ordering::SeqCst);
        give_way().await;
        *RwLockUpgradableReadGuard::upgrade(reader).await += 1;
    }
    // There is one upgradable reader at a time.
    let silent = |executor: Executor| executor.run(shared!(), upgrades, upgrades);
    assert_eq!(everywhere(silent), []);
    let hangs = |executor: Executor| {
        executor.run(shared!(), upgrades, |(lock, step)| async move {
            let _reader = lock.read().await;
            until(&step, 1).await;
            drop(lock.upgradable_read().await);
        });
    };
    let kinds = everywhere(hangs);
    assert!(kinds.iter().any(|(_, tier)| *tier == Tier::Observed), "{kinds:?}");
}

#[test]
fn an_upgrade_and_a_lock_crosswise() {
    type Shared = (Arc<RwLock<u8>>, Arc<Mutex<u8>>);
    async fn upgrades((lock, mutex): Shared, gives_way: bool) {
        let reader = lock.upgradable_read().await;
        let _guard = mutex.lock().await;
        if gives_way {
            give_way().await;
        }
        *RwLockUpgradableReadGuard::upgrade(reader).await += 1;
    }
    async fn reads((lock, mutex): Shared) {
        let _reader = lock.read().await;
        give_way().await;
        let _guard = mutex.lock().await;
    }
    let hangs = |executor: Executor| {
        let shared = (Arc::new(RwLock::new(0)), Arc::new(Mutex::new(0)));
        executor.run(shared, |shared| upgrades(shared, true), reads);
    };
    assert_eq!(everywhere(hangs), [(Kind::LockOrderCycle, Tier::Observed)]);
    let lucky = |executor: Executor| {
        let shared = (Arc::new(RwLock::new(0)), Arc::new(Mutex::new(0)));
        executor.run(shared, |shared| upgrades(shared, false), reads);
    };
    assert_eq!(everywhere(lucky), [(Kind::LockOrderCycle, Tier::Possible)]);
    // Beside an upgradable reader that stays one, a reader may come whenever it likes.
    let fixed = |executor: Executor| {
        let shared = (Arc::new(RwLock::new(0)), Arc::new(Mutex::new(0)));
        let stays = |(lock, mutex): Shared| async move {
            let _reader = lock.upgradable_read().await;
            let _guard = mutex.lock().await;
            give_way().await;
        };
        executor.run(shared, stays, reads);
    };
    assert_eq!(everywhere(fixed), []);
}

#[test]
fn writers_in_opposite_orders() {
    type Pair = [Arc<RwLock<u8>>; 2];
    async fn writes([first, second]: Pair) {
        let _first = first.write().await;
        give_way().await;
        let _second = second.write_arc().await;
    }
    let hangs = |executor: Executor| {
        let pair = [Arc::new(RwLock::new(0)), Arc::new(RwLock::new(0))];
        executor.run(pair, writes, |[first, second]| writes([second, first]));
    };
    assert_eq!(everywhere(hangs), [(Kind::LockOrderCycle, Tier::Observed)]);
    let fixed = |executor: Executor| {
        let pair = [Arc::new(RwLock::new(0)), Arc::new(RwLock::new(0))];
        executor.run(pair, writes, writes);
    };
    assert_eq!(everywhere(fixed), []);
    // Readers exclude no one.
    async fn reads([first, second]: Pair) {
        let _first = first.read().await;
        give_way().await;
        let _second = second.read_arc().await;
    }
    let silent = |executor: Executor| {
        let pair = [Arc::new(RwLock::new(0)), Arc::new(RwLock::new(0))];
        executor.run(pair, reads, |[first, second]| reads([second, first]));
    };
    assert_eq!(everywhere(silent), []);
}

#[test]
fn a_writer_that_is_polled_no_more() {
    /// The other task writes in a future that it does not poll any more when the readers have gone, and reads.
    fn run(executor: Executor, drops: bool) {
        executor.run(
            shared!(),
            |(lock, step)| async move {
                let reader = lock.read().await;
                step.store(1, Ordering::SeqCst);
                until(&step, 2).await;
                drop(reader);
                step.store(3, Ordering::SeqCst);
            },
            move |(lock, step)| async move {
                until(&step, 1).await;
                let mut unpolled = Some(Box::pin(lock.write()));
                assert!(poll!(unpolled.as_mut().unwrap()).is_pending());
                step.store(2, Ordering::SeqCst);
                until(&step, 3).await;
                if drops {
                    unpolled = None;
                }
                drop(lock.read().await);
                drop(unpolled);
            },
        );
    }
    let kinds = everywhere(|executor| run(executor, false));
    assert_eq!(kinds, [(Kind::Futurelock, Tier::Observed)]);
    assert_eq!(everywhere(|executor| run(executor, true)), []);
}

/// Readers that wait are woken one by the other, and whoever comes meanwhile may read before them: no writer that waits for an
/// upgradable reader is in their way, though it came first.
#[test]
fn a_reader_that_will_be_woken_waits_for_no_writer() {
    async fn reads((lock, step): Shared, after: u32) {
        until(&step, after).await;
        step.store(after + 1, Ordering::SeqCst);
        drop(lock.read().await);
    }
    let silent = || {
        Executor::Tokio.block_on(async {
            let ((lock, step), mutex) = (shared!(), Arc::new(Mutex::new(0)));
            let writer = lock.write().await;
            let mut others: Vec<_> = (0..2)
                .map(|place| {
                    let (lock, step) = (Arc::clone(&lock), Arc::clone(&step));
                    tokio::spawn(async move {
                        until(&step, place).await;
                        step.store(place + 1, Ordering::SeqCst);
                        *lock.write().await += 1;
                    })
                })
                .collect();
            let (shared, own) = ((Arc::clone(&lock), Arc::clone(&step)), Arc::clone(&mutex));
            others.push(tokio::spawn(reads(shared.clone(), 2)));
            others.push(tokio::spawn(async move {
                let _guard = own.lock().await;
                reads(shared, 3).await;
            }));
            until(&step, 4).await;
            drop(writer);
            // Before those that were woken.
            let upgradable = lock.try_upgradable_read().unwrap();
            let reader = lock.try_read().unwrap();
            drop(mutex.lock().await);
            drop((reader, upgradable));
            for other in others {
                other.await.unwrap();
            }
            assert_eq!(*lock.read().await, 2);
        });
    };
    let kinds = found(silent);
    assert!(kinds.iter().all(|(_, tier)| *tier == Tier::Possible), "{kinds:?}");
}
