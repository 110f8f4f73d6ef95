//! Where findings go: kept by session, printed when no one else will.

use std::io::Write as _;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{Condvar, Mutex, MutexGuard};
use rustc_hash::FxHashMap;

use super::context::Context;
use super::{config, process, registry, stacks, threads, waits};
use crate::analysis::wait_for::SessionId;
use crate::event::ThreadId;
use crate::finding::{Finding, Findings, Fingerprint};
use crate::report::stream::{Also, Line, Withdrawn};

#[derive(Default)]
struct Session {
    findings: Findings,
    /// The thread that runs the checked closure. None in the session of threads that no check started.
    root: Option<ThreadId>,
    /// There are findings that the one who waits for the session has not been told of.
    news: bool,
    stuck: bool,
    ended: bool,
}

type Sessions = FxHashMap<SessionId, Session>;

static SESSIONS: LazyLock<Mutex<Sessions>> = LazyLock::new(Mutex::default);
static CHANGED: Condvar = Condvar::new();

/// Findings on their way, of all sessions.
static REPORTING: AtomicUsize = AtomicUsize::new(0);

/// Something that may become a finding is on its way as long as this lives.
pub(crate) struct Reporting(());

impl Reporting {
    pub(crate) fn new() -> Self {
        REPORTS.fetch_add(1, Ordering::Relaxed);
        REPORTING.fetch_add(1, Ordering::AcqRel);
        Self(())
    }
}

impl Drop for Reporting {
    fn drop(&mut self) {
        REPORTING.fetch_sub(1, Ordering::AcqRel);
    }
}

/// How many findings were on their way so far, new or not.
pub(crate) fn reports() -> usize {
    REPORTS.load(Ordering::Relaxed)
}

static REPORTS: AtomicUsize = AtomicUsize::new(0);

/// Is a finding on its way? Reading the symbols of its stacks may take a second.
pub(crate) fn is_reporting() -> bool {
    REPORTING.load(Ordering::Acquire) > 0
}

/// Takes a finding of the context's thread.
pub(crate) fn report(context: &mut Context, mut finding: Finding) {
    finding.tests.extend(threads::test_of(context.origin()));
    if let Some(kept) = &context.kept {
        kept.showed(&finding);
    }
    take(context.session, finding);
}

/// Takes a finding, and returns it as it is told, if it is news. Called inside the tool.
pub(crate) fn take(session: SessionId, mut finding: Finding) -> Option<Finding> {
    let _reporting = Reporting::new();
    if let Some(known) = SESSIONS.lock().get(&session).and_then(|session| session.findings.get(&finding.fingerprint))
        && known.tier >= finding.tier
        && finding.tests.iter().all(|test| known.tests.contains(test))
    {
        return None;
    }
    for site in &mut finding.sites {
        if site.stack.is_empty()
            && let Some(id) = registry::find(&site.site)
        {
            site.stack = stacks::resolve(id, &site.owner);
        }
    }
    let mut sessions = SESSIONS.lock();
    let state = sessions.entry(session).or_default();
    let known = state.findings.get(&finding.fingerprint).map(|known| known.tests.clone()).unwrap_or_default();
    let new = state.findings.add(finding.clone());
    state.news |= new;
    drop(sessions);
    if new {
        CHANGED.notify_all();
    }
    if session == SessionId::default() {
        match process::get() {
            Some(process) if new => process.write(&Line::Finding(finding.clone())),
            Some(process) => {
                for test in finding.tests.iter().filter(|test| !known.contains(test)) {
                    let also = Also { fingerprint: finding.fingerprint.clone(), test: test.clone() };
                    process.write(&Line::Also(also));
                }
            }
            None if new && config::get().print => tell(&text(&finding)),
            None => {}
        }
    }
    new.then_some(finding)
}

/// Takes back what a test has shown: no order of its events does it. Of a program that is no harness `test` is `None`.
pub(crate) fn withdraw(fingerprint: &Fingerprint, test: Option<&str>) {
    if let Some(session) = SESSIONS.lock().get_mut(&SessionId::default()) {
        session.findings.withdraw(fingerprint, test);
    }
    if let Some(process) = process::get() {
        let withdrawn = Withdrawn { fingerprint: fingerprint.clone(), test: test.map(str::to_owned) };
        process.write(&Line::Withdrawn(withdrawn));
    }
}

/// The report on one finding.
pub(crate) fn text(finding: &Finding) -> String {
    crate::report::text(std::slice::from_ref(finding), crate::report::Style::Plain)
}

/// Not by `eprintln!`: a harness of tests would keep it to itself if the test passes, and it panics when no one reads, which
/// no hook may.
fn tell(text: &str) {
    // Outside a check there is no one else to tell, not even that it failed.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// All findings of a session so far.
pub(crate) fn findings(session: SessionId) -> Vec<Finding> {
    SESSIONS.lock().get(&session).map(|session| session.findings.as_slice().to_vec()).unwrap_or_default()
}

/// A session starts with this thread.
pub(crate) fn open(session: SessionId, root: ThreadId) {
    SESSIONS.lock().entry(session).or_default().root = Some(root);
}

/// The root's closure has ended.
pub(crate) fn done(session: SessionId) {
    SESSIONS.lock().entry(session).or_default().ended = true;
    CHANGED.notify_all();
}

/// Has the closure that the session is about ended? What still waits then, waits for a program that is over.
pub(crate) fn is_done(session: SessionId) -> bool {
    SESSIONS.lock().get(&session).is_some_and(|session| session.root.is_some() && session.ended)
}

/// A knot was found: if the session's root now waits for ever, whoever waits for the session need wait no longer.
pub(crate) fn root_may_be_stuck(session: SessionId) {
    let root = SESSIONS.lock().get(&session).and_then(|session| session.root);
    if root.is_some_and(waits::is_stuck) {
        SESSIONS.lock().entry(session).or_default().stuck = true;
        CHANGED.notify_all();
    }
}

/// Waits until the session's root has ended, or never will. True when it has ended. Meanwhile `told` gets all findings so
/// far whenever there is a new one.
pub(crate) fn wait_for_root(session: SessionId, told: &mut dyn FnMut(&[Finding])) -> bool {
    let mut sessions = SESSIONS.lock();
    loop {
        let state = sessions.entry(session).or_default();
        if std::mem::take(&mut state.news) {
            let findings = state.findings.as_slice().to_vec();
            MutexGuard::unlocked(&mut sessions, || told(&findings));
        } else if state.ended || state.stuck {
            return state.ended;
        } else {
            CHANGED.wait(&mut sessions);
        }
    }
}

/// Forgets the session and hands over its findings.
pub(crate) fn close(session: SessionId) -> Vec<Finding> {
    SESSIONS.lock().remove(&session).map(|session| session.findings.into_vec()).unwrap_or_default()
}
