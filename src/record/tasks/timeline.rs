//! What the event loop does, for who wants to look at it: a stream of who was polled, suspended and woken.
//!
//! Off until [`start`] is called; then each happening costs a clock and a lock.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

use crate::event::ThreadId;
use crate::record::Place;

/// What happened to a task.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Happening {
    /// It was spawned; from here on it is in the queue.
    Spawned {
        /// By this thread or task.
        by: ThreadId,
        /// Where.
        at: Place,
    },
    /// A poll begins.
    PollBegin,
    /// The poll ends: suspended, unless it was woken meanwhile.
    PollEnd {
        /// It was not ready.
        pending: bool,
    },
    /// In its present poll it has begun, or goes on, to wait for this moment.
    Sleeps {
        /// When it is to be woken; the event loop may come to that later.
        until: Instant,
    },
    /// It was woken for the first time since its last poll began: it is in the queue.
    Woken,
    /// Its future was ready.
    Ended,
    /// Its future was dropped before.
    Cancelled,
}

/// One happening.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// When.
    pub at: Instant,
    /// On which thread of the system, numbered by first use.
    pub thread: ThreadId,
    /// To whom: a [task](ThreadId::of_task).
    pub task: ThreadId,
    /// What.
    pub what: Happening,
}

static ON: AtomicBool = AtomicBool::new(false);
static STREAM: Mutex<Vec<Moment>> = Mutex::new(Vec::new());

/// From now on everything that happens to tasks is kept, until [`take`].
pub fn start() {
    ON.store(true, Ordering::Release);
}

/// What has happened since [`start`], oldest first. Nothing more is kept.
pub fn take() -> Vec<Moment> {
    ON.store(false, Ordering::Release);
    std::mem::take(&mut STREAM.lock())
}

/// The task that is being polled waits for a moment.
#[inline]
pub fn sleeps(until: Instant) {
    if ON.load(Ordering::Relaxed)
        && let Some(task) = super::poll::current()
    {
        note(task.actor, Happening::Sleeps { until });
    }
}

/// Called inside the tool or not.
#[inline]
pub(super) fn tell(task: ThreadId, what: Happening) {
    if ON.load(Ordering::Relaxed) {
        note(task, what);
    }
}

#[cold]
fn note(task: ThreadId, what: Happening) {
    let thread = crate::record::context::thread_number();
    STREAM.lock().push(Moment { at: Instant::now(), thread, task, what });
}
