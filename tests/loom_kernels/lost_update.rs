//! A load, a sum and a store where one atomic addition was meant (crossbeam 9d423946): an update in between is lost.

use super::{Arc, AtomicUsize, Ordering, thread};

fn run(add: fn(&AtomicUsize)) {
    let total = Arc::new(AtomicUsize::new(0));
    let mine = Arc::clone(&total);
    let thread = thread::spawn(move || add(&mine));
    add(&total);
    thread.join().unwrap();
    assert_eq!(total.load(Ordering::SeqCst), 2, "an update is lost");
}

pub(crate) fn buggy() {
    run(|total| {
        let seen = total.load(Ordering::SeqCst);
        total.store(seen + 1, Ordering::SeqCst);
    });
}

pub(crate) fn fixed() {
    run(|total| {
        total.fetch_add(1, Ordering::SeqCst);
    });
}
