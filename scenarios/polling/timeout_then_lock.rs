//! Work that takes a lock is not waited for any longer, and then the lock is taken.
//!
//! A thread waits for the lock in order to work; the main thread, which has waited long enough, takes the same lock to note
//! that. Whoever gets the lock first, both go on: each thread that waits in the queue of a lock runs when its turn comes.
//!
//! Nothing is found here, and nothing is wrong.
//!
//! origin: oxidecomputer/omicron#9259, told with threads, where it is harmless

use gordian::Named;
use gordian::sync::{Arc, Mutex};
use gordian::thread;
use gordian::unobserved::Barrier;

pub fn buggy() {
    let state = Arc::new(Mutex::new(Vec::new()).named("state"));
    let out_of_patience = Arc::new(Barrier::new(2));
    let working = thread::spawn({
        let (state, out_of_patience) = (Arc::clone(&state), Arc::clone(&out_of_patience));
        move || {
            out_of_patience.wait();
            state.lock().unwrap().push("worked");
        }
    });
    out_of_patience.wait();
    state.lock().unwrap().push("took too long");
    working.join().unwrap();
}

pub fn fixed() {
    buggy();
}
