//! The next in line for a lock is a future that its task polls no more.
//!
//! origin: oxidecomputer/omicron#9259

use std::pin::pin;
use std::sync::Arc;

use tokio::sync::Mutex;

async fn holder(lock: Arc<Mutex<u32>>) -> tokio::task::JoinHandle<()> {
    let guard = lock.lock_owned().await;
    tokio::spawn(async move {
        tokio::task::yield_now().await;
        drop(guard);
    })
}

async fn buggy() {
    let lock = Arc::new(Mutex::new(0));
    let holding = holder(Arc::clone(&lock)).await;
    let mut work = pin!(async { *lock.lock().await += 1 }); //~ futurelock
    tokio::select! {
        biased;
        () = &mut work => return,
        () = tokio::task::yield_now() => *lock.lock().await += 1, //~ futurelock
    }
    work.await;
    holding.await.unwrap();
}

async fn fixed() {
    let lock = Arc::new(Mutex::new(0));
    let holding = holder(Arc::clone(&lock)).await;
    tokio::select! {
        biased;
        () = async { *lock.lock().await += 1 } => return,
        () = tokio::task::yield_now() => {}
    }
    *lock.lock().await += 1;
    holding.await.unwrap();
}

fn main() {
    async_kernels::choose(|| async_kernels::one_thread(buggy()), || async_kernels::one_thread(fixed()));
}
