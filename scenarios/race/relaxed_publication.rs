//! A message is published with a relaxed store.
//!
//! The sender puts a message into its slot and then moves the index; the receiver sees the new index and takes the message.
//! With `Relaxed` the index orders nothing: the receiver may see the index before the message. On x86 that rarely shows.
//! The fixed form stores the index with `Release` and loads it with `Acquire`.
//!
//! origin: filipdulic/bus-queue#3 ("every ordering used is Ordering::Relaxed")

use gordian::sync::Arc;
use gordian::sync::atomic::{AtomicUsize, Ordering};
use gordian::{Named, Shared, thread};

struct Queue {
    slot: Shared<u64>,
    written: AtomicUsize,
}

impl Queue {
    fn new() -> Arc<Self> {
        Arc::new(Self { slot: Shared::new(0).named("slot"), written: AtomicUsize::new(0) })
    }

    fn send(&self, message: u64, order: Ordering) {
        self.slot.set(message); //~ data-race
        self.written.store(1, order);
    }

    fn receive(&self, order: Ordering) -> u64 {
        while self.written.load(order) == 0 {
            thread::yield_now();
        }
        self.slot.get() //~ data-race
    }
}

pub fn buggy() {
    run(Ordering::Relaxed, Ordering::Relaxed);
}

pub fn fixed() {
    run(Ordering::Release, Ordering::Acquire);
}

fn run(store: Ordering, load: Ordering) {
    let queue = Queue::new();
    let sender = thread::Builder::new().name("sender".to_owned());
    let sender = sender.spawn({
        let queue = Arc::clone(&queue);
        move || queue.send(42, store)
    });
    assert_eq!(queue.receive(load), 42);
    sender.unwrap().join().unwrap();
}
