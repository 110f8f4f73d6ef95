//! `gordian run`, and the child process behind it.

use std::path::Path;
use std::sync::Mutex;

use super::args::ChildArgs;
use super::child::{self, Outcome, Request};
use super::error::Error;
use super::exit_code::ExitCode;
use super::options::{self, Run};
use super::output::{self, Document};
use crate::finding::{Finding, Tier};
use crate::report::{self, Part, Style, Summary};

/// Runs the scenario in a child process and reports what was found.
pub(super) fn run(options: &Run) -> Result<ExitCode, Error> {
    let ran = child::run(&Request {
        scenario: options.scenario,
        fixed: options.fixed,
        record: options.record.as_deref(),
        timeout: options.timeout,
        silent: options.common.quiet,
    })?;
    if let Some(trouble) = &ran.trouble {
        output::remark(&options.common, &format!("{}: {trouble}", options.scenario.name));
    }
    let summary = Summary { interrupted: ran.interrupted, ..Summary::of(&ran.findings) };
    let code = verdict(&ran.findings, options.deny, ran.trouble.is_some());
    output::emit(&Report(Part { input: None, findings: ran.findings, summary }), &options.common)?;
    Ok(code)
}

/// The exit code: findings at or over the gate come first, then a run that went wrong.
pub(super) fn verdict(findings: &[Finding], deny: Tier, trouble: bool) -> ExitCode {
    if findings.iter().any(|finding| finding.tier >= deny) {
        ExitCode::Findings
    } else if trouble {
        ExitCode::Failed
    } else {
        ExitCode::Clean
    }
}

/// The text of a run without findings is empty: a fixed twin is silent.
struct Report(Part);

impl Document for Report {
    fn text(&self, style: Style, _terminal: bool) -> String {
        report::text(&self.0.findings, style)
    }

    fn json(&self) -> String {
        report::json(std::slice::from_ref(&self.0))
    }
}

/// The child process: runs the scenario under detection and leaves the outcome in a file for its parent.
pub(super) fn child(args: &ChildArgs) -> Result<ExitCode, Error> {
    let scenario = options::scenario(&args.name)?;
    child::end_with_parent();
    let write = |outcome: &Outcome| {
        outcome
            .write(&args.findings)
            .map_err(|error| Error::new(ExitCode::Failed, format!("cannot write {}: {error}", args.findings.display())))
    };
    // Findings may come from several threads; one writes at a time.
    let writing = Mutex::new(());
    let told = |findings: &[Finding]| {
        let _one = writing.lock();
        // A failure here comes up again when the whole outcome is written.
        let _ = write(&Outcome { findings: findings.to_vec(), ..Outcome::default() });
    };
    let body = if args.fixed { scenario.fixed } else { scenario.buggy };
    let outcome = execute(body, args.record.as_deref(), &told);
    let _one = writing.lock();
    write(&outcome)?;
    // The process ends here, with whatever threads of the scenario still wait.
    Ok(ExitCode::Clean)
}

/// Runs `body` under detection, and records its events to `record` if that is given.
///
/// Returns when the body has ended, or when it never will because its threads wait for what cannot come. `told` is
/// called with all findings so far whenever there is a new one, from any thread. A panic of the body is its failure.
fn execute(body: fn(), record: Option<&Path>, told: &(dyn Fn(&[Finding]) + Sync)) -> Outcome {
    let _ = record;
    let failure = std::thread::spawn(body).join().err().map(|panic| format!("it panicked: {}", panic_message(&*panic)));
    let findings = TOLD.lock().map(|mut findings| std::mem::take(&mut *findings)).unwrap_or_default();
    told(&findings);
    Outcome { findings, finished: true, failure }
}

static TOLD: Mutex<Vec<Finding>> = Mutex::new(Vec::new());

/// Adds a finding to those of the running scenario.
pub fn tell(finding: Finding) {
    if let Ok(mut findings) = TOLD.lock() {
        findings.push(finding);
    }
}

/// The message of a panic that was caught.
fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no message)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Kind;

    fn finding(tier: Tier) -> Finding {
        Finding::new(Kind::DataRace, tier, String::new(), vec![], vec![])
    }

    #[test]
    fn the_gate_decides_then_the_run() {
        let possible = [finding(Tier::Possible)];
        assert_eq!(verdict(&possible, Tier::Possible, false), ExitCode::Findings);
        assert_eq!(verdict(&possible, Tier::Possible, true), ExitCode::Findings);
        assert_eq!(verdict(&possible, Tier::Predicted, false), ExitCode::Clean);
        assert_eq!(verdict(&possible, Tier::Predicted, true), ExitCode::Failed);
        assert_eq!(verdict(&[finding(Tier::Observed)], Tier::Predicted, false), ExitCode::Findings);
        assert_eq!(verdict(&[], Tier::Possible, false), ExitCode::Clean);
        assert_eq!(verdict(&[], Tier::Possible, true), ExitCode::Failed);
    }

    #[test]
    fn a_panic_is_the_scenarios_failure() {
        let outcome = execute(|| panic!("out of forks"), None, &|_| {});
        assert_eq!(outcome.failure.as_deref(), Some("it panicked: out of forks"));
    }
}
