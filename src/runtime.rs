//! The hooks of the live recorder for wrappers that are compiled apart: the layers that `cargo gordian` puts over the very
//! versions of crates that a program uses.
//!
//! Not for users, and without promises: a layer is always compiled against the library that it comes with. The names are
//! those that the library's own wrappers know the hooks by, so that a source file can be part of both.

use std::sync::Arc;
use std::time::Instant;

use crate::record;

pub mod barriers;
pub mod blocking;
pub mod ends;
pub mod guards;
#[cfg(any(feature = "async-lock", feature = "futures"))]
pub mod held;
pub mod leaf;
pub mod messages;
pub mod notify;
pub mod onces;
pub mod semaphores;
pub mod tasks;
pub use record::tasks::timeline;

/// A place in the user's source.
pub type Place = record::Place;

/// The stack of a thread for which the program wants one of `size` bytes, and some more for the detector.
#[must_use]
pub fn stack_size(size: usize) -> usize {
    record::threads::stack_size(size)
}

/// The wait of a thread, until this is dropped.
pub struct Waiting(#[allow(dead_code, reason = "it is the drop that counts")] record::waits::Waiting);

/// Hooks of locks.
pub mod locks {
    use super::{Place, Waiting};
    use crate::event::{Attempt, Mode, ObjectKind};
    use crate::record::locks;

    /// What a wrapper keeps beside the real lock.
    pub struct LockMeta(pub(super) locks::LockMeta);

    impl LockMeta {
        /// Of a lock made at `created`.
        pub const fn new(kind: ObjectKind, created: Place) -> Self {
            Self(locks::LockMeta::opaque(kind, created))
        }

        /// Gives the lock a name for reports.
        pub fn set_name(&self, name: &str) {
            self.0.set_name(name);
        }
    }

    /// Before waiting for a mutex.
    pub fn request(meta: &LockMeta, mode: Mode, upgrade: bool, place: Place) -> Option<Waiting> {
        locks::request(&meta.0, mode, upgrade, place).map(Waiting)
    }

    /// After an attempt that found the lock taken.
    pub fn missed(meta: &LockMeta, mode: Mode, place: Place) {
        locks::missed(&meta.0, mode, place);
    }

    /// After the exclusive acquisition of a mutex.
    #[inline]
    pub fn acquired(meta: &LockMeta, attempt: Attempt, place: Place) {
        locks::acquired(&meta.0, attempt, place);
    }

    /// Before the release of a mutex.
    #[inline]
    pub fn released(meta: &LockMeta) {
        locks::released(&meta.0);
    }

    /// What a wrapper keeps beside a real reader-writer lock.
    pub struct RwMeta(locks::RwMeta);

    impl RwMeta {
        /// Of a lock made at `created`.
        pub const fn new(kind: ObjectKind, created: Place) -> Self {
            Self(locks::RwMeta::opaque(kind, created))
        }

        /// Gives the lock a name for reports.
        pub fn set_name(&self, name: &str) {
            self.0.lock.set_name(name);
        }

        /// Before waiting for the lock.
        pub fn request(&self, mode: Mode, upgrade: bool, place: Place) -> Option<Waiting> {
            locks::request(&self.0.lock, mode, upgrade, place).map(Waiting)
        }

        /// After an attempt that found the lock taken.
        pub fn missed(&self, mode: Mode, place: Place) {
            locks::missed(&self.0.lock, mode, place);
        }

        /// After an acquisition in `mode`.
        #[inline]
        pub fn acquired(&self, mode: Mode, attempt: Attempt, place: Place) {
            self.0.acquired(mode, attempt, place);
        }

        /// Before a release of `mode`.
        #[inline]
        pub fn released(&self, mode: Mode) {
            self.0.released(mode);
        }
    }
}

/// Hooks of condition variables.
pub mod condvars {
    use super::locks::LockMeta;
    use super::{Instant, Place, Waiting};
    use crate::record::condvars;

    /// What a condvar keeps beside its waiters.
    #[derive(Debug)]
    pub struct CondvarMeta(condvars::CondvarMeta);

    impl CondvarMeta {
        /// Of a condvar made at `created`.
        pub const fn new(created: Place) -> Self {
            Self(condvars::CondvarMeta::new(created))
        }

        /// Gives the condvar a name for reports.
        pub fn set_name(&self, name: &str) {
            self.0.set_name(name);
        }

        /// The current thread has released the mutex, stands in the queue without a time limit, and enters its wait.
        pub fn wait(&self, mutex: &LockMeta, place: Place) -> Option<Waiting> {
            self.0.wait(&mutex.0, place).map(Waiting)
        }

        /// The current thread has released the mutex, stands in the queue, and waits until `deadline` (`None`: for ages).
        pub fn wait_until(&self, deadline: Option<Instant>, place: Place) {
            self.0.wait_until(deadline, place);
        }

        /// The current thread's wait is over.
        pub fn woken(&self, notified: bool, place: Place) {
            self.0.woken(notified, place);
        }

        /// The current thread has taken waiters out of the queue, `woken` of which had told of their wait.
        pub fn notified(&self, all: bool, woken: u32, place: Place) {
            self.0.notified(all, woken, place);
        }
    }
}

/// Queues of waiting threads.
pub mod queue {
    use std::collections::VecDeque;

    use super::{Arc, Instant};
    use crate::record::queue;

    /// Puts something to the end of a list of the wrapper's own.
    pub fn push<T>(list: &mut VecDeque<T>, item: T) {
        queue::push(list, item);
    }

    /// A thread in a queue.
    #[derive(Debug)]
    pub struct Waiter(Arc<queue::Waiter>);

    impl Waiter {
        /// The current thread, about to wait.
        #[allow(clippy::new_ret_no_self, reason = "a waiter is shared between its thread and the queue")]
        pub fn new() -> Arc<Self> {
            Arc::new(Self(queue::Waiter::new()))
        }

        /// Ends the wait. Called under the lock of the object in whose queue the waiter was.
        pub fn end(&self) {
            self.0.end();
        }

        /// Sleeps until the wait is ended, or the deadline has passed: then false.
        pub fn sleep(&self, deadline: Option<Instant>) -> bool {
            self.0.sleep(deadline)
        }
    }
}
