//! A race as a value, and as a finding.

use crate::event::{Names, Object, ObjectInfo, ObjectKind, SiteId, ThreadId, VarId};
use crate::finding::{Finding, Held, Involved, Kind, SiteReport, Tier};

use super::held::HeldLock;

/// One side of a race.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Access {
    /// Who.
    pub thread: ThreadId,
    /// Where.
    pub site: SiteId,
    /// Was it a write?
    pub write: bool,
    /// Position in the stream, as it was given to [`HappensBefore::observe`](super::HappensBefore::observe).
    pub ordinal: u64,
    /// The locks that the thread held, oldest first.
    pub held: Vec<HeldLock>,
}

/// Two accesses to one cell, at least one of them a write, that happens-before does not order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Race {
    /// The cell.
    pub var: VarId,
    /// The access that came first in this run.
    pub earlier: Access,
    /// The access that was found to be unordered with it.
    pub later: Access,
}

impl Race {
    /// The race as a finding: observed, both accesses, the later one first.
    #[must_use]
    pub fn finding(&self, names: &dyn Names) -> Finding {
        let object = Object::Var(self.var);
        let info = names.object(object);
        let cell = describe(object, info.as_ref());
        let quoted = match info.as_ref().and_then(|info| info.name.as_ref()) {
            Some(name) => format!("`{name}`"),
            None => cell.clone(),
        };
        let (later, earlier) = (&self.later, &self.earlier);
        let message = format!(
            "{} of {quoted} by {} races with {} by {}: nothing orders the two",
            verb(later),
            owner(later.thread, names),
            verb(earlier),
            owner(earlier.thread, names),
        );
        let sites = vec![report(later, &quoted, names), report(earlier, &quoted, names)];
        let kind = info.as_ref().map_or(ObjectKind::Cell, |info| info.kind);
        let involved = Involved { object: cell, kind, created: info.and_then(|info| info.created) };
        Finding::new(Kind::DataRace, Tier::Observed, message, sites, vec![involved])
            .with_help(self.advice(&quoted, names))
            .with_help(
                "or make one happen before the other: a channel, a join, a barrier, or a Release store that the other side \
                 loads with Acquire (Relaxed orders nothing)",
            )
    }

    /// What would have ordered the two, from the locks that were held.
    fn advice(&self, cell: &str, names: &dyn Names) -> String {
        let held = |access: &Access| {
            let lock = access.held.last()?;
            Some(format!("`{}`", describe(Object::Lock(lock.lock), names.object(Object::Lock(lock.lock)).as_ref())))
        };
        let both = self.later.held.iter().any(|lock| self.earlier.held.iter().any(|other| other.lock == lock.lock));
        match (held(&self.later), held(&self.earlier)) {
            _ if both => {
                format!("one lock is held at both accesses, but only for reading: write {cell} under its writer")
            }
            (Some(lock), None) | (None, Some(lock)) => {
                format!("one side holds {lock} and the other does not: take it on both sides of {cell}")
            }
            (Some(one), Some(other)) => {
                format!("the sides hold different locks, {one} and {other}: guard {cell} by one lock on both sides")
            }
            (None, None) => format!("guard {cell} by one lock on both sides"),
        }
    }
}

fn verb(access: &Access) -> &'static str {
    if access.write { "write" } else { "read" }
}

fn owner(thread: ThreadId, names: &dyn Names) -> String {
    names.thread_name(thread).unwrap_or_else(|| thread.to_string())
}

fn report(access: &Access, cell: &str, names: &dyn Names) -> SiteReport {
    let held = access.held.iter().map(|held| Held {
        lock: describe(Object::Lock(held.lock), names.object(Object::Lock(held.lock)).as_ref()),
        mode: held.mode,
        at: names.site(held.site),
    });
    SiteReport {
        role: format!("{} of {cell}", verb(access)),
        site: names.site(access.site),
        owner: owner(access.thread, names),
        held: held.collect(),
        event: Some(access.ordinal),
        stack: Vec::new(),
    }
}

/// The object's name, else kind and creation site, else its number.
fn describe(object: Object, info: Option<&ObjectInfo>) -> String {
    let kind = |kind| match kind {
        ObjectKind::Mutex => "mutex",
        ObjectKind::RwLock => "rwlock",
        ObjectKind::ReentrantMutex => "reentrant mutex",
        ObjectKind::Cell => "cell",
        ObjectKind::Atomic => "atomic",
        ObjectKind::Condvar => "condvar",
        ObjectKind::Channel => "channel",
        ObjectKind::Barrier => "barrier",
        ObjectKind::Once => "once",
    };
    match info {
        Some(ObjectInfo { name: Some(name), .. }) => name.clone(),
        Some(ObjectInfo { kind: known, created: Some(site), .. }) => format!("{} made at {site}", kind(*known)),
        _ => object.to_string(),
    }
}
