//! `gordian selftest`: every scenario, buggy and fixed, against its marks.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;

use super::batch;
use super::child::{Ran, Request};
use super::error::Error;
use super::exit_code::ExitCode;
use super::options::Selftest;
use super::output::{self, Document};
use super::scenarios::{Mark, Scenario};
use crate::finding::Kind;
use crate::report::{Style, Styles, tally};

/// Runs the scenarios and prints the truth table.
pub(super) fn selftest(options: &Selftest) -> Result<ExitCode, Error> {
    let runs: Vec<(&'static Scenario, bool)> =
        options.scenarios.iter().flat_map(|scenario| [(*scenario, false), (*scenario, true)]).collect();
    let verdicts = run_all(&runs, options)?;
    let rows: Vec<Row> = options
        .scenarios
        .iter()
        .zip(verdicts.chunks_exact(2))
        .map(|(scenario, pair)| Row {
            name: &scenario.name,
            group: scenario.group,
            kinds: scenario.kinds(),
            right: pair.iter().all(|verdict| verdict.wrong.is_empty()),
            buggy: pair[0].clone(),
            fixed: pair[1].clone(),
        })
        .collect();
    let table = Table { right: rows.iter().filter(|row| row.right).count(), scenarios: rows };
    let all_right = table.right == table.scenarios.len();
    output::emit(&table, &options.common)?;
    Ok(if all_right { ExitCode::Clean } else { ExitCode::Findings })
}

/// The verdicts in the order of `runs`.
fn run_all(runs: &[(&'static Scenario, bool)], options: &Selftest) -> Result<Vec<Verdict>, Error> {
    let requests: Vec<Request<'_>> = runs
        .iter()
        .map(|&(scenario, fixed)| Request {
            scenario,
            fixed,
            record: None,
            predict: true,
            timeout: options.timeout,
            silent: true,
        })
        .collect();
    let verdict = |(request, ran): (&Request<'_>, Option<Result<Ran, Error>>)| match ran {
        Some(ran) => judge(request.scenario, request.fixed, &ran?),
        None => Ok(Verdict::wrong("not run: interrupted")),
    };
    requests.iter().zip(batch::run_all(&requests, options.common.quiet)).map(verdict).collect()
}

/// How one run compares with the marks.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
struct Verdict {
    /// What was found, in words.
    found: String,
    /// What is not as marked; empty when all is right.
    wrong: Vec<String>,
}

impl Verdict {
    fn wrong(reason: &str) -> Self {
        Self { found: String::new(), wrong: vec![reason.to_owned()] }
    }
}

fn judge(scenario: &Scenario, fixed: bool, ran: &Ran) -> Result<Verdict, Error> {
    let marks = scenario.marks().map_err(|error| Error::new(ExitCode::Input, format!("{}: {error}", scenario.path)))?;
    let wanted = if fixed { BTreeSet::new() } else { marks };
    let found = scenario.sites(&ran.findings);
    let place = |&(kind, line): &Mark| format!("{kind} at {}:{line}", scenario.path);
    let mut wrong: Vec<String> = wanted.difference(&found).map(|mark| format!("missing: {}", place(mark))).collect();
    wrong.extend(found.difference(&wanted).map(|mark| format!("unexpected: {}", place(mark))));
    // A finding none of whose sites lies in the file has no mark to be compared with.
    let outside = ran.findings.iter().filter(|finding| scenario.sites(std::slice::from_ref(finding)).is_empty());
    wrong.extend(outside.map(|finding| format!("unexpected, outside the file: {}: {}", finding.kind, finding.message)));
    // A buggy form may fail (a poisoned lock, a panic), but it must end by itself.
    wrong.extend(ran.trouble.iter().filter(|_| fixed || ran.findings.is_empty() || ran.ended_early).cloned());
    Ok(Verdict { found: tally(&ran.findings), wrong })
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    group: &'a str,
    kinds: Vec<Kind>,
    right: bool,
    buggy: Verdict,
    fixed: Verdict,
}

/// The truth table.
#[derive(Serialize)]
struct Table<'a> {
    right: usize,
    scenarios: Vec<Row<'a>>,
}

impl Document for Table<'_> {
    fn text(&self, style: Style, terminal: bool) -> String {
        let styles = Styles::new(style);
        let rows = self.scenarios.iter().map(|row| {
            let word = |verdict: &Verdict| if verdict.wrong.is_empty() { "right" } else { "WRONG" };
            let cell = |verdict: &Verdict| format!("{}: {}", word(verdict), verdict.found);
            [row.name.to_owned(), row.group.to_owned(), output::kinds(&row.kinds), cell(&row.buggy), cell(&row.fixed)]
        });
        let mut out = output::table(["scenario", "group", "marked", "buggy", "fixed"], rows, terminal);
        for row in &self.scenarios {
            for (form, verdict) in [("buggy", &row.buggy), ("fixed", &row.fixed)] {
                for wrong in &verdict.wrong {
                    let _ = writeln!(out, "{} {} ({form}): {wrong}", styles.error.on("wrong:"), row.name);
                }
            }
        }
        let count = self.scenarios.len();
        let paint = if self.right == count { styles.good } else { styles.error };
        let _ = writeln!(out, "{}", paint.on(format!("{} of {count} scenarios are right", self.right)));
        out
    }

    fn json(&self) -> String {
        output::pretty(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Site;
    use crate::finding::{Finding, SiteReport, Tier};

    fn scenario() -> Scenario {
        Scenario {
            name: "x".to_owned(),
            group: "race",
            path: "scenarios/race/x.rs".to_owned(),
            source: "//! X.\na //~ data-race\nb //~ data-race",
            buggy: || {},
            fixed: || {},
        }
    }

    fn race(file: &str, lines: [u32; 2]) -> Finding {
        let sites = lines.map(|line| SiteReport {
            role: String::new(),
            site: Site::new(file, line, 1),
            owner: String::new(),
            held: Vec::new(),
            event: None,
            stack: Vec::new(),
        });
        Finding::new(Kind::DataRace, Tier::Observed, "m".to_owned(), sites.to_vec(), vec![])
    }

    fn wrong(fixed: bool, findings: Vec<Finding>, trouble: Option<&str>, ended_early: bool) -> Vec<String> {
        let ran = Ran { findings, trouble: trouble.map(str::to_owned), interrupted: false, ended_early };
        judge(&scenario(), fixed, &ran).unwrap().wrong
    }

    const FILE: &str = "scenarios/race/x.rs";

    #[test]
    fn marks_are_compared_both_ways() {
        assert_eq!(wrong(false, vec![race(FILE, [2, 3])], None, false), [""; 0]);
        assert_eq!(
            wrong(false, vec![race(FILE, [2, 9])], None, false),
            ["missing: data-race at scenarios/race/x.rs:3", "unexpected: data-race at scenarios/race/x.rs:9"]
        );
        assert_eq!(wrong(false, vec![], None, false).len(), 2);
        assert_eq!(wrong(false, vec![race(FILE, [2, 3]), race("src/a.rs", [1, 2])], None, false).len(), 1);
        assert_eq!(wrong(true, vec![], None, false), [""; 0]);
        assert_eq!(wrong(true, vec![race(FILE, [2, 3])], None, false).len(), 2);
    }

    #[test]
    fn a_buggy_form_may_fail_but_must_end() {
        assert_eq!(wrong(false, vec![race(FILE, [2, 3])], Some("it panicked"), false), [""; 0]);
        assert_eq!(wrong(false, vec![race(FILE, [2, 3])], Some("time"), true), ["time"]);
        assert_eq!(wrong(true, vec![], Some("it panicked"), false), ["it panicked"]);
    }
}
