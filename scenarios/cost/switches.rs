//! Two that wait for each other in turn: two threads, or two tasks.
//!
//! A ball goes to and fro, and whoever has not got it waits. For threads each throw is a matter of the system: one thread
//! goes to sleep, the other one is woken, perhaps on another core. For tasks each throw is a call: the event loop takes
//! the next task from its queue. Whoever switches often, and does little in between, pays for nothing else.
//!
//! latency: one time to and fro, every tenth is timed

use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const TIMED: usize = 10;

/// Two threads, where the system puts them.
pub fn threads(throws: usize, both_there: &dyn Fn()) -> io::Result<Vec<Duration>> {
    let (to, from_first) = mpsc::sync_channel(1);
    let (back, from_second) = mpsc::sync_channel(1);
    let second = thread::Builder::new().spawn(move || {
        for ball in from_first {
            back.send(ball).unwrap();
        }
    })?;
    both_there();
    let mut times = Vec::with_capacity(throws / TIMED + 1);
    for ball in 0..throws {
        let thrown = Instant::now();
        to.send(ball).unwrap();
        from_second.recv().unwrap();
        if ball % TIMED == 0 {
            times.push(thrown.elapsed());
        }
    }
    drop(to);
    second.join().unwrap();
    Ok(times)
}

/// Two tasks in one event loop.
pub fn tasks(throws: usize, both_there: &dyn Fn()) -> io::Result<Vec<Duration>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let (to, mut from_first) = tokio::sync::mpsc::channel(1);
        let (back, mut from_second) = tokio::sync::mpsc::channel(1);
        let second = tokio::spawn(async move {
            while let Some(ball) = from_first.recv().await {
                back.send(ball).await.unwrap();
            }
        });
        both_there();
        let first = tokio::spawn(async move {
            let mut times = Vec::with_capacity(throws / TIMED + 1);
            for ball in 0..throws {
                let thrown = Instant::now();
                to.send(ball).await.unwrap();
                from_second.recv().await.unwrap();
                if ball % TIMED == 0 {
                    times.push(thrown.elapsed());
                }
            }
            times
        });
        let times = first.await.unwrap();
        second.await.unwrap();
        Ok(times)
    })
}
