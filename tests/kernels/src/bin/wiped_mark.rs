//! A store puts back an index in which another thread has just set a bit.
//!
//! origin: crossbeam-rs/crossbeam 9d423946 "channel: fix a race in disconnection"

use kernels::Steps;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

const MARK: usize = 1;
const STEP: usize = 2;

fn send(tail: &AtomicUsize, steps: &Steps) {
    let seen = tail.load(Ordering::Acquire); //~ lost-update
    steps.reach();
    steps.wait(2);
    tail.store(seen + STEP, Ordering::Release); //~ lost-update
}

fn send_by_adding(tail: &AtomicUsize, steps: &Steps) {
    steps.reach();
    steps.wait(2);
    tail.fetch_add(STEP, Ordering::AcqRel);
}

fn run(send: fn(&AtomicUsize, &Steps)) -> usize {
    let (tail, steps) = (AtomicUsize::new(0), Steps::new());
    thread::scope(|scope| {
        scope.spawn(|| send(&tail, &steps));
        steps.wait(1);
        tail.fetch_or(MARK, Ordering::AcqRel); //~ lost-update
        steps.reach();
    });
    tail.into_inner()
}

fn main() {
    kernels::choose(|| assert_eq!(run(send), STEP), || assert_eq!(run(send_by_adding), STEP | MARK));
}
