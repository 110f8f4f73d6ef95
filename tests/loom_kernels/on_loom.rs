//! The kernels over loom's primitives.

pub(crate) use loom::sync::atomic::{AtomicUsize, Ordering};
pub(crate) use loom::sync::{Arc, Condvar, Mutex};
pub(crate) use loom::thread;

/// Does nothing: loom finds the schedule in which the bug shows without help.
pub(crate) struct Meeting;

impl Meeting {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) fn wait(&self) {}
}

/// A cell without synchronisation; loom fails an execution in which two accesses race.
pub(crate) struct Shared<T>(loom::cell::UnsafeCell<T>);

// SAFETY: loom runs the threads of a model one at a time, and ends the execution before an access that races.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T: Copy> Shared<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::cell::UnsafeCell::new(value))
    }

    pub(crate) fn get(&self) -> T {
        // SAFETY: loom has checked that no write races with this read.
        self.0.with(|value| unsafe { *value })
    }

    pub(crate) fn set(&self, new: T) {
        // SAFETY: loom has checked that no access races with this write.
        self.0.with_mut(|value| unsafe { *value = new });
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
