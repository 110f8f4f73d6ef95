//! Each task has a connection of the pool, and asks the pool for another one.
//!
//! origin: superfly/corrosion#72

use std::sync::Arc;

use tokio::sync::{Barrier, Semaphore};

async fn transactions(connections: usize) {
    let pool = Arc::new(Semaphore::new(connections));
    let all = Arc::new(Barrier::new(2));
    let task = || {
        let (pool, all) = (Arc::clone(&pool), Arc::clone(&all));
        tokio::spawn(async move {
            let _transaction = pool.acquire().await.unwrap(); //~ wait-cycle
            all.wait().await;
            let _lookup = pool.acquire().await.unwrap(); //~ wait-cycle
        })
    };
    let tasks = [task(), task()];
    for task in tasks {
        task.await.unwrap(); //~ wait-cycle
    }
}

fn main() {
    let buggy = || async_kernels::one_thread(transactions(2));
    let fixed = || async_kernels::one_thread(transactions(4));
    async_kernels::choose(buggy, fixed);
}
