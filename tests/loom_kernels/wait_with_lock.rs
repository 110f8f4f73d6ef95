//! A wait for a condition while another lock is held, which the notifier needs (parity-ethereum #9385).

use super::{Arc, Condvar, Meeting, Mutex, thread};

fn run(hold: bool) {
    let state = Arc::new((Mutex::new(()), Mutex::new(false), Condvar::new(), Meeting::new()));
    let mine = Arc::clone(&state);
    let notifier = thread::spawn(move || {
        mine.3.wait();
        let _outer = mine.0.lock().unwrap();
        *mine.1.lock().unwrap() = true;
        mine.2.notify_one();
    });
    let outer = state.0.lock().unwrap();
    state.3.wait();
    let outer = hold.then_some(outer);
    let mut ready = state.1.lock().unwrap();
    while !*ready {
        ready = state.2.wait(ready).unwrap();
    }
    drop(ready);
    drop(outer);
    notifier.join().unwrap();
}

pub(crate) fn buggy() {
    run(true);
}

pub(crate) fn fixed() {
    run(false);
}
