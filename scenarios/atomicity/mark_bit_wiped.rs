//! A store puts back an index from which another thread has just changed a bit.
//!
//! The index of a channel also carries a mark that says that the channel is closed. A sender loads the index, puts its
//! message into the slot, and stores the index plus one; a close between the load and the store sets the mark, and the
//! store wipes it. The receiver would wait for ever. The fixed form adds to whatever is there.
//!
//! origin: crossbeam-rs/crossbeam 9d423946 "channel: fix a race in disconnection"

use gordian::sync::atomic::{AtomicUsize, Ordering};
use gordian::thread;
use gordian::unobserved::Barrier;

const MARK: usize = 1;
const STEP: usize = 2;

struct Channel {
    tail: AtomicUsize,
}

impl Channel {
    fn new() -> Self {
        Self { tail: AtomicUsize::new(0) }
    }

    fn send(&self, fill_slot: impl Fn()) {
        let tail = self.tail.load(Ordering::Acquire); //~ lost-update
        fill_slot();
        self.tail.store(tail + STEP, Ordering::Release); //~ lost-update
    }

    fn send_fixed(&self, fill_slot: impl Fn()) {
        fill_slot();
        self.tail.fetch_add(STEP, Ordering::AcqRel);
    }

    fn close(&self) {
        self.tail.fetch_or(MARK, Ordering::AcqRel); //~ lost-update
    }
}

pub fn buggy() {
    let channel = Channel::new();
    let step = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            channel.send(|| {
                step.wait();
                step.wait();
            });
        });
        scope.spawn(|| {
            step.wait();
            channel.close();
            step.wait();
        });
    });
    assert_eq!(channel.tail.into_inner(), STEP, "the mark is gone");
}

pub fn fixed() {
    let channel = Channel::new();
    let step = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            channel.send_fixed(|| {
                step.wait();
                step.wait();
            });
        });
        scope.spawn(|| {
            step.wait();
            channel.close();
            step.wait();
        });
    });
    assert_eq!(channel.tail.into_inner(), STEP | MARK);
}
