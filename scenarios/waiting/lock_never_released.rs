//! One path of a task ends without giving its lock back.
//!
//! Readers finish early, and the early way out forgets the latch that the task took. The task is gone, its latch is not,
//! and the next task that needs it waits for ever. The fixed form gives it back on both paths.
//!
//! origin: tikv/tikv cd330aa9c1 "Fixes #1015: call release_lock() in Scheduler::on_read_finished() (#1016)"

use gordian::Named;
use gordian::sync::{Arc, Mutex};
use gordian::thread;

type Latch = Arc<Mutex<Vec<&'static str>>>;

fn latch() -> Latch {
    Arc::new(Mutex::new(Vec::new()).named("latch"))
}

fn command(latch: &Latch, reads: bool) {
    let mut keys = latch.lock().unwrap(); //~ resource-leak
    if reads {
        // The answer keeps the keys as they are, and nobody takes them back.
        std::mem::forget(keys);
        return;
    }
    keys.push("written");
}

fn command_fixed(latch: &Latch, reads: bool) {
    let mut keys = latch.lock().unwrap();
    if !reads {
        keys.push("written");
    }
}

fn run(command: fn(&Latch, bool)) {
    let latch = latch();
    for reads in [true, false] {
        let latch = Arc::clone(&latch);
        let task = thread::Builder::new().name(if reads { "reader" } else { "writer" }.to_owned());
        let task = task.spawn(move || command(&latch, reads));
        task.unwrap().join().unwrap(); //~ resource-leak
    }
}

pub fn buggy() {
    run(command);
}

pub fn fixed() {
    run(command_fixed);
}
