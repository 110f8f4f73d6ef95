//! A lock that blocks is held over an await.
//!
//! origin: AutoMQ/elastic-stream#218

use std::sync::Mutex;

async fn fetch() -> u32 {
    tokio::task::yield_now().await;
    1
}

async fn buggy() {
    let cache = Mutex::new(0);
    let mut cached = cache.lock().unwrap(); //~ guard-across-await
    *cached = fetch().await;
    assert_eq!(*cached, 1);
}

async fn fixed() {
    let cache = Mutex::new(0);
    let fetched = fetch().await;
    *cache.lock().unwrap() = fetched;
}

fn main() {
    async_kernels::choose(|| async_kernels::one_thread(buggy()), || async_kernels::one_thread(fixed()));
}
