//! What a report tells: the findings by what became of them, and what else is known.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::origin::Origin;
use crate::event::Site;
use crate::finding::{Finding, Refutation, Tier};

/// Everything that one command has to report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// One for each input or program.
    pub parts: Vec<Part>,
    /// The weakest tier that fails the gate.
    pub deny: Tier,
    /// How the command ends.
    pub exit_code: u8,
    /// The directory that the relative paths of sites start from, if it is known.
    pub root: Option<PathBuf>,
    /// Suppressions that matched no finding.
    pub unused: Vec<Unused>,
    /// Entries of the baseline that were not seen, as they are written there.
    pub unseen: Vec<String>,
    /// What was done beside reporting, a sentence each.
    pub notes: Vec<String>,
}

impl Report {
    /// A report that sets nothing aside, with a gate for every tier.
    #[must_use]
    pub fn new(parts: Vec<Part>) -> Self {
        Self {
            parts,
            deny: Tier::Possible,
            exit_code: 0,
            root: None,
            unused: Vec::new(),
            unseen: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The path from [`Report::root`], if it lies there; a relative path does.
    #[must_use]
    pub fn below_root<'a>(&self, path: &'a str) -> Option<&'a str> {
        let absolute = path.starts_with('/') || path.as_bytes().get(1) == Some(&b':');
        if !absolute {
            return Some(path);
        }
        let root = self.root.as_ref()?.to_string_lossy().replace('\\', "/");
        path.strip_prefix(root.trim_end_matches('/'))?.strip_prefix('/')
    }

    /// What there is to tell beside the findings, a sentence each, in a stable order.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let unused = self.unused.iter().map(|unused| format!("{}: {}", unused.at, unused.message()));
        let unseen = self.unseen.iter().map(|entry| format!("an entry of the baseline was not seen: {entry}"));
        unused.chain(unseen).chain(self.notes.iter().cloned()).collect()
    }
}

/// The findings of one run or one input.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Part {
    /// The input's or program's name, when they came from one.
    pub input: Option<String>,
    /// The findings to show, in their stable order.
    pub findings: Vec<Finding>,
    /// Those that a suppression silenced.
    pub suppressed: Vec<Suppressed>,
    /// Those that lie wholly in other people's code, by package.
    pub folded: Vec<Folded>,
    /// Those that the baseline has.
    pub known: Vec<Finding>,
    /// What was shown not to happen, if that is to be told.
    pub refuted: Vec<Refutation>,
    /// What else is known; the counts are those of the lists above, see [`Part::counted`].
    pub summary: Summary,
}

impl Part {
    /// The same with the counts of its lists in its summary.
    #[must_use]
    pub fn counted(mut self) -> Self {
        self.summary = self.summary.counting(&self.findings);
        self.summary.suppressed = self.suppressed.len();
        self.summary.folded = self.folded.iter().map(|folded| folded.findings.len()).sum();
        self.summary.known = self.known.len();
        self
    }
}

/// A finding that a suppression silenced.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Suppressed {
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// The suppression's name, else what it matches.
    pub suppression: String,
    /// Why it is silenced.
    pub reason: String,
}

/// The findings of one package that is not the user's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Folded {
    /// Whose they are: never the workspace's.
    pub origin: Origin,
    /// The findings, in their stable order; never empty.
    pub findings: Vec<Finding>,
}

impl Folded {
    /// The package in words.
    #[must_use]
    pub fn package(&self) -> String {
        match &self.origin {
            Origin::Dependency(package) => package.to_string(),
            Origin::Std => "the standard library".to_owned(),
            Origin::Workspace => "the workspace".to_owned(),
        }
    }

    /// `3 findings in tokio 1.48.0: lock-order-cycle (2), data-race`.
    #[must_use]
    pub fn headline(&self) -> String {
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for finding in &self.findings {
            *kinds.entry(finding.kind.name()).or_default() += 1;
        }
        let count = match self.findings.len() {
            1 => "1 finding".to_owned(),
            many => format!("{many} findings"),
        };
        format!("{count} in {}: {}", self.package(), names_and_counts(kinds))
    }
}

/// `a (2), b`.
pub(super) fn names_and_counts<'a>(counts: impl IntoIterator<Item = (&'a str, usize)>) -> String {
    let words = counts.into_iter().map(|(name, count)| match count {
        1 => name.to_owned(),
        many => format!("{name} ({many})"),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// A suppression that matched no finding.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Unused {
    /// The suppression's name, else what it matches.
    pub suppression: String,
    /// Where it is written.
    #[serde(flatten)]
    pub at: Site,
}

impl Unused {
    /// What to say of it.
    #[must_use]
    pub fn message(&self) -> String {
        format!("the suppression `{}` matches no finding of this run", self.suppression)
    }
}

/// What is known beside the findings.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct Summary {
    /// Findings of tier `observed` that are shown.
    pub observed: usize,
    /// Findings of tier `predicted` that are shown.
    pub predicted: usize,
    /// Findings of tier `possible` that are shown.
    pub possible: usize,
    /// Findings that a suppression silenced.
    #[serde(skip_serializing_if = "is_zero")]
    pub suppressed: usize,
    /// Findings that lie wholly in other people's code.
    #[serde(skip_serializing_if = "is_zero")]
    pub folded: usize,
    /// Findings that the baseline has.
    #[serde(skip_serializing_if = "is_zero")]
    pub known: usize,
    /// Events judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<u64>,
    /// Threads seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<u64>,
    /// Cycles of the lock graph that passed the filters, before they are reduced to findings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patterns: Option<u64>,
    /// The search for lock-order cycles gave up at a bound: there may be more than are listed.
    #[serde(skip_serializing_if = "is_false")]
    pub order_cut: bool,
    /// Why nothing was predicted, though it would have been.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_predicted: Option<String>,
    /// What prediction left open when a bound was reached: accesses, pairs of accesses, lock-order hazards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undecided: Option<u64>,
    /// States that the searches of prediction reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub states: Option<u64>,
    /// Why the input ended before its end, if it did; the findings are those of the part that could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncated: Option<String>,
    /// The run was cut short by the user; the findings are those known by then.
    pub interrupted: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl Summary {
    /// The counts of `findings`, nothing else.
    #[must_use]
    pub fn of(findings: &[Finding]) -> Self {
        Self::default().counting(findings)
    }

    /// The same facts with the counts of `findings`, as shown ones.
    #[must_use]
    pub fn counting(self, findings: &[Finding]) -> Self {
        let count = |tier| findings.iter().filter(|finding| finding.tier == tier).count();
        Self {
            observed: count(Tier::Observed),
            predicted: count(Tier::Predicted),
            possible: count(Tier::Possible),
            ..self
        }
    }

    /// Both together, for a total over several inputs; `threads` adds up, for the threads of two runs are not the same.
    #[cfg(feature = "json")]
    pub(super) fn and(mut self, other: &Self) -> Self {
        let add = |a: Option<u64>, b: Option<u64>| a.map_or(b, |a| Some(a + b.unwrap_or(0)));
        self.observed += other.observed;
        self.predicted += other.predicted;
        self.possible += other.possible;
        self.suppressed += other.suppressed;
        self.folded += other.folded;
        self.known += other.known;
        self.events = add(self.events, other.events);
        self.threads = add(self.threads, other.threads);
        self.patterns = add(self.patterns, other.patterns);
        self.order_cut |= other.order_cut;
        self.not_predicted = self.not_predicted.or_else(|| other.not_predicted.clone());
        self.undecided = add(self.undecided, other.undecided);
        self.states = add(self.states, other.states);
        self.truncated = self.truncated.or_else(|| other.truncated.clone());
        self.interrupted |= other.interrupted;
        self
    }
}
