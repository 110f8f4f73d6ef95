//! Which findings count: suppressions, the baseline, other people's code, and the gate's tier. The one place where a
//! finding is set aside.
//!
//! In this order: what a suppression matches is silenced, what the baseline has is known, what lies wholly in
//! dependencies or the standard library is folded (unless `deps`), the rest is shown; of that, what has the gate's tier
//! fails the gate. `config` reads `gordian.toml`, `suppress` matches, `baseline` reads and writes fingerprints.

mod baseline;
mod config;
mod suppress;

use std::collections::BTreeMap;

pub(super) use baseline::Baseline;
pub(super) use config::Config;
pub(super) use suppress::Suppression;

use crate::finding::{Finding, Tier};
use crate::report::origin::{self, Origin};
use crate::report::{Folded, Part, Report, Suppressed, Unused};

/// What the user wants of findings, from the command line and `gordian.toml`.
#[derive(Debug)]
pub(super) struct Policy {
    /// The weakest tier that fails the gate.
    pub(super) deny: Tier,
    /// Findings in other people's code are like the user's own.
    pub(super) deps: bool,
    /// An unused suppression fails the gate.
    pub(super) deny_unused: bool,
    pub(super) suppressions: Vec<Suppression>,
    pub(super) baseline: Option<Baseline>,
}

impl Policy {
    /// Sorts the findings of each part, in their order: each part has them all in `findings`.
    pub(super) fn apply(&self, parts: Vec<Part>) -> Report {
        let mut used = vec![false; self.suppressions.len()];
        let all = parts.iter().flat_map(|part| &part.findings);
        let unseen = self.baseline.as_ref().map(|baseline| baseline.unseen(all)).unwrap_or_default();
        let parts = parts.into_iter().map(|part| self.sort(part, &mut used)).collect();
        let unused = self.suppressions.iter().zip(used).filter(|(_, used)| !used);
        let unused = unused
            .map(|(suppression, _)| Unused { suppression: suppression.label(), at: suppression.at.clone() })
            .collect();
        Report { deny: self.deny, unused, unseen, ..Report::new(parts) }
    }

    fn sort(&self, mut part: Part, used: &mut [bool]) -> Part {
        let mut folded: BTreeMap<Origin, Vec<Finding>> = BTreeMap::new();
        for finding in std::mem::take(&mut part.findings) {
            // All that match are used, so that of two neither is called superfluous; the first gives the reason.
            let mut silencer = None;
            for (suppression, used) in self.suppressions.iter().zip(used.iter_mut()) {
                if suppression.matches(&finding) {
                    *used = true;
                    silencer = silencer.or(Some(suppression));
                }
            }
            let whose = if self.deps { Origin::Workspace } else { origin::origin(&finding) };
            if let Some(silencer) = silencer {
                let (suppression, reason) = (silencer.label(), silencer.reason.clone());
                part.suppressed.push(Suppressed { finding, suppression, reason });
            } else if self.baseline.as_ref().is_some_and(|baseline| baseline.has(&finding)) {
                part.known.push(finding);
            } else if whose != Origin::Workspace {
                folded.entry(whose).or_default().push(finding);
            } else {
                part.findings.push(finding);
            }
        }
        part.folded = folded.into_iter().map(|(origin, findings)| Folded { origin, findings }).collect();
        part.counted()
    }

    /// Does the report, made by [`Policy::apply`], fail the gate?
    pub(super) fn fails(&self, report: &Report) -> bool {
        let mut shown = report.parts.iter().flat_map(|part| &part.findings);
        shown.any(|finding| finding.tier >= self.deny) || (self.deny_unused && !report.unused.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Site;
    use crate::finding::{Kind, SiteReport};

    const DEPENDENCY: &str = "/home/u/.cargo/registry/src/index.crates.io-0/pool-1.2.3/src/lib.rs";

    fn finding(kind: Kind, tier: Tier, files: &[&str]) -> Finding {
        let operation = |file: &&str| SiteReport {
            role: String::new(),
            site: Site::new(file, 3, 5),
            owner: String::new(),
            held: Vec::new(),
            event: None,
            stack: Vec::new(),
        };
        Finding::new(kind, tier, "m".to_owned(), files.iter().map(operation).collect(), vec![])
    }

    fn policy(toml: &str) -> Policy {
        let config = Config::parse("gordian.toml", toml).unwrap();
        let suppressions = config.suppressions;
        Policy { deny: Tier::Possible, deps: false, deny_unused: false, suppressions, baseline: None }
    }

    fn part(findings: &[Finding]) -> Vec<Part> {
        vec![Part { findings: findings.to_vec(), ..Part::default() }]
    }

    #[test]
    fn every_finding_goes_to_one_list() {
        let silenced = finding(Kind::DataRace, Tier::Observed, &["src/legacy/a.rs", "src/b.rs"]);
        let known = finding(Kind::LostWakeup, Tier::Observed, &["src/c.rs"]);
        let folded = finding(Kind::WaitCycle, Tier::Observed, &[DEPENDENCY]);
        let shown = finding(Kind::WaitCycle, Tier::Possible, &[DEPENDENCY, "src/d.rs"]);
        let all = [silenced.clone(), known.clone(), folded.clone(), shown.clone()];
        let mut policy = policy(
            "[[suppress]]\nkind = 'data-race'\nsite = 'src/legacy/**'\nreason = 'old'\n\
             [[suppress]]\nname = 'gone'\nkind = '*'\nsite = 'src/gone.rs'\nreason = 'r'\n",
        );
        policy.baseline =
            Some(Baseline::parse("b", &format!("{}\n0123456789abcdef # old\n", known.fingerprint)).unwrap());
        let report = policy.apply(part(&all));
        let sorted = &report.parts[0];
        assert_eq!(sorted.findings, [shown]);
        assert_eq!(sorted.known, [known]);
        assert_eq!((sorted.folded.len(), &sorted.folded[0].findings[..]), (1, &[folded.clone()][..]));
        assert_eq!(sorted.suppressed.len(), 1);
        assert_eq!((&sorted.suppressed[0].finding, &*sorted.suppressed[0].reason), (&silenced, "old"));
        let counts = (sorted.summary.possible, sorted.summary.suppressed, sorted.summary.known, sorted.summary.folded);
        assert_eq!(counts, (1, 1, 1, 1));
        assert_eq!(
            report.unused.iter().map(|unused| (&*unused.suppression, unused.at.line)).collect::<Vec<_>>(),
            [("gone", 5)]
        );
        assert_eq!(report.unseen, ["0123456789abcdef # old"]);
        assert!(policy.fails(&report));
        policy.deny = Tier::Predicted;
        assert!(!policy.fails(&policy.apply(part(&all))), "what is set aside does not count");
        policy.deps = true;
        let report = policy.apply(part(&all));
        assert_eq!(report.parts[0].findings.len(), 2);
        assert!(policy.fails(&report), "with `deps` the dependency's finding counts");
        policy.deny = Tier::Observed;
        assert!(policy.fails(&policy.apply(part(&[folded]))));
    }

    #[test]
    fn an_unused_suppression_fails_only_who_asked() {
        let mut policy = policy("[[suppress]]\nkind = '*'\nsite = '**'\nreason = 'r'\n");
        assert!(!policy.fails(&policy.apply(part(&[]))));
        policy.deny_unused = true;
        assert!(policy.fails(&policy.apply(part(&[]))));
        let one = finding(Kind::DataRace, Tier::Observed, &["src/a.rs"]);
        assert!(!policy.fails(&policy.apply(part(&[one]))));
    }
}
