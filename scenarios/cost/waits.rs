//! Requests that only wait: a thread for each, or a task for each.
//!
//! All requests are made at once, and each is answered after a fifth of a second; a timer stands for the slow peer. A
//! thread that waits is a whole thread that does nothing: the system makes it, gives it a stack, and switches to it for
//! one line. A task that waits is a small value in a list, and one thread has time for all of them.
//!
//! latency: from the moment when all were asked to the answer

use std::io;
use std::thread;
use std::time::{Duration, Instant};

const ANSWERED_AFTER: Duration = Duration::from_millis(200);

/// A thread for each request.
pub fn threads(requests: usize, all_asked: &dyn Fn()) -> io::Result<Vec<Duration>> {
    let start = Instant::now();
    let mut waiting = Vec::with_capacity(requests);
    for _ in 0..requests {
        waiting.push(thread::Builder::new().spawn(move || {
            thread::sleep(ANSWERED_AFTER);
            start.elapsed()
        })?);
    }
    all_asked();
    Ok(waiting.into_iter().map(|thread| thread.join().unwrap()).collect())
}

/// A task for each request, all on one thread.
pub fn tasks(requests: usize, all_asked: &dyn Fn()) -> io::Result<Vec<Duration>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    Ok(runtime.block_on(ask(requests, all_asked)))
}

/// A task for each request, on as many threads as there are cores.
pub fn tasks_on_all_cores(requests: usize, all_asked: &dyn Fn()) -> io::Result<Vec<Duration>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build()?;
    Ok(runtime.block_on(ask(requests, all_asked)))
}

async fn ask(requests: usize, all_asked: &dyn Fn()) -> Vec<Duration> {
    let start = Instant::now();
    let mut waiting = Vec::with_capacity(requests);
    for _ in 0..requests {
        waiting.push(tokio::spawn(async move {
            tokio::time::sleep(ANSWERED_AFTER).await;
            start.elapsed()
        }));
    }
    all_asked();
    let mut answered = Vec::with_capacity(requests);
    for task in waiting {
        answered.push(task.await.unwrap());
    }
    answered
}
