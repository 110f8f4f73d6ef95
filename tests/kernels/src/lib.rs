//! What the kernels share: a way to make the unlucky schedule happen that says nothing about order.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Steps that threads wait for. Relaxed throughout: reaching one orders nothing before it.
#[derive(Default)]
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

/// Runs the buggy form, or with the argument `fixed` the fixed one.
pub fn choose(buggy: fn(), fixed: fn()) {
    match std::env::args().nth(1).as_deref() {
        None => buggy(),
        Some("fixed") => fixed(),
        Some(other) => panic!("`{other}`: the only argument is `fixed`"),
    }
}
