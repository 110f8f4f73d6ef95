//! An answer is waited for while the question, with the sender for the answer, is still in one's own hands.
//!
//! origin: the ownership rule of rust-lang/rust#72662, as async

use tokio::sync::oneshot;

async fn buggy() {
    let (answer, answers) = oneshot::channel();
    let question = ("how many?", answer);
    let count: u32 = answers.await.unwrap(); //~ wait-cycle
    question.1.send(1).unwrap();
    assert_eq!(count, 1);
}

async fn fixed() {
    let (answer, answers) = oneshot::channel();
    let question = ("how many?", answer);
    tokio::spawn(async move { question.1.send(1).unwrap() });
    assert_eq!(answers.await.unwrap(), 1);
}

fn main() {
    async_kernels::choose(|| async_kernels::one_thread(buggy()), || async_kernels::one_thread(fixed()));
}
