//! Live waits: the one wait-for graph of the process, entered only by operations that really have to wait.

use std::sync::LazyLock;

use super::config::{self, OnDeadlock};
use super::context::Entered;
use super::registry::LiveNames;
use super::sink::Reporting;
use super::{channels, sink};
use crate::analysis::wait_for::{Blocked, Knot, SessionId, Wait, WaitGraph};
use crate::event::{LockId, SiteId, ThreadId};
use crate::finding::Finding;
use crate::primitive::{Condvar, Mutex};

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
    let knot = {
        let mut graph = GRAPH.lock();
        // Under the lock: whoever sees the thread wait sees that there is something to come of it.
        graph.block(thread, blocked).map(|knot| (knot, Reporting::new()))
    };
    let waiting = Waiting { thread };
    let Some((knot, reporting)) = knot else { return Some(waiting) };
    if let Some(finding) = judge(knot, inside.session) {
        let message = finding.message.clone();
        sink::report(&mut inside, finding);
        // Whoever kills the hanging program finds the trace complete up to here.
        if let Some(log) = config::log() {
            let _ = log.flush();
        }
        match config::get().on_deadlock {
            OnDeadlock::Continue => sink::root_may_be_stuck(inside.session),
            OnDeadlock::Abort => sink::exit_after_deadlock(),
            OnDeadlock::Panic => {
                // The wait is over before anyone can take the thread for one that is stuck.
                drop(waiting);
                drop(reporting);
                drop(inside);
                panic!("deadlock: {message}");
            }
        }
        drop(reporting);
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

/// The thread will not act any more. What it leaves stuck behind it goes to `report`.
pub(crate) fn thread_ends(thread: ThreadId, session: SessionId, left: &[LockId], report: impl FnOnce(Finding)) {
    let knot = {
        let mut graph = GRAPH.lock();
        graph.end(thread, left).map(|knot| (knot, Reporting::new()))
    };
    if let Some((knot, _reporting)) = knot
        && let Some(finding) = judge(knot, session)
    {
        report(finding);
    }
}

/// Does every thread of the session wait, or has ended? What they found until then may still be on its way, see
/// [`sink::is_reporting`].
pub(crate) fn is_quiet(session: SessionId) -> bool {
    GRAPH.lock().is_quiet(session)
}

/// A knot with a wait that any thread could end is certain only when all threads are known; and after the end of the
/// checked closure such a wait is a daemon's.
fn judge(mut knot: Knot, session: SessionId) -> Option<Finding> {
    if knot.needs_all_threads() {
        if (session == SessionId::default() && strangers()) || sink::is_done(session) {
            return None;
        }
        channels::starve(&mut knot);
    }
    knot.finding(&LiveNames)
}

/// Can the thread still act, as far as the graph was told?
pub(crate) fn is_alive(thread: ThreadId) -> bool {
    GRAPH.lock().is_known(thread)
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

#[cfg(test)]
mod models {
    use std::sync::Arc;

    use super::*;
    use crate::primitive::model::{Plain, check, spawn};

    /// A grant is never lost, whether it comes before the wait or after, and what was done before it is seen after it.
    #[test]
    fn a_grant_is_not_lost() {
        check("a grant is not lost", || {
            let shared = Arc::new((Grant::default(), Plain::new(0)));
            let giver = Arc::clone(&shared);
            let thread = spawn(move || {
                giver.1.set(1);
                giver.0.give();
            });
            shared.0.wait();
            assert_eq!(shared.1.get(), 1);
            // The second wait finds the grant of the first: it stays given.
            assert!(shared.0.wait_until(std::time::Instant::now()));
            thread.join().unwrap();
        });
    }
}
