//! A thread waits without having looked whether what it waits for has happened.
//!
//! origin: emmett-framework/granian#900, fixed by #901

use kernels::Steps;
use std::sync::{Condvar, Mutex};
use std::thread;

fn buggy() {
    let (done, changed, steps) = (Mutex::new(false), Condvar::new(), Steps::new());
    thread::scope(|scope| {
        scope.spawn(|| {
            *done.lock().unwrap() = true;
            changed.notify_one();
            steps.reach();
        });
        steps.wait(1);
        drop(changed.wait(done.lock().unwrap()).unwrap()); //~ lost-wakeup
    });
}

fn fixed() {
    let (done, changed) = (Mutex::new(false), Condvar::new());
    thread::scope(|scope| {
        scope.spawn(|| {
            *done.lock().unwrap() = true;
            changed.notify_one();
        });
        drop(changed.wait_while(done.lock().unwrap(), |done| !*done).unwrap());
    });
}

fn main() {
    kernels::choose(buggy, fixed);
}
