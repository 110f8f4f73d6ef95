//! A flag that says "only once" is looked at, and set later.
//!
//! origin: openethereum/parity-ethereum 796482c129 "fix minor race condition in aura seal generation (#5910)"

use kernels::Steps;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

fn seal(proposed: &AtomicBool, looked: &Steps) -> bool {
    let already = proposed.load(Ordering::SeqCst); //~ lost-update
    looked.meet(2);
    if !already {
        proposed.store(true, Ordering::SeqCst); //~ lost-update
    }
    !already
}

fn seal_in_one_step(proposed: &AtomicBool, looked: &Steps) -> bool {
    looked.meet(2);
    !proposed.swap(true, Ordering::SeqCst)
}

fn run(seal: fn(&AtomicBool, &Steps) -> bool) -> usize {
    let (proposed, looked) = (AtomicBool::new(false), Steps::new());
    thread::scope(|scope| {
        let engines = [0; 2].map(|_| scope.spawn(|| seal(&proposed, &looked)));
        engines.into_iter().map(|engine| usize::from(engine.join().unwrap())).sum()
    })
}

fn main() {
    kernels::choose(|| assert_eq!(run(seal), 2), || assert_eq!(run(seal_in_one_step), 1));
}
