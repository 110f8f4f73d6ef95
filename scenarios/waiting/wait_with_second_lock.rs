//! A thread waits on a condition variable and keeps a second lock, which the notifier needs.
//!
//! Waiting on `ready` gives back the lock of `state`, but not the lock of `queue`, which was taken before. The thread that
//! would set the state and notify takes `queue` first. The fixed form lets go of `queue` before it waits.
//!
//! origin: openethereum/parity-ethereum 0d593199d0 (#9932), a row "Condvar + mutex" of system-pclub/rust-study

use gordian::Named;
use gordian::sync::{Arc, Condvar, Mutex};
use gordian::thread;
use gordian::unobserved::Barrier;

struct Verifier {
    queue: Mutex<Vec<u32>>,
    state: Mutex<bool>,
    ready: Condvar,
}

impl Verifier {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            queue: Mutex::new(Vec::new()).named("queue"),
            state: Mutex::new(false).named("state"),
            ready: Condvar::new().named("ready"),
        })
    }

    fn submit(&self, block: u32) {
        let mut queue = self.queue.lock().unwrap(); //~ wait-cycle
        queue.push(block);
        *self.state.lock().unwrap() = true;
        self.ready.notify_all();
    }
}

fn submitter(verifier: &Arc<Verifier>, start: impl Fn() + Send + 'static) -> thread::JoinHandle<()> {
    let verifier = Arc::clone(verifier);
    let submitter = thread::Builder::new().name("submitter".to_owned());
    submitter
        .spawn(move || {
            start();
            verifier.submit(1);
        })
        .unwrap()
}

pub fn buggy() {
    let verifier = Verifier::new();
    let overlap = Arc::new(Barrier::new(2));
    let start = Arc::clone(&overlap);
    let submitter = submitter(&verifier, move || { start.wait(); });
    let mut queue = verifier.queue.lock().unwrap(); //~ wait-cycle
    overlap.wait();
    let state = verifier.state.lock().unwrap();
    drop(verifier.ready.wait_while(state, |ready| !*ready).unwrap()); //~ wait-cycle
    queue.pop();
    drop(queue);
    submitter.join().unwrap();
}

pub fn fixed() {
    let verifier = Verifier::new();
    let submitter = submitter(&verifier, || ());
    let state = verifier.state.lock().unwrap();
    drop(verifier.ready.wait_while(state, |ready| !*ready).unwrap());
    verifier.queue.lock().unwrap().pop();
    submitter.join().unwrap();
}
