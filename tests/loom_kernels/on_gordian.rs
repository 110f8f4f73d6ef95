//! The same kernels over the watched primitives.

pub(crate) use gordian::sync::atomic::{AtomicUsize, Ordering};
pub(crate) use gordian::sync::{Arc, Condvar, Mutex};
pub(crate) use gordian::{Shared, thread};

/// Orders the two threads of a kernel so that the bug shows, without the detector knowing.
pub(crate) struct Meeting(gordian::unobserved::Barrier);

impl Meeting {
    pub(crate) fn new() -> Self {
        Self(gordian::unobserved::Barrier::new(2))
    }

    pub(crate) fn wait(&self) {
        self.0.wait();
    }
}

#[path = "ab_ba.rs"]
pub(crate) mod ab_ba;
#[path = "lost_update.rs"]
pub(crate) mod lost_update;
#[path = "lost_wakeup.rs"]
pub(crate) mod lost_wakeup;
#[path = "relaxed_publication.rs"]
pub(crate) mod relaxed_publication;
#[path = "wait_with_lock.rs"]
pub(crate) mod wait_with_lock;
