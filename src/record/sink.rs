//! Where findings go: kept by session, printed when no one else will.

use std::sync::LazyLock;

use parking_lot::{Condvar, Mutex};
use rustc_hash::{FxHashMap, FxHashSet};

use super::context::Context;
use super::{config, registry, stacks, waits};
use crate::analysis::wait_for::SessionId;
use crate::event::ThreadId;
use crate::finding::{Finding, Findings};

#[derive(Default)]
struct Sessions {
    findings: FxHashMap<SessionId, Findings>,
    roots: FxHashMap<SessionId, ThreadId>,
    stuck: FxHashSet<SessionId>,
    done: FxHashSet<SessionId>,
}

static SESSIONS: LazyLock<Mutex<Sessions>> = LazyLock::new(Mutex::default);
static CHANGED: Condvar = Condvar::new();

/// Takes a finding of the context's thread.
pub(crate) fn report(context: &mut Context, mut finding: Finding) {
    for site in &mut finding.sites {
        if site.stack.is_empty()
            && let Some(id) = registry::find(&site.site)
        {
            site.stack = stacks::resolve(id);
        }
    }
    let text = crate::report::text(std::slice::from_ref(&finding), crate::report::Style::Plain);
    let mut sessions = SESSIONS.lock();
    let new = sessions.findings.entry(context.session).or_default().add(finding);
    drop(sessions);
    if new && context.session == SessionId::default() && config::get().print {
        print(&text);
    }
}

#[allow(clippy::print_stderr, reason = "outside a check there is no one else to tell")]
fn print(text: &str) {
    eprintln!("{text}");
}

/// All findings of a session so far.
pub(crate) fn findings(session: SessionId) -> Vec<Finding> {
    SESSIONS.lock().findings.get(&session).map(|findings| findings.as_slice().to_vec()).unwrap_or_default()
}

/// A session starts with this thread.
pub(crate) fn open(session: SessionId, root: ThreadId) {
    SESSIONS.lock().roots.insert(session, root);
}

/// The root's closure has ended.
pub(crate) fn done(session: SessionId) {
    SESSIONS.lock().done.insert(session);
    CHANGED.notify_all();
}

/// A knot was found: if the session's root now waits for ever, whoever waits for the session need wait no longer.
pub(crate) fn root_may_be_stuck(session: SessionId) {
    let root = SESSIONS.lock().roots.get(&session).copied();
    if root.is_some_and(waits::is_stuck) {
        SESSIONS.lock().stuck.insert(session);
        CHANGED.notify_all();
    }
}

/// Waits until the session's root has ended, or never will. True when it has ended.
pub(crate) fn wait_for_root(session: SessionId) -> bool {
    let mut sessions = SESSIONS.lock();
    loop {
        if sessions.done.contains(&session) {
            return true;
        }
        if sessions.stuck.contains(&session) {
            return false;
        }
        CHANGED.wait(&mut sessions);
    }
}

/// Forgets the session and hands over its findings.
pub(crate) fn close(session: SessionId) -> Vec<Finding> {
    let mut sessions = SESSIONS.lock();
    sessions.roots.remove(&session);
    sessions.stuck.remove(&session);
    sessions.done.remove(&session);
    sessions.findings.remove(&session).map(Findings::into_vec).unwrap_or_default()
}

/// Ends the process after a deadlock was reported, as the user asked.
pub(crate) fn exit_after_deadlock() -> ! {
    if let Some(log) = config::log() {
        let _ = log.close();
    }
    std::process::exit(1)
}
