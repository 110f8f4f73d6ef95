//! A message is written, then an index says that it is there (filipdulic/bus-queue#3): without release and acquire, the
//! reader that sees the index races with the write.

use super::{Arc, AtomicUsize, Ordering, Shared, thread};

fn run(publish: Ordering, look: Ordering) {
    let queue = Arc::new((Shared::new(0), AtomicUsize::new(0)));
    let mine = Arc::clone(&queue);
    let sender = thread::spawn(move || {
        mine.0.set(42);
        mine.1.store(1, publish);
    });
    while queue.1.load(look) == 0 {
        thread::yield_now();
    }
    assert_eq!(queue.0.get(), 42);
    sender.join().unwrap();
}

pub(crate) fn buggy() {
    run(Ordering::Relaxed, Ordering::Relaxed);
}

pub(crate) fn fixed() {
    run(Ordering::Release, Ordering::Acquire);
}
