//! One party of an async barrier gives up before it arrives.
//!
//! Three tasks prepare, meet at a barrier, and measure. The preparation of one fails and it returns; the other two wait for
//! a third that never comes. In the fixed form every task arrives, and says what went wrong afterwards.
//!
//! becomes: the same, and quieter. What went wrong, be it a panic, lies in the handle of the task that is gone, and who
//! awaits the others first never gets to that handle.
//!
//! origin: Galxe/gravity-reth#295 (the panic of a task swallowed, and those who wait at the barriers wait for ever)

use std::sync::Arc;

use gordian::Named;
use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::Barrier;
use gordian::tokio::task::{self, JoinHandle};

const WORKERS: u32 = 3;

fn prepare(worker: u32) -> Result<u32, String> {
    if worker + 1 == WORKERS { Err("no memory".to_owned()) } else { Ok(worker) }
}

async fn measure(worker: u32, start: Arc<Barrier>) -> Result<u32, String> {
    let prepared = prepare(worker)?;
    start.wait().await; //~ resource-leak
    Ok(prepared)
}

async fn measure_fixed(worker: u32, start: Arc<Barrier>) -> Result<u32, String> {
    let prepared = prepare(worker);
    start.wait().await;
    prepared
}

/// The number of workers that failed.
async fn failed(workers: Vec<JoinHandle<Result<u32, String>>>) -> usize {
    let mut failed = 0;
    for worker in workers {
        failed += usize::from(worker.await.unwrap().is_err()); //~ resource-leak
    }
    failed
}

fn start() -> Arc<Barrier> {
    Arc::new(Barrier::new(WORKERS as usize).named("start"))
}

pub fn buggy() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let start = start();
        let workers = (0..WORKERS).map(|worker| task::spawn(measure(worker, Arc::clone(&start)))).collect();
        drop(start);
        assert_eq!(failed(workers).await, 1);
    });
}

pub fn fixed() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let start = start();
        let workers = (0..WORKERS).map(|worker| task::spawn(measure_fixed(worker, Arc::clone(&start)))).collect();
        drop(start);
        assert_eq!(failed(workers).await, 1);
    });
}
