//! A load, a sum and a store where one atomic addition was meant (crossbeam 9d423946): an update in between is lost.

use super::{Arc, AtomicUsize, Meeting, Ordering, thread};

fn run(add: fn(&AtomicUsize, &Meeting)) {
    let shared = Arc::new((AtomicUsize::new(0), Meeting::new()));
    let mine = Arc::clone(&shared);
    let thread = thread::spawn(move || add(&mine.0, &mine.1));
    add(&shared.0, &shared.1);
    thread.join().unwrap();
    assert_eq!(shared.0.load(Ordering::SeqCst), 2, "an update is lost");
}

pub(crate) fn buggy() {
    run(|total, meeting| {
        let seen = total.load(Ordering::SeqCst);
        meeting.wait();
        total.store(seen + 1, Ordering::SeqCst);
    });
}

pub(crate) fn fixed() {
    run(|total, meeting| {
        meeting.wait();
        total.fetch_add(1, Ordering::SeqCst);
    });
}
