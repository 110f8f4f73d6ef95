//! A wait that does not look first (emmett-framework/granian#900): the notification may have been before it.

use super::{Arc, Condvar, Meeting, Mutex, thread};

fn run(look: bool) {
    let state = Arc::new((Mutex::new(false), Condvar::new(), Meeting::new()));
    let mine = Arc::clone(&state);
    let notifier = thread::spawn(move || {
        *mine.0.lock().unwrap() = true;
        mine.1.notify_one();
        mine.2.wait();
    });
    state.2.wait();
    let mut done = state.0.lock().unwrap();
    if !look {
        done = state.1.wait(done).unwrap();
    }
    while !*done {
        done = state.1.wait(done).unwrap();
    }
    drop(done);
    notifier.join().unwrap();
}

pub(crate) fn buggy() {
    run(false);
}

pub(crate) fn fixed() {
    run(true);
}
