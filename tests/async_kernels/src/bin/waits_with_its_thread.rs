//! A handler waits with its thread for a message from another thread.
//!
//! origin: pinnacle-comp/pinnacle#148

use std::sync::mpsc;

async fn buggy() {
    let (ask, asked) = mpsc::channel();
    let (answer, answers) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        asked.recv().unwrap();
        answer.send(1).unwrap();
    });
    std::thread::sleep(std::time::Duration::from_millis(1)); //~ blocking-in-async
    // Nobody has asked yet, so these are waits whoever is faster (all but those for which the thread is too late).
    let asks = async move {
        for _ in 0..20 {
            answers.recv_timeout(std::time::Duration::from_millis(5)).unwrap_err(); //~ blocking-in-async
        }
        ask.send(()).unwrap();
        answers
    };
    let answers = tokio::spawn(asks).await.unwrap();
    tokio::task::spawn_blocking(move || assert_eq!(answers.recv().unwrap(), 1)).await.unwrap();
    tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap();
}

async fn fixed() {
    let (answer, answers) = tokio::sync::oneshot::channel();
    let thread = std::thread::spawn(move || answer.send(1).unwrap());
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    assert_eq!(tokio::spawn(async move { answers.await.unwrap() }).await.unwrap(), 1);
    tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap();
}

fn main() {
    async_kernels::choose(|| async_kernels::one_thread(buggy()), || async_kernels::one_thread(fixed()));
}
