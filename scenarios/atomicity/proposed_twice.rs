//! A flag that says "only once" is looked at, and set later.
//!
//! A validator looks whether a block has been proposed, signs one, and sets the flag. Two that look before either has set
//! it both sign. In this run the second looks late, by luck. The fixed form looks and sets in one step.
//!
//! origin: openethereum/parity-ethereum 796482c129 "fix minor race condition in aura seal generation (#5910)"

use gordian::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use gordian::thread;
use gordian::unobserved::Barrier;

struct Engine {
    proposed: AtomicBool,
    seals: AtomicU32,
}

impl Engine {
    fn new() -> Self {
        Self { proposed: AtomicBool::new(false), seals: AtomicU32::new(0) }
    }

    fn seal(&self) {
        let proposed = self.proposed.load(Ordering::SeqCst); //~ lost-update
        if !proposed {
            self.seals.fetch_add(1, Ordering::SeqCst);
            self.proposed.store(true, Ordering::SeqCst); //~ lost-update
        }
    }

    fn seal_fixed(&self) {
        if !self.proposed.swap(true, Ordering::SeqCst) {
            self.seals.fetch_add(1, Ordering::SeqCst);
        }
    }
}

pub fn buggy() {
    run(Engine::seal);
}

pub fn fixed() {
    run(Engine::seal_fixed);
}

fn run(seal: fn(&Engine)) {
    let engine = Engine::new();
    let luck = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            seal(&engine);
            luck.wait();
        });
        scope.spawn(|| {
            luck.wait();
            seal(&engine);
        });
    });
    assert_eq!(engine.seals.into_inner(), 1);
}
