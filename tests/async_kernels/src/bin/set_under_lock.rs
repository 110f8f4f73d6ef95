//! A set of tasks is awaited under the lock that all of them want.
//!
//! origin: the shape of GoKer's cockroach#1055, with tasks

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::task::JoinSet;

async fn program(release: bool) {
    let total = Arc::new(Mutex::new(0));
    let mut held = Some(total.lock().await); //~ wait-cycle
    let mut workers = JoinSet::new();
    for number in 0..4 {
        let total = Arc::clone(&total);
        workers.spawn(async move { *total.lock().await += number }); //~ wait-cycle
    }
    if release {
        held = None;
    }
    while workers.join_next().await.is_some() {} //~ wait-cycle
    drop(held);
}

fn main() {
    async_kernels::choose(|| async_kernels::two_workers(program(false)), || async_kernels::two_workers(program(true)));
}
