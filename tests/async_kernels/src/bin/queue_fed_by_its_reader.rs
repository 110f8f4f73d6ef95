//! A worker fills the bounded queue that only it empties.
//!
//! origin: servo/webrender 8bed7713db, as async

use tokio::sync::mpsc;

async fn work(capacity: usize) {
    let (sender, mut receiver) = mpsc::channel(capacity);
    for number in 0..3 {
        sender.send(number).await.unwrap(); //~ wait-cycle
    }
    drop(sender);
    let mut sum = 0;
    while let Some(number) = receiver.recv().await {
        sum += number;
    }
    assert_eq!(sum, 3);
}

fn main() {
    let buggy = || async_kernels::one_thread(work(2));
    let fixed = || async_kernels::one_thread(work(3));
    async_kernels::choose(buggy, fixed);
}
