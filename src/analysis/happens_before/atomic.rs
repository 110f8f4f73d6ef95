//! Atomics: release sequences and fences, as C++20 and Rust define them.

use crate::event::Order;

use super::sync::SyncClock;
use super::thread::ThreadClock;

/// The clock of an atomic variable: what reading its present value can teach.
///
/// That is the join over the release sequences that the value belongs to (C++20 `[intro.races]`): a store starts a new
/// one, headed by itself if it releases, else by the storing thread's last release fence, if any; a read-modify-write of
/// any order continues those of the value that it read and adds its own. Since C++20 a relaxed store by the same thread
/// does not continue the sequence. A failed compare-exchange is a load.
#[derive(Default, Debug)]
pub struct AtomicClock {
    value: SyncClock,
}

impl AtomicClock {
    /// A value that nobody stored.
    #[must_use]
    pub const fn new() -> Self {
        Self { value: SyncClock::new() }
    }

    /// A load of the present value.
    #[inline]
    pub fn load(&self, thread: &mut ThreadClock, order: Order) {
        if order.acquires() {
            self.value.acquire(thread);
        } else if !self.value.is_by(thread) && !self.value.is_trivial() && !self.value.was_learned_by(thread) {
            thread.fences.get_or_insert_default().pending.absorb(&self.value);
        }
    }

    /// A store.
    #[inline]
    pub fn store(&mut self, thread: &mut ThreadClock, order: Order) {
        if order.releases() {
            self.value.publish(thread);
        } else if let Some(fences) = &thread.fences {
            self.value.assign(&fences.release);
        } else {
            self.value.clear();
        }
    }

    /// A read-modify-write that wrote.
    #[inline]
    pub fn rmw(&mut self, thread: &mut ThreadClock, order: Order) {
        self.load(thread, order);
        if order.releases() && order.acquires() {
            // What the value could teach, the thread knows now.
            self.value.publish(thread);
        } else if order.releases() {
            self.value.publish_join(thread);
        } else if let Some(fences) = &thread.fences {
            self.value.absorb(&fences.release);
        }
    }
}
