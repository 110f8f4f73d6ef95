//! What tasks do is recorded as theirs. One test: what is recorded is fixed once in a process.
#![cfg(all(feature = "tokio", feature = "detect"))]

use std::sync::Arc;

use gordian::engine::{Engine, Judge};
use gordian::finding::{Finding, Kind};
use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::{Mutex, Notify, mpsc, oneshot};
use gordian::tokio::task::{spawn_blocking, yield_now};
use gordian::trace::TraceReader;
use gordian::{Config, Shared, tokio};

/// One cell, and all that hands it on from task to task.
async fn in_order() {
    let cell = Arc::new(Shared::new(0));
    let own = || Arc::clone(&cell);
    let task = own();
    tokio::spawn(async move { task.set(1) }).await.unwrap();
    cell.set(2);
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
    cell.set(3);
    let (sender, mut receiver) = mpsc::channel(1);
    let task = own();
    tokio::spawn(async move {
        task.set(4);
        sender.send(()).await.unwrap();
    });
    receiver.recv().await.unwrap();
    cell.set(5);
    let (sender, receiver) = oneshot::channel();
    let task = own();
    tokio::spawn(async move {
        task.set(6);
        sender.send(()).unwrap();
    });
    receiver.await.unwrap();
    cell.set(7);
    let notify = Arc::new(Notify::new());
    let (task, told) = (own(), Arc::clone(&notify));
    tokio::spawn(async move {
        task.set(8);
        told.notify_one();
    });
    notify.notified().await;
    cell.set(9);
    let task = own();
    spawn_blocking(move || task.set(10)).await.unwrap();
    cell.set(11);
}

/// Two tasks take two locks in opposite orders, one after the other; nothing says so.
async fn in_opposite_orders() {
    let (left, right) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
    let (l, r) = (Arc::clone(&left), Arc::clone(&right));
    let one = tokio::spawn(async move {
        let _right = r.lock().await;
        let _left = l.lock().await;
    });
    let other = tokio::spawn(async move {
        let _left = left.lock().await;
        let _right = right.lock().await;
    });
    one.await.unwrap();
    other.await.unwrap();
}

/// Locks of threads are held over `block_on`, whose future looks at what they guard, takes others and releases them.
fn held_over_polls() {
    let (left, right) = (gordian::sync::Mutex::new(0), gordian::sync::Mutex::new(0));
    let runtime = Builder::new_current_thread().build().unwrap();
    for _ in 0..4 {
        let mut held = left.lock().unwrap();
        runtime.block_on(async {
            *held += 1;
            yield_now().await;
            *held += 1;
            *right.lock().unwrap() += 1;
        });
        drop(held);
        let held = left.lock().unwrap();
        runtime.block_on(async move { drop(held) });
        let mut held = left.lock().unwrap();
        runtime.block_on(async move { *held += 1 });
    }
    assert_eq!((*left.lock().unwrap(), *right.lock().unwrap()), (12, 4));
}

fn run(threads: usize, program: impl Future<Output = ()>) {
    let runtime = match threads {
        1 => Builder::new_current_thread().build().unwrap(),
        _ => Builder::new_multi_thread().worker_threads(threads).build().unwrap(),
    };
    runtime.block_on(program);
}

#[test]
fn recorded_tasks_are_judged_as_tasks() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tasks.gordian");
    gordian::start(Config { record: Some(file.clone()), print: false, ..Config::default() }).unwrap();
    run(2, in_order());
    run(1, in_order());
    run(1, in_opposite_orders());
    held_over_polls();
    gordian::finish().unwrap();

    let mut reader = TraceReader::open_file(&file).unwrap();
    let events = reader.read_to_end().unwrap();
    let mut engine = Engine::new(Judge::STREAMING, false);
    engine.feed(1, &events);
    let verdict = engine.verdict(reader.names());
    let owners = |finding: &Finding| finding.sites.iter().all(|site| site.owner.starts_with("task "));
    let told: Vec<_> = verdict.findings.iter().map(|finding| (finding.kind, owners(finding))).collect();
    assert_eq!(told, [(Kind::LockOrderCycle, true)], "{:#?}", verdict.findings);
    let live: Vec<_> = gordian::findings().iter().map(|finding| finding.kind).collect();
    assert_eq!(live, [Kind::LockOrderCycle]);
    assert_eq!(gordian::findings()[0].fingerprint, verdict.findings[0].fingerprint);
}
