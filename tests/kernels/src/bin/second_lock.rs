//! A thread waits on a condition variable and keeps a second lock, which the notifier needs.
//!
//! origin: openethereum/parity-ethereum 0d593199d0 (#9932)

use kernels::Steps;
use parking_lot::{Condvar, Mutex};
use std::thread;

#[derive(Default)]
struct Verifier {
    queue: Mutex<Vec<u32>>,
    state: Mutex<bool>,
    ready: Condvar,
}

impl Verifier {
    fn submit(&self, block: u32) {
        let mut queue = self.queue.lock(); //~ wait-cycle
        queue.push(block);
        *self.state.lock() = true;
        self.ready.notify_all();
    }
}

fn buggy() {
    let (verifier, steps) = (Verifier::default(), Steps::new());
    thread::scope(|scope| {
        scope.spawn(|| {
            steps.wait(1);
            verifier.submit(1);
        });
        let mut queue = verifier.queue.lock(); //~ wait-cycle
        steps.reach();
        let mut state = verifier.state.lock();
        while !*state {
            verifier.ready.wait(&mut state); //~ wait-cycle
        }
        queue.pop();
    });
}

fn fixed() {
    let verifier = Verifier::default();
    thread::scope(|scope| {
        scope.spawn(|| verifier.submit(1));
        let mut state = verifier.state.lock();
        while !*state {
            verifier.ready.wait(&mut state);
        }
        drop(state);
        verifier.queue.lock().pop();
    });
}

fn main() {
    kernels::choose(buggy, fixed);
}
