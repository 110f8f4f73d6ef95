//! A race as a value, and as a finding.

use crate::event::{Names, Object, SiteId, ThreadId, VarId};
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
    /// Position in the stream (0 when live), as it was given to [`HappensBefore::observe`](super::HappensBefore::observe).
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
        self.told(Tier::Observed, "nothing orders the two", names)
    }

    /// The same of a race that a correct reordering of the run has.
    #[must_use]
    pub fn predicted(&self, names: &dyn Names) -> Finding {
        self.told(Tier::Predicted, "another order of the same events puts them side by side", names)
    }

    fn told(&self, tier: Tier, why: &str, names: &dyn Names) -> Finding {
        let object = Object::Var(self.var);
        let quoted = names.label(object);
        let (later, earlier) = (&self.later, &self.earlier);
        let message = format!(
            "{} of {quoted} by {} races with {} by {}: {why}",
            verb(later),
            names.owner_label(later.thread),
            verb(earlier),
            names.owner_label(earlier.thread),
        );
        let sites = vec![report(later, &quoted, names), report(earlier, &quoted, names)];
        let involved = Involved::new(names, object);
        Finding::new(Kind::DataRace, tier, message, sites, vec![involved])
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
            Some(names.label(Object::Lock(lock.lock)))
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

fn report(access: &Access, cell: &str, names: &dyn Names) -> SiteReport {
    let held = access.held.iter().map(|held| Held::new(names, held.lock, held.mode, held.site));
    SiteReport {
        role: format!("{} of {cell}", verb(access)),
        site: names.site(access.site),
        owner: names.owner_name(access.thread),
        held: held.collect(),
        event: Some(access.ordinal).filter(|&ordinal| ordinal > 0),
        stack: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{HappensBefore, Listing};
    use super::*;
    use crate::event::{Attempt, Event, LockId, Mode, ObjectInfo, ObjectKind, Op, Owner, Site};

    struct Named;

    impl Names for Named {
        fn site(&self, id: SiteId) -> Site {
            Site::new("bank.rs", id.0, 5)
        }

        fn thread_name(&self, id: ThreadId) -> Option<String> {
            (id.0 == 1).then(|| "teller".to_owned())
        }

        fn object(&self, object: Object) -> Option<ObjectInfo> {
            Some(match object {
                Object::Var(_) => ObjectInfo {
                    kind: ObjectKind::Cell,
                    name: Some("balance".to_owned()),
                    created: Some(Site::new("bank.rs", 1, 9)),
                },
                _ => ObjectInfo { kind: ObjectKind::Mutex, name: None, created: Some(Site::new("bank.rs", 2, 9)) },
            })
        }
    }

    #[test]
    fn a_finding_names_both_accesses_and_what_was_held() {
        let (lock, mode, attempt, var) = (LockId(0), Mode::Exclusive, Attempt::Blocking, VarId(0));
        let steps = [
            (0, Op::Read { var }),
            (1, Op::Acquired { lock, mode, attempt }),
            (1, Op::Write { var }),
            (1, Op::Released { lock, mode }),
        ];
        let mut checker = HappensBefore::new(Listing::SitePairs);
        let mut findings = Vec::new();
        for (at, (thread, op)) in (1..).zip(steps) {
            let event = Event { owner: Owner::thread(ThreadId(thread)), site: SiteId(at), op };
            findings.extend(checker.observe(u64::from(at), &event).iter().map(|race| race.finding(&Named)));
        }
        let [finding] = &findings[..] else { panic!("{findings:?}") };
        assert_eq!((finding.kind, finding.tier), (Kind::DataRace, Tier::Observed));
        assert_eq!(
            finding.message,
            "write of `balance` by `teller` races with read by thread 0: nothing orders the two"
        );
        let sides = finding.sites.iter().map(|side| (&*side.role, &*side.owner, side.site.line, side.event));
        let expected = [("write of `balance`", "teller", 3, Some(3)), ("read of `balance`", "thread 0", 1, Some(1))];
        assert_eq!(sides.collect::<Vec<_>>(), expected);
        let held: Vec<_> = finding.sites[0].held.iter().map(|held| (held.lock.as_str(), held.at.line)).collect();
        assert_eq!(held, [("mutex made at bank.rs:2:9", 2)]);
        assert!(finding.sites[1].held.is_empty());
        assert_eq!(finding.objects[0].object, "balance");
        let advice =
            "one side holds the mutex made at bank.rs:2:9 and the other does not: take it on both sides of `balance`";
        assert_eq!(finding.help[0], advice);
    }

    #[test]
    fn each_pair_of_sites_is_told_once_for_a_cell() {
        let told = |listing, cells: u32| {
            let mut checker = HappensBefore::new(listing);
            let mut told = 0;
            for round in 0..100 {
                let cell = round % cells;
                for thread in 0..2 {
                    // The sides are swapped in every other cell.
                    let site = SiteId(1 + (thread + cell) % 2);
                    let op = Op::Write { var: VarId(cell) };
                    told += checker.observe(1, &Event { owner: Owner::thread(ThreadId(thread)), site, op }).len();
                }
            }
            told
        };
        assert_eq!((told(Listing::SitePairs, 1), told(Listing::EveryEvent, 100)), (1, 100));
        assert_eq!((told(Listing::SitePairs, 10), told(Listing::SitePairs, 100)), (10, 64));
    }
}
