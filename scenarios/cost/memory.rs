//! What one more costs that is there and waits: a thread, or a task.
//!
//! A thread has a stack: the system keeps two mebibytes of addresses for it, of which the pages count that were touched,
//! and has its own stack and bookkeeping for it besides, which no number here shows. A task has what is alive across its
//! awaits, and a header.
//!
//! latency: from the spawn to the first line of the spawned

use std::io;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

/// So many threads.
pub fn threads(count: usize, all_there: &dyn Fn()) -> io::Result<Vec<Duration>> {
    let there = Arc::new(Barrier::new(count + 1));
    let over = Arc::new(Barrier::new(count + 1));
    let mut waiting = Vec::with_capacity(count);
    for _ in 0..count {
        let (there, over) = (Arc::clone(&there), Arc::clone(&over));
        let spawned = Instant::now();
        waiting.push(thread::Builder::new().spawn(move || {
            let started = spawned.elapsed();
            there.wait();
            over.wait();
            started
        })?);
    }
    there.wait();
    all_there();
    over.wait();
    Ok(waiting.into_iter().map(|thread| thread.join().unwrap()).collect())
}

/// So many tasks.
pub fn tasks(count: usize, all_there: &dyn Fn()) -> io::Result<Vec<Duration>> {
    use tokio::sync::Barrier;

    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let there = Arc::new(Barrier::new(count + 1));
        let over = Arc::new(Barrier::new(count + 1));
        let mut waiting = Vec::with_capacity(count);
        for _ in 0..count {
            let (there, over) = (Arc::clone(&there), Arc::clone(&over));
            let spawned = Instant::now();
            waiting.push(tokio::spawn(async move {
                let started = spawned.elapsed();
                there.wait().await;
                over.wait().await;
                started
            }));
        }
        there.wait().await;
        all_there();
        over.wait().await;
        let mut started = Vec::with_capacity(count);
        for task in waiting {
            started.push(task.await.unwrap());
        }
        Ok(started)
    })
}
