//! A loop over a receiver ends when all senders are gone, and the looping thread has one.
//!
//! origin: rust-lang/rust#72662

use std::sync::mpsc::channel;
use std::thread;

fn buggy() {
    let (sender, results) = channel();
    for part in 0..3_u32 {
        let sender = sender.clone();
        thread::spawn(move || sender.send(part * part).unwrap());
    }
    let total: u32 = results.iter().sum(); //~ wait-cycle
    assert_eq!(total, 5);
    drop(sender);
}

fn fixed() {
    let (sender, results) = channel();
    for part in 0..3_u32 {
        let sender = sender.clone();
        thread::spawn(move || sender.send(part * part).unwrap());
    }
    drop(sender);
    let total: u32 = results.iter().sum();
    assert_eq!(total, 5);
}

fn main() {
    kernels::choose(buggy, fixed);
}
