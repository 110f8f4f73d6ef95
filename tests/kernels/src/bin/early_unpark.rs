//! A worker is woken before the flag is set that tells it to stop.
//!
//! origin: openethereum/parity-ethereum 79d996300b "possible fix for #3686" (#3702)

use kernels::Steps;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

fn worker(deleting: &Arc<AtomicBool>, steps: &Arc<Steps>) -> JoinHandle<()> {
    let (deleting, steps) = (Arc::clone(deleting), Arc::clone(steps));
    thread::spawn(move || {
        while !deleting.load(Ordering::Acquire) {
            steps.reach();
            thread::park(); //~ lost-wakeup
        }
    })
}

fn buggy() {
    let (deleting, steps) = (Arc::new(AtomicBool::new(false)), Arc::new(Steps::new()));
    let worker = worker(&deleting, &steps);
    worker.thread().unpark();
    steps.wait(2);
    deleting.store(true, Ordering::Release);
    worker.join().unwrap(); //~ lost-wakeup
}

fn fixed() {
    let (deleting, steps) = (Arc::new(AtomicBool::new(false)), Arc::new(Steps::new()));
    let worker = worker(&deleting, &steps);
    deleting.store(true, Ordering::Release);
    worker.thread().unpark();
    worker.join().unwrap();
}

fn main() {
    kernels::choose(buggy, fixed);
}
