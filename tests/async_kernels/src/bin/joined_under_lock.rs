//! The end of a task is waited for with the lock that the task needs in order to end.
//!
//! origin: GoKer's kubernetes#10182, as async

use std::sync::Arc;

use tokio::sync::Mutex;

async fn buggy() {
    let state = Arc::new(Mutex::new(0));
    let guard = state.lock().await; //~ wait-cycle
    let other = Arc::clone(&state);
    let task = tokio::spawn(async move { *other.lock().await += 1 }); //~ wait-cycle
    task.await.unwrap(); //~ wait-cycle
    assert_eq!(*guard, 0);
}

async fn fixed() {
    let state = Arc::new(Mutex::new(0));
    let guard = state.lock().await;
    let other = Arc::clone(&state);
    let task = tokio::spawn(async move { *other.lock().await += 1 });
    drop(guard);
    task.await.unwrap();
    assert_eq!(*state.lock().await, 1);
}

fn main() {
    async_kernels::choose(|| async_kernels::one_thread(buggy()), || async_kernels::one_thread(fixed()));
}
