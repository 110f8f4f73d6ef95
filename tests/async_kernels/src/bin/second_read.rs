//! A reader reads again while a writer stands in the queue between.
//!
//! origin: tokio#2849

use std::sync::Arc;

use tokio::sync::RwLock;

async fn buggy() {
    let lock = Arc::new(RwLock::new(1));
    let first = lock.read().await; //~ recursive-read
    let writer = Arc::clone(&lock);
    let writing = tokio::spawn(async move { *writer.write().await += 1 }); //~ recursive-read
    tokio::task::yield_now().await;
    let second = lock.read().await; //~ recursive-read
    assert_eq!((*first, *second), (1, 1));
    drop((first, second));
    writing.await.unwrap();
}

async fn fixed() {
    let lock = Arc::new(RwLock::new(1));
    let first = lock.read().await;
    let writer = Arc::clone(&lock);
    let writing = tokio::spawn(async move { *writer.write().await += 1 });
    tokio::task::yield_now().await;
    assert_eq!(*first, 1);
    drop(first);
    writing.await.unwrap();
    assert_eq!(*lock.read().await, 2);
}

fn main() {
    async_kernels::choose(|| async_kernels::one_thread(buggy()), || async_kernels::one_thread(fixed()));
}
