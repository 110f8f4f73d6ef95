//! Live waits: the one wait-for graph of the process, entered only by operations that really have to wait.

use std::sync::{Arc, LazyLock};

use parking_lot::{Condvar, Mutex};

use super::config::{self, OnDeadlock};
use super::context::Entered;
use super::registry::LiveNames;
use super::sink;
use crate::analysis::wait_for::{Blocked, Knot, SessionId, Wait, WaitGraph};
use crate::event::{LockId, SiteId, ThreadId};
use crate::finding::Finding;

static GRAPH: LazyLock<Mutex<WaitGraph>> = LazyLock::new(Mutex::default);

/// While this lives, its thread is known to wait.
pub(crate) struct Waiting {
    thread: ThreadId,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        granted(self.thread);
    }
}

/// Enters a wait without a time limit. `None` when waits are not watched.
///
/// # Panics
///
/// If this closes a knot and the user asked for a panic then.
pub(crate) fn begin(mut inside: Entered, wait: Wait, site: SiteId) -> Option<Waiting> {
    if !inside.modes.waits() {
        return None;
    }
    let thread = inside.thread;
    let blocked = Blocked { wait, site, ordinal: 0, holds: inside.locks.holdings() };
    let knot = GRAPH.lock().block(thread, blocked);
    let waiting = Waiting { thread };
    let Some(knot) = knot else { return Some(waiting) };
    if let Some(finding) = judge(&knot, inside.session) {
        let message = finding.message.clone();
        sink::report(&mut inside, finding);
        sink::root_may_be_stuck(inside.session);
        match config::get().on_deadlock {
            OnDeadlock::Continue => {}
            OnDeadlock::Abort => sink::exit_after_deadlock(),
            OnDeadlock::Panic => {
                drop(inside);
                drop(waiting);
                panic!("deadlock: {message}");
            }
        }
    } else {
        sink::root_may_be_stuck(inside.session);
    }
    Some(waiting)
}

/// Will the thread wait for ever?
pub(crate) fn is_stuck(thread: ThreadId) -> bool {
    let graph = GRAPH.lock();
    graph.is_blocked(thread) && graph.search(thread).is_some()
}

/// Someone ends the thread's wait (or it ended it itself). Called *before* the grant takes effect, so that a thread on
/// its way is never taken for a stuck one.
pub(crate) fn granted(thread: ThreadId) {
    GRAPH.lock().unblock(thread);
}

/// A thread that can act from now on.
pub(crate) fn thread_begins(thread: ThreadId, session: SessionId) {
    GRAPH.lock().begin(thread, session);
}

/// The thread will not act any more. Returns what it leaves stuck behind it.
pub(crate) fn thread_ends(thread: ThreadId, session: SessionId, left: &[LockId]) -> Option<Finding> {
    let knot = GRAPH.lock().end(thread, left);
    knot.and_then(|knot| judge(&knot, session))
}

/// Does every thread of the session wait, or is there none left?
pub(crate) fn is_quiet(session: SessionId) -> bool {
    GRAPH.lock().is_quiet(session)
}

/// A knot with a wait that any thread could end is certain only when all threads are known; and after the end of the
/// checked closure such a wait is a daemon's.
fn judge(knot: &Knot, session: SessionId) -> Option<Finding> {
    if knot.needs_all_threads() && ((session == SessionId::default() && strangers()) || sink::is_done(session)) {
        return None;
    }
    knot.finding(&LiveNames)
}

/// Are there threads in the process that no hook has seen? On systems that can't tell, none are assumed.
fn strangers() -> bool {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return false };
    tasks.count() > super::threads::known_to_live()
}

/// Puts a thread to sleep until another one grants what it waits for. A parker of its own, so that the user's wake-up
/// tokens are neither used up nor given by us.
#[derive(Default, Debug)]
pub(crate) struct Grant {
    granted: Mutex<bool>,
    changed: Condvar,
}

impl Grant {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Ends the wait.
    pub(crate) fn give(&self) {
        *self.granted.lock() = true;
        self.changed.notify_one();
    }

    /// Sleeps until [`Grant::give`].
    pub(crate) fn wait(&self) {
        let mut granted = self.granted.lock();
        while !*granted {
            self.changed.wait(&mut granted);
        }
    }

    /// Sleeps until [`Grant::give`] or the deadline; true when granted.
    pub(crate) fn wait_until(&self, deadline: std::time::Instant) -> bool {
        let mut granted = self.granted.lock();
        while !*granted {
            if self.changed.wait_until(&mut granted, deadline).timed_out() {
                return *granted;
            }
        }
        true
    }
}
