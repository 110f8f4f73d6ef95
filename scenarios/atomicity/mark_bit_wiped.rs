//! A store puts back an index from which another thread has just changed a bit.
//!
//! The index of a channel also carries a mark that says that the channel is closed. A sender loads the index, puts its
//! message into the slot, and stores the index plus one; a close between the load and the store sets the mark, and the
//! store wipes it. The receiver would wait for ever. In this run the close comes later, by luck. The fixed form adds to
//! whatever is there.
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

    fn send(&self) {
        let tail = self.tail.load(Ordering::Acquire); //~ lost-update
        self.tail.store(tail + STEP, Ordering::Release); //~ lost-update
    }

    fn send_fixed(&self) {
        self.tail.fetch_add(STEP, Ordering::AcqRel);
    }

    fn close(&self) {
        self.tail.fetch_or(MARK, Ordering::AcqRel); //~ lost-update
    }
}

pub fn buggy() {
    run(Channel::send);
}

pub fn fixed() {
    run(Channel::send_fixed);
}

fn run(send: fn(&Channel)) {
    let channel = Channel::new();
    let luck = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            send(&channel);
            luck.wait();
        });
        scope.spawn(|| {
            luck.wait();
            channel.close();
        });
    });
    assert_eq!(channel.tail.into_inner(), STEP | MARK);
}
