//! The last receiver of an unbounded channel walks its blocks while the first sender has counted its message but not yet
//! put the first block in place.
//!
//! origin: crossbeam-rs/crossbeam#971 and #972, in crossbeam-channel 0.5.1 to 0.5.7
//! not seen: plain memory (a null pointer is followed, by chance)

use known_bad::Steps;
use std::thread;

fn main() {
    for _ in 0..2_000 {
        let (sender, receiver) = crossbeam_channel::unbounded();
        let steps = Steps::new();
        thread::scope(|scope| {
            scope.spawn(|| {
                steps.meet(2);
                let _ = sender.send(String::from("first"));
            });
            steps.meet(2);
            drop(receiver);
        });
    }
}
