//! `gordian compare`: one bug as threads and as async.

use std::fmt::Write as _;

use serde::Serialize;

use super::batch;
use super::child::{Ran, Request};
use super::columns;
use super::error::Error;
use super::exit_code::ExitCode;
use super::options::Compare;
use super::output::{self, Document};
use super::scenarios::{self, Form, Pair, Scenario};
use crate::finding::{Finding, Kind};
use crate::report::{self, Style, Styles, tally};

/// The version of the JSON format, see [`report::FORMAT_VERSION`].
const FORMAT_VERSION: u32 = 1;

/// Runs a pair and shows what came of it; without one, lists the pairs.
pub(super) fn compare(options: &Compare) -> Result<ExitCode, Error> {
    let Some(pair) = options.pair else {
        let pairs = scenarios::pairs().map(|pair| Entry::new(&pair)).collect();
        output::emit(&List { pairs }, &options.common)?;
        return Ok(ExitCode::Clean);
    };
    let forms: [(&'static Scenario, bool); 4] =
        [(pair.threads, false), (pair.tasks, false), (pair.threads, true), (pair.tasks, true)];
    let requests = forms.map(|(scenario, fixed)| Request {
        scenario,
        fixed,
        record: None,
        predict: true,
        timeout: options.timeout,
        silent: true,
    });
    let runs = batch::run_all(&requests, options.common.quiet);
    let runs = runs.into_iter().map(Outcome::of).collect::<Result<Vec<_>, Error>>()?;
    let failed = runs.iter().any(|run| run.trouble.is_some() && run.findings.is_empty());
    let [threads, tasks, threads_fixed, tasks_fixed] = <[Outcome; 4]>::try_from(runs).expect("one for each request");
    let threads = Side::new(pair.threads, threads, threads_fixed);
    let tasks = Side::new(pair.tasks, tasks, tasks_fixed);
    let same_kind = threads.kinds == tasks.kinds;
    let comparison = Comparison {
        version: FORMAT_VERSION,
        pair: pair.name(),
        same_kind,
        becomes: pair.tasks.becomes(),
        threads,
        tasks,
        width: options.width,
    };
    output::emit(&comparison, &options.common)?;
    Ok(if failed { ExitCode::Failed } else { ExitCode::Clean })
}

#[derive(Serialize)]
struct List {
    pairs: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    name: &'static str,
    /// The kinds that the threads are marked with.
    threads: Vec<Kind>,
    #[serde(rename = "async")]
    tasks: Vec<Kind>,
    becomes: String,
}

impl Entry {
    fn new(pair: &Pair) -> Self {
        Self {
            name: pair.name(),
            threads: pair.threads.kinds(),
            tasks: pair.tasks.kinds(),
            becomes: pair.tasks.becomes(),
        }
    }
}

impl Document for List {
    fn text(&self, _style: Style, terminal: bool) -> String {
        let rows = self.pairs.iter().map(|pair| {
            [pair.name.to_owned(), output::kinds(&pair.threads), output::kinds(&pair.tasks), pair.becomes.clone()]
        });
        output::table(["pair", "threads", "async", "what the same mistake becomes"], rows, terminal)
    }

    fn json(&self) -> String {
        output::pretty(self)
    }
}

/// What came of one run.
#[derive(Debug, Serialize)]
struct Outcome {
    findings: Vec<Finding>,
    /// Why it did not come to its own end, or how it failed.
    trouble: Option<String>,
}

impl Outcome {
    fn of(run: Option<Result<Ran, Error>>) -> Result<Self, Error> {
        match run {
            Some(ran) => ran.map(|mut ran| {
                report::identify(&mut ran.findings, None);
                Self { findings: ran.findings, trouble: ran.trouble }
            }),
            None => Ok(Self { findings: Vec::new(), trouble: Some("it was not run: interrupted".to_owned()) }),
        }
    }
}

/// One form of the bug.
#[derive(Serialize)]
struct Side {
    form: Form,
    scenario: &'static str,
    title: &'static str,
    origin: &'static str,
    path: &'static str,
    /// What was found in the buggy run.
    kinds: Vec<Kind>,
    buggy: Outcome,
    fixed: Outcome,
}

impl Side {
    fn new(scenario: &'static Scenario, buggy: Outcome, fixed: Outcome) -> Self {
        let mut kinds: Vec<Kind> = buggy.findings.iter().map(|finding| finding.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        Self {
            form: scenario.form(),
            scenario: &scenario.name,
            title: scenario.title(),
            origin: scenario.origin(),
            path: &scenario.path,
            kinds,
            buggy,
            fixed,
        }
    }

    fn text(&self, styles: &Styles) -> String {
        let mut out = String::new();
        let _ = writeln!(out, "{}", styles.heading.on(format!("{}: {}", self.form.name(), self.title)));
        let _ = writeln!(out, "{}", styles.faint.on(format!("{}, after {}", self.path, self.origin)));
        out.push('\n');
        if self.buggy.findings.is_empty() {
            let _ = writeln!(out, "buggy: silent");
        }
        out.push_str(&report::text_with(&self.buggy.findings, styles));
        if let Some(trouble) = &self.buggy.trouble {
            let _ = writeln!(out, "buggy: {trouble}");
        }
        let fixed = &self.fixed;
        let silent = fixed.findings.is_empty() && fixed.trouble.is_none();
        let fixed = match &fixed.trouble {
            _ if silent => styles.good.on("silent"),
            Some(trouble) => format!("{}; {trouble}", tally(&fixed.findings)),
            None => tally(&fixed.findings),
        };
        let _ = writeln!(out, "fixed twin: {fixed}");
        out
    }
}

/// A pair and what came of it.
#[derive(Serialize)]
struct Comparison {
    version: u32,
    pair: &'static str,
    /// Both forms have findings of the same kinds.
    same_kind: bool,
    becomes: String,
    threads: Side,
    #[serde(rename = "async")]
    tasks: Side,
    #[serde(skip)]
    width: Option<usize>,
}

impl Document for Comparison {
    fn text(&self, style: Style, _terminal: bool) -> String {
        let styles = Styles { width: self.width.map(columns::half), ..Styles::new(style) };
        let [threads, tasks] = [&self.threads, &self.tasks].map(|side| side.text(&styles));
        let mut out = match self.width {
            Some(width) => columns::side_by_side(&threads, &tasks, width),
            None => format!("{threads}\n{tasks}"),
        };
        let verdict = match (self.threads.kinds.as_slice(), self.tasks.kinds.as_slice()) {
            (threads, tasks) if threads == tasks => format!("same kind: {}", output::kinds(threads)),
            (threads, tasks) => format!("threads: {}; async: {}", output::kinds(threads), output::kinds(tasks)),
        };
        let _ = writeln!(out, "\n{}", styles.heading.on(verdict));
        let _ = writeln!(out, "{}", self.becomes);
        out
    }

    fn json(&self) -> String {
        output::pretty(self)
    }
}
