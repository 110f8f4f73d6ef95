//! `gordian run`, and the child process behind it.

use std::time::Duration;

use super::args::ChildArgs;
use super::child::{self, Outcome, Request};
use super::error::Error;
use super::exit_code::ExitCode;
use super::options::{self, Run};
use super::output;
use crate::Config;
use crate::check;
use crate::finding::Finding;
use crate::report::{Part, Summary};

/// Runs the scenario in a child process and reports what was found.
pub(super) fn run(options: &Run) -> Result<ExitCode, Error> {
    if let Some(path) = &options.record {
        std::fs::File::create(path).map_err(|error| output::unwritable(path, &error))?;
    }
    let ran = child::run(&Request {
        scenario: options.scenario,
        fixed: options.fixed,
        record: options.record.as_deref(),
        predict: options.predict,
        timeout: options.timeout,
        silent: options.gate.common.quiet,
    })?;
    if let Some(trouble) = &ran.trouble {
        output::remark(&options.gate.common, &format!("{}: {trouble}", options.scenario.name));
    }
    let otherwise = if ran.trouble.is_some() { ExitCode::Failed } else { ExitCode::Clean };
    let summary = Summary { interrupted: ran.interrupted, ..Summary::default() };
    // Without a name the part is silent when there is nothing to tell: a fixed twin is.
    options.gate.conclude(vec![Part { findings: ran.findings, summary, ..Part::default() }], otherwise)
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
    let told = |findings: &[Finding]| {
        // A failure here comes up again when the whole outcome is written.
        let _ = write(&Outcome { findings: findings.to_vec(), ..Outcome::default() });
    };
    let body = if args.fixed { scenario.fixed } else { scenario.buggy };
    let config = Config { record: args.record.clone(), predict: None, print: false, ..Config::default() };
    let outcome = match check::start(config) {
        Ok(()) => execute(body, told),
        Err(error) => Outcome { failure: Some(error.to_string()), ..Outcome::default() },
    };
    write(&outcome)?;
    // The process ends here, with whatever threads of the scenario still wait.
    Ok(ExitCode::Clean)
}

/// How long threads that a scenario leaves behind may take to end or to get stuck.
const LINGER: Duration = Duration::from_secs(20);

/// Runs `body` under detection, and completes the trace if one is recorded.
///
/// Returns when the body has ended, or when it never will because its threads wait for what cannot come. `told` is
/// called with all findings so far whenever there is a new one. A panic of the body is its failure.
pub(super) fn execute(body: fn(), mut told: impl FnMut(&[Finding])) -> Outcome {
    let watched = check::watch(body, LINGER, &mut told);
    let panicked = watched.result.and_then(Result::err);
    let failure = panicked.map(|panic| format!("it panicked: {}", panic_message(&*panic)));
    let cut = check::finish().err().map(|error| format!("the trace is not complete: {error}"));
    Outcome { findings: watched.findings, finished: true, failure: failure.or(cut) }
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

    #[test]
    fn a_panic_is_the_scenarios_failure() {
        let outcome = execute(|| panic!("out of forks"), |_| {});
        assert_eq!(outcome.failure.as_deref(), Some("it panicked: out of forks"));
    }
}
