//! A tick drops the future that has read the head of a frame, and its body is taken for the next head.
//!
//! origin: wg-async's barbara_gets_burned_by_select

use std::pin::pin;

use tokio::sync::mpsc::{self, Receiver};

async fn frame(input: &mut Receiver<u32>) -> Option<u32> {
    let head = input.recv().await?; //~ cancelled-critical-section
    let body = input.recv().await?; //~ cancelled-critical-section
    Some(head + body)
}

/// The parts of two frames, and a tick after the first part.
fn parts() -> (Receiver<u32>, Receiver<()>) {
    let (source, input) = mpsc::channel(4);
    let (beat, ticks) = mpsc::channel(1);
    tokio::spawn(async move {
        for part in 0..4 {
            source.send(part).await.unwrap();
            if part == 0 {
                tokio::task::yield_now().await;
                beat.send(()).await.unwrap();
                tokio::task::yield_now().await;
            }
        }
    });
    (input, ticks)
}

async fn buggy() {
    let (mut input, mut ticks) = parts();
    loop {
        tokio::select! {
            biased;
            read = frame(&mut input) => if read.is_none() { break },
            Some(()) = ticks.recv() => {}
        }
    }
}

async fn fixed() {
    let (mut input, mut ticks) = parts();
    loop {
        let mut reading = pin!(frame(&mut input));
        let read = loop {
            tokio::select! {
                biased;
                read = &mut reading => break read,
                Some(()) = ticks.recv() => {}
            }
        };
        if read.is_none() {
            break;
        }
    }
}

fn main() {
    async_kernels::choose(|| async_kernels::one_thread(buggy()), || async_kernels::one_thread(fixed()));
}
