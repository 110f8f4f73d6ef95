//! What the programs share: steps in the schedule that say nothing about order, and futures polled by hand.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

/// Steps that threads wait for. Relaxed throughout: reaching one orders nothing before it.
#[derive(Debug, Default)]
pub struct Steps(AtomicUsize);

impl Steps {
    /// No step is reached yet.
    pub const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// One step more is reached.
    pub fn reach(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until `steps` are reached.
    pub fn wait(&self, steps: usize) {
        while self.0.load(Ordering::Relaxed) < steps {
            std::thread::yield_now();
        }
    }

    /// Reaches a step and waits until all `parties` have.
    pub fn meet(&self, parties: usize) {
        self.reach();
        self.wait(parties);
    }
}

/// Polls a future until it is ready.
pub fn poll_to_end<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::yield_now(),
        }
    }
}
