//! Two tasks that answer each other, and one that goes on for too long without letting them.
//!
//! Each message wakes the other task, which goes to the end of the queue. The third task has twenty things to
//! do and awaits nothing, so that it is one long poll; the fixed form lets the others go first after each of them.
//!
//! origin: tokio-rs/tokio#2160 (tasks that are always ready let no other one be polled)

use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::mpsc;
use gordian::tokio::task::{spawn, yield_now};

const BALLS: u32 = 20;
const PARTS: u32 = 20;

fn work(part: u32) {
    let sum = (0..20_000_u64).fold(u64::from(part), |sum, number| std::hint::black_box(sum ^ number));
    std::hint::black_box(sum);
}

async fn play(all_at_once: bool) {
    let (to, mut from_first) = mpsc::channel(1);
    let (back, mut from_second) = mpsc::channel(1);
    let first = spawn(async move {
        for ball in 0..BALLS {
            to.send(ball).await.unwrap();
            from_second.recv().await.unwrap();
        }
    });
    let second = spawn(async move {
        while let Some(ball) = from_first.recv().await {
            back.send(ball).await.unwrap();
        }
    });
    let third = spawn(async move {
        for part in 0..PARTS {
            work(part);
            if !all_at_once {
                yield_now().await;
            }
        }
    });
    for task in [first, second, third] {
        task.await.unwrap();
    }
}

pub fn buggy() {
    run(true);
}

pub fn fixed() {
    run(false);
}

fn run(all_at_once: bool) {
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(play(all_at_once));
}
