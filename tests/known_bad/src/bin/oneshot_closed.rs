//! A oneshot channel that is closed lets a late sender put its value where the receiver is taking one.
//!
//! origin: RUSTSEC-2021-0124, tokio-rs/tokio#4225, in tokio up to 1.13.0
//! not seen: plain memory (the value); by chance a panic in `send`

use known_bad::Steps;
use std::thread;
use tokio::sync::oneshot;

fn main() {
    for _ in 0..2_000 {
        let (sender, mut receiver) = oneshot::channel();
        let steps = Steps::new();
        receiver.close();
        thread::scope(|scope| {
            scope.spawn(|| {
                steps.meet(2);
                let _ = sender.send(String::from("late"));
            });
            steps.meet(2);
            let _ = receiver.try_recv();
        });
    }
}
