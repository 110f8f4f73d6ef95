//! A finding is a value that carries its proof; an analysis makes it, a report tells it, nothing else decides.

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::event::{LockId, Mode, Names, Object, ObjectKind, Site, SiteId, ThreadId};

/// How much is proved.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// The pattern is there, and no reordering of this run proves it.
    Possible,
    /// A correct reordering of this run does it; the witness is in the finding.
    Predicted,
    /// It happened in this run.
    Observed,
}

/// Declares the closed list of kinds with their stable names.
macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What is wrong. A closed list with stable names; `gordian explain NAME` has a page for each.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Kind { $($(#[$doc])* $variant,)* }

        impl Kind {
            /// All kinds, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

kinds! {
    /// Locks are taken in orders that can wait for one another.
    LockOrderCycle = "lock-order-cycle",
    /// An owner waits for what it holds itself.
    SelfDeadlock = "self-deadlock",
    /// A second read of a lock that a writer can get between.
    RecursiveRead = "recursive-read",
    /// Owners wait for one another over mixed resources.
    WaitCycle = "wait-cycle",
    /// A wait that no one is left to end.
    LostWakeup = "lost-wakeup",
    /// A lock waits for a future that its own task no longer polls.
    Futurelock = "futurelock",
    /// All slots of a pool wait for work that needs a slot.
    PoolStarvation = "pool-starvation",
    /// A task awaits what only its own unpolled future can provide.
    UnpolledFuture = "unpolled-future",
    /// Two accesses, one a write, not ordered by happens-before.
    DataRace = "data-race",
    /// A write that overwrites another owner's without having seen it.
    LostUpdate = "lost-update",
    /// A check or half an update, made stale by another owner before it is used.
    AtomicityViolation = "atomicity-violation",
    /// A blocking guard alive when a poll returns Pending.
    GuardAcrossAwait = "guard-across-await",
    /// A blocking call, or long computation, inside a poll.
    BlockingInAsync = "blocking-in-async",
    /// A future dropped in the middle of an update.
    CancelledCriticalSection = "cancelled-critical-section",
    /// Permits, parties or locks that never come back.
    ResourceLeak = "resource-leak",
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name).ok_or_else(|| UnknownKind(name.to_owned()))
    }
}

/// No kind has this name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownKind(pub String);

impl std::fmt::Display for UnknownKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no finding kind is called `{}`", self.0)
    }
}

impl std::error::Error for UnknownKind {}

/// A lock that was held at a site, and where it was taken.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Held {
    /// The lock as a reader knows it: its name, else kind and creation site.
    pub lock: String,
    /// How it is held.
    pub mode: Mode,
    /// Where it was taken.
    pub at: Site,
}

impl Held {
    /// The held lock by its names.
    #[must_use]
    pub fn new(names: &dyn Names, lock: LockId, mode: Mode, at: SiteId) -> Self {
        Self { lock: names.object_name(Object::Lock(lock)), mode, at: names.site(at) }
    }
}

/// An object that takes part in a finding.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Involved {
    /// The object as a reader knows it: its name, else kind and creation site.
    pub object: String,
    /// What it is.
    pub kind: ObjectKind,
    /// Where it was made, if known.
    pub created: Option<Site>,
}

impl Involved {
    /// The object by its names.
    #[must_use]
    pub fn new(names: &dyn Names, object: Object) -> Self {
        let info = names.object(object);
        Self {
            object: names.object_name(object),
            kind: info.as_ref().map_or(object.default_kind(), |info| info.kind),
            created: info.and_then(|info| info.created),
        }
    }
}

/// One operation of a finding.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SiteReport {
    /// What was done there, in a few words ("write of `balance`", "waits for `right fork`").
    pub role: String,
    /// Where.
    #[serde(flatten)]
    pub site: Site,
    /// Who: the thread's name or number.
    pub owner: String,
    /// What the owner held there.
    pub held: Vec<Held>,
    /// Position in the stream: the 1-based line of an STD file, or the 1-based ordinal of our own. Absent when live.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub event: Option<u64>,
    /// Stack of the operation, innermost first, already symbolised; empty when none was taken.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub stack: Vec<String>,
}

/// One step of a reordering: an event of the run, done by its owner after the steps before.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Move {
    /// Who: the thread's name or number.
    pub owner: String,
    /// What, in a few words (``writes `balance` ``).
    pub action: String,
    /// Where.
    #[serde(flatten)]
    pub site: Site,
    /// Position in the stream.
    pub event: u64,
    /// Not this event alone: the owner does everything up to and with it. Owners whose moves have this mark do so
    /// together, in the order of the recording.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub through: bool,
    /// Not done: this is what the owner does next. The moves with this mark come last; they are what races, or what waits
    /// for one another.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub next: bool,
}

/// One turn of a schedule: a thread does its next so many events.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Turn {
    /// Who, by the number of the stream.
    pub thread: ThreadId,
    /// How many, one at least.
    pub events: u32,
}

/// Sixteen hex digits that are the same for the same bug, across runs, tests and processes.
///
/// An analysis identifies places by line and column, which suffices within a program. What is told and kept identifies them
/// by the code around them, so that it stays the same when lines move: see [`report::identify`](crate::report::identify).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub String);

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// One bug, with its evidence.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// What is wrong.
    pub kind: Kind,
    /// How much is proved.
    pub tier: Tier,
    /// The explorer has reproduced it.
    pub confirmed: bool,
    /// Identity of the bug.
    pub fingerprint: Fingerprint,
    /// One sentence.
    pub message: String,
    /// All operations, the one that completed the finding first.
    pub sites: Vec<SiteReport>,
    /// The objects, in the order of the message.
    pub objects: Vec<Involved>,
    /// What to do about it, one sentence each.
    pub help: Vec<String>,
    /// A reordering that proves a predicted finding: its events, in order.
    pub witness: Vec<Move>,
    /// The witness as a schedule, from the first event to where all that it leads to is next. Not part of a report; empty if
    /// it is very long.
    #[serde(skip)]
    pub schedule: Vec<Turn>,
    /// The tests that showed it, each once, where that is known.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub tests: Vec<String>,
}

impl Finding {
    /// Puts a finding together and computes its [`Fingerprint`] from kind, creation sites and operation sites.
    ///
    /// The fingerprint does not depend on owners, names, tier, event numbers, or on the order of sites and objects, so
    /// that the same bug seen from the other side is the same finding. Cost: linear in the sites, plus their sort.
    #[must_use]
    pub fn new(kind: Kind, tier: Tier, message: String, sites: Vec<SiteReport>, objects: Vec<Involved>) -> Self {
        let mut finding = Self {
            kind,
            tier,
            confirmed: false,
            fingerprint: Fingerprint(String::new()),
            message,
            sites,
            objects,
            help: Vec::new(),
            witness: Vec::new(),
            schedule: Vec::new(),
            tests: Vec::new(),
        };
        finding.identify(&mut Site::to_string);
        finding
    }

    /// Is it a pattern in the order of locks, with or without initialisers: something that did not happen, but could?
    pub(crate) fn is_pattern(&self) -> bool {
        let of_order = matches!(self.kind, Kind::LockOrderCycle | Kind::WaitCycle | Kind::RecursiveRead);
        of_order && self.tier != Tier::Observed
    }

    /// Computes the [`Fingerprint`] again, from what `place` calls its sites. The result depends on the finding and these
    /// names alone, not on the fingerprint before.
    pub fn identify(&mut self, place: &mut dyn FnMut(&Site) -> String) {
        let mut parts: Vec<String> = self.sites.iter().map(|site| format!("at {}", place(&site.site))).collect();
        // An atomic has no place of creation, and its number is not the same in every run: its operations identify it.
        parts.extend(self.objects.iter().filter_map(|object| match &object.created {
            Some(site) => Some(format!("made {}", place(site))),
            None if object.kind == ObjectKind::Atomic => None,
            None => Some(format!("is {}", object.object)),
        }));
        parts.sort_unstable();
        parts.dedup();
        self.fingerprint = fingerprint(self.kind, &parts);
    }

    /// Adds advice.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }
}

/// A finding that would be [`Tier::Possible`], but for a proof that no reordering of the run does it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Refutation {
    /// What it would be.
    pub finding: Finding,
    /// Why it is not, in a sentence.
    pub reason: String,
}

/// FNV-1a over the kind and the sorted parts: stable across platforms, compilers and releases, which a [`std::hash`]
/// hasher does not promise.
fn fingerprint(kind: Kind, parts: &[String]) -> Fingerprint {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in kind.name().bytes().chain(parts.iter().flat_map(|part| std::iter::once(b'\n').chain(part.bytes()))) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    Fingerprint(format!("{hash:016x}"))
}

/// Findings by fingerprint, in the order in which they came; the same bug again only raises the tier.
#[derive(Clone, Default, Debug)]
pub struct Findings {
    list: Vec<Finding>,
    places: FxHashMap<Fingerprint, usize>,
}

impl Findings {
    /// Adds a finding. True when it is new, or its tier rose and the stronger evidence replaced the weaker. The tests that
    /// showed it add up either way.
    pub fn add(&mut self, mut finding: Finding) -> bool {
        match self.places.entry(finding.fingerprint.clone()) {
            Entry::Occupied(place) => {
                let known = &mut self.list[*place.get()];
                let stronger = known.tier < finding.tier;
                for test in std::mem::take(&mut finding.tests) {
                    if !known.tests.contains(&test) {
                        known.tests.push(test);
                    }
                }
                if stronger {
                    let tests = std::mem::take(&mut known.tests);
                    *known = Finding { tests, ..finding };
                }
                stronger
            }
            Entry::Vacant(place) => {
                place.insert(self.list.len());
                self.list.push(finding);
                true
            }
        }
    }

    /// Takes back that `test` has shown a finding, or that the program has. One that is no more than possible goes if nothing
    /// else has shown it; O(findings) then.
    pub fn withdraw(&mut self, fingerprint: &Fingerprint, test: Option<&str>) {
        let Some(&place) = self.places.get(fingerprint) else { return };
        let known = &mut self.list[place];
        if known.tests.iter().any(|known| Some(known.as_str()) != test) {
            return known.tests.retain(|known| Some(known.as_str()) != test);
        }
        let by_a_test = !known.tests.is_empty();
        if known.tier > Tier::Possible || by_a_test != test.is_some() {
            return;
        }
        self.list.remove(place);
        self.places.remove(fingerprint);
        self.places.values_mut().filter(|other| **other > place).for_each(|other| *other -= 1);
    }

    /// The finding with this fingerprint.
    #[must_use]
    pub fn get(&self, fingerprint: &Fingerprint) -> Option<&Finding> {
        self.places.get(fingerprint).map(|&place| &self.list[place])
    }

    /// All findings, oldest first.
    #[must_use]
    pub fn as_slice(&self) -> &[Finding] {
        &self.list
    }

    /// The findings themselves.
    #[must_use]
    pub fn into_vec(self) -> Vec<Finding> {
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(line: u32, owner: &str) -> SiteReport {
        SiteReport {
            role: String::new(),
            site: Site::new("a.rs", line, 1),
            owner: owner.to_owned(),
            held: Vec::new(),
            event: None,
            stack: Vec::new(),
        }
    }

    #[test]
    fn the_same_bug_from_the_other_side_is_the_same_finding() {
        let one = Finding::new(Kind::DataRace, Tier::Possible, String::new(), vec![site(1, "a"), site(2, "b")], vec![]);
        let two = Finding::new(Kind::DataRace, Tier::Observed, String::new(), vec![site(2, "x"), site(1, "y")], vec![]);
        let other =
            Finding::new(Kind::DataRace, Tier::Observed, String::new(), vec![site(2, "x"), site(3, "y")], vec![]);
        assert_eq!(one.fingerprint, two.fingerprint);
        assert_ne!(one.fingerprint, other.fingerprint);
        let mut findings = Findings::default();
        assert!(findings.add(one));
        assert!(findings.add(two.clone()), "a higher tier is news");
        assert!(!findings.add(Finding { tests: vec!["x".to_owned()], ..two.clone() }));
        assert_eq!(findings.get(&two.fingerprint).unwrap().tests, ["x"]);
        assert!(!findings.add(two));
        assert!(findings.add(other));
        assert_eq!(findings.as_slice().iter().map(|finding| finding.tier).collect::<Vec<_>>(), [Tier::Observed; 2]);
    }

    #[test]
    fn kinds_have_names_both_ways() {
        for &kind in Kind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        assert!("no-such-kind".parse::<Kind>().is_err());
    }
}
