//! Memory that tasks share, and updates in two critical sections.

use std::collections::HashMap;
use std::sync::Arc;

use gordian::Shared;
use gordian::finding::{Finding, Kind, Tier};
use gordian::sync::atomic::{AtomicU32, Ordering};
use gordian::tokio;
use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::{Mutex, Notify, RwLock, mpsc, oneshot};
use gordian::tokio::task::yield_now;

use super::{assert_found, on_one_thread};

fn on_many_threads<F>(future: impl FnOnce() -> F + Send + 'static) -> Vec<Finding>
where
    F: Future<Output = ()>,
{
    let outcome = gordian::findings_of(move || {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(future());
    });
    outcome.findings
}

/// On one worker or two, one after the other or not: nothing orders the two.
#[test]
fn two_tasks_write_one_cell() {
    let found = on_many_threads(|| async {
        let cell = Arc::new(Shared::new(0));
        let tasks: Vec<_> = (0..2)
            .map(|number| {
                let cell = Arc::clone(&cell);
                tokio::spawn(async move { cell.set(number) })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_found(&found, &[(Kind::DataRace, Tier::Observed)]);
}

/// What one thread does is in order.
#[test]
fn tasks_of_one_thread_do_not_race() {
    let found = on_one_thread(|| async {
        let cell = Arc::new(Shared::new(0));
        let tasks: Vec<_> = (0..2)
            .map(|number| {
                let cell = Arc::clone(&cell);
                tokio::spawn(async move { cell.set(number) })
            })
            .collect();
        cell.set(3);
        yield_now().await;
        cell.set(4);
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_found(&found, &[]);
}

#[test]
fn what_orders_tasks_keeps_them_from_racing() {
    let found = on_many_threads(|| async {
        let cell = Arc::new(Shared::new(0));
        let own = || Arc::clone(&cell);
        cell.set(1);
        // Spawn and join.
        let task = own();
        tokio::spawn(async move { task.set(2) }).await.unwrap();
        cell.set(3);
        // A lock.
        let lock = Arc::new(Mutex::new(()));
        let tasks: Vec<_> = (0..4)
            .map(|number| {
                let (task, lock) = (own(), Arc::clone(&lock));
                tokio::spawn(async move {
                    let _held = lock.lock().await;
                    task.set(number);
                    yield_now().await;
                    task.set(number);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        cell.set(4);
        // Messages.
        let (sender, mut receiver) = mpsc::channel(1);
        let task = own();
        let sending = tokio::spawn(async move {
            task.set(5);
            sender.send(()).await.unwrap();
        });
        receiver.recv().await.unwrap();
        cell.set(6);
        sending.await.unwrap();
        let (sender, receiver) = oneshot::channel();
        let task = own();
        tokio::spawn(async move {
            task.set(7);
            sender.send(()).unwrap();
        });
        receiver.await.unwrap();
        cell.set(8);
        // A notification.
        let notify = Arc::new(Notify::new());
        let (task, told) = (own(), Arc::clone(&notify));
        tokio::spawn(async move {
            task.set(9);
            told.notify_one();
        });
        notify.notified().await;
        cell.set(10);
        // A job.
        let task = own();
        tokio::task::spawn_blocking(move || task.set(11)).await.unwrap();
        cell.set(12);
    });
    assert_found(&found, &[]);
}

/// Whoever has seen the end of a runtime has seen the end of its tasks.
#[test]
fn the_end_of_the_runtime_is_the_end_of_its_tasks() {
    for threads in [1, 2] {
        let outcome = gordian::findings_of(move || {
            let cell = Arc::new(Shared::new(0));
            let runtime = match threads {
                1 => Builder::new_current_thread().build().unwrap(),
                _ => Builder::new_multi_thread().worker_threads(1).build().unwrap(),
            };
            let task = Arc::clone(&cell);
            runtime.spawn(async move { task.set(1) });
            runtime.block_on(yield_now());
            drop(runtime);
            cell.set(2);
        });
        assert_found(&outcome.findings, &[]);
    }
}

#[test]
fn an_update_lost_over_an_await() {
    let found = on_one_thread(|| async {
        let counter = Arc::new(AtomicU32::new(0));
        let tasks: Vec<_> = (0..2)
            .map(|_| {
                let counter = Arc::clone(&counter);
                tokio::spawn(async move {
                    let seen = counter.load(Ordering::SeqCst);
                    yield_now().await;
                    counter.store(seen + 1, Ordering::SeqCst);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert!(found.iter().any(|finding| finding.kind == Kind::LostUpdate), "{found:#?}");

    let found = on_one_thread(|| async {
        let counter = Arc::new(AtomicU32::new(0));
        let tasks: Vec<_> = (0..2)
            .map(|_| {
                let counter = Arc::clone(&counter);
                tokio::spawn(async move {
                    yield_now().await;
                    counter.fetch_add(1, Ordering::SeqCst);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_found(&found, &[]);
}

async fn both<F: Future<Output = ()> + Send + 'static>(task: impl Fn(Arc<Mutex<Vec<u32>>>) -> F) {
    let list = Arc::new(Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..2).map(|_| tokio::spawn(task(Arc::clone(&list)))).collect();
    for task in tasks {
        task.await.unwrap();
    }
}

async fn loaded(cache: Arc<RwLock<HashMap<u32, String>>>, overwrites: bool) -> usize {
    if let Some(page) = cache.read().await.get(&1) {
        return page.len();
    }
    yield_now().await;
    let page = "page".to_owned();
    if overwrites {
        cache.write().await.insert(1, page);
        return 4;
    }
    cache.write().await.entry(1).or_insert(page).len()
}

#[test]
fn a_look_in_one_section_and_a_write_in_the_next() {
    let found = on_one_thread(|| {
        both(|list| async move {
            let empty = list.lock().await.is_empty();
            yield_now().await;
            if empty {
                list.lock().await.push(1);
            }
        })
    });
    assert_found(&found, &[(Kind::AtomicityViolation, Tier::Possible)]);

    let found = on_one_thread(|| {
        both(|list| async move {
            let empty = list.lock().await.is_empty();
            yield_now().await;
            let mut list = list.lock().await;
            if empty && list.is_empty() {
                list.push(1);
            }
        })
    });
    assert_found(&found, &[]);

    // The entry of a map looks again.
    for overwrites in [true, false] {
        let found = on_one_thread(move || async move {
            let cache = Arc::default();
            let tasks = [(); 2].map(|()| tokio::spawn(loaded(Arc::clone(&cache), overwrites)));
            for task in tasks {
                assert_eq!(task.await.unwrap(), 4);
            }
        });
        let expected: &[_] = if overwrites { &[(Kind::AtomicityViolation, Tier::Possible)] } else { &[] };
        assert_found(&found, expected);
    }

    let found = on_one_thread(|| async {
        let sum = Arc::new(Mutex::new(0));
        let tasks: Vec<_> = (0..2)
            .map(|_| {
                let sum = Arc::clone(&sum);
                tokio::spawn(async move {
                    let seen = *sum.lock().await;
                    yield_now().await;
                    *sum.lock().await = seen + 1;
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_found(&found, &[(Kind::LostUpdate, Tier::Possible)]);
}
