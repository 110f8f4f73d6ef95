//! One path of a task ends without giving its lock back.
//!
//! origin: tikv/tikv cd330aa9c1 "Fixes #1015: call release_lock() in Scheduler::on_read_finished() (#1016)"

use std::sync::{Arc, Mutex};
use std::thread;

fn command(latch: &Mutex<Vec<&'static str>>, reads: bool) {
    let mut keys = latch.lock().unwrap(); //~ resource-leak
    if reads {
        std::mem::forget(keys);
        return;
    }
    keys.push("written");
}

fn command_that_releases(latch: &Mutex<Vec<&'static str>>, reads: bool) {
    let mut keys = latch.lock().unwrap();
    if !reads {
        keys.push("written");
    }
}

fn run(command: fn(&Mutex<Vec<&'static str>>, bool)) {
    let latch = Arc::new(Mutex::new(Vec::new()));
    for reads in [true, false] {
        let latch = Arc::clone(&latch);
        thread::spawn(move || command(&latch, reads)).join().unwrap(); //~ resource-leak
    }
}

fn main() {
    kernels::choose(|| run(command), || run(command_that_releases));
}
