//! Scenarios run in a child process, so that one that hangs or crashes takes nothing with it.

use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::exit_code::ExitCode;
use super::foresee;
use super::interrupt;
use super::scenarios::Scenario;
use crate::finding::Finding;

/// What the child writes for its parent: again with every new finding, so that a child that is killed has left what it
/// knew.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// The findings so far.
    pub(super) findings: Vec<Finding>,
    /// The run is over, and `findings` is complete.
    pub(super) finished: bool,
    /// How the scenario itself failed, if it did.
    pub(super) failure: Option<String>,
}

impl Outcome {
    /// Writes the outcome in one step: a reader sees this one or the one before, never a part.
    pub(super) fn write(&self, path: &Path) -> std::io::Result<()> {
        let next = path.with_extension("next");
        std::fs::write(&next, serde_json::to_vec(self)?)?;
        std::fs::rename(next, path)
    }

    /// The last outcome written; `None` when there is none.
    fn read(path: &Path) -> std::io::Result<Option<Self>> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// One run of a scenario.
pub(super) struct Request<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) fixed: bool,
    pub(super) record: Option<&'a Path>,
    /// Tell as well what other orders of the events would do.
    pub(super) predict: bool,
    pub(super) timeout: Duration,
    /// Throw away what the scenario prints; else it goes to our standard error.
    pub(super) silent: bool,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) findings: Vec<Finding>,
    /// Why the run did not come to its own end, or how the scenario failed.
    pub(super) trouble: Option<String>,
    /// It was the user who ended it.
    pub(super) interrupted: bool,
    /// It did not end by itself.
    pub(super) ended_early: bool,
}

/// Runs the scenario in a child process and waits for it.
pub(super) fn run(request: &Request<'_>) -> Result<Ran, Error> {
    let fail = |error: std::io::Error| {
        let message = format!("cannot run `{}` in a child process: {error}", request.scenario.name);
        Error::new(ExitCode::Failed, message)
    };
    let scratch = Scratch::new().map_err(fail)?;
    let file = scratch.file("outcome.json");
    let mut command = Command::new(std::env::current_exe().map_err(fail)?);
    command.args(["__run", &request.scenario.name, "--findings"]).arg(&file);
    if request.fixed {
        command.arg("--fixed");
    }
    let own = request.predict.then(|| scratch.0.join("run.trace"));
    let trace = request.record.or(own.as_deref());
    if let Some(trace) = trace {
        command.arg("--record").arg(trace);
    }
    if request.silent {
        command.stdout(Stdio::null()).stderr(Stdio::null());
    } else {
        command.stdout(std::io::stderr());
    }
    let mut ran = await_outcome(&mut command, &file, request.timeout, interrupt::flag()).map_err(fail)?;
    if let Some(trace) = trace.filter(|_| request.predict && !ran.interrupted) {
        foresee::foresee(trace, request.record.is_some(), &mut ran.findings);
    }
    Ok(ran)
}

/// Runs the command, which leaves its outcome in `file`, to its end or to ours.
fn await_outcome(
    command: &mut Command,
    file: &Path,
    timeout: Duration,
    interrupted: &AtomicBool,
) -> std::io::Result<Ran> {
    let ending = supervise(command, timeout, interrupted)?;
    let outcome = Outcome::read(file)?.unwrap_or_default();
    let trouble = trouble(&ending, &outcome);
    let interrupted = matches!(ending, Ending::Interrupted);
    let ended_early = interrupted || matches!(ending, Ending::TimedOut(_));
    Ok(Ran { findings: outcome.findings, trouble, interrupted, ended_early })
}

/// How a child ended.
#[derive(Debug)]
pub(super) enum Ending {
    Exited(ExitStatus),
    TimedOut(Duration),
    Interrupted,
}

/// What there is to say about the ending; `None` when all went well.
fn trouble(ending: &Ending, outcome: &Outcome) -> Option<String> {
    match ending {
        Ending::Interrupted => Some("it was interrupted".to_owned()),
        Ending::TimedOut(timeout) => Some(format!("it was ended after {} s (--timeout)", timeout.as_secs())),
        Ending::Exited(_) if outcome.failure.is_some() => outcome.failure.clone(),
        Ending::Exited(status) if !status.success() => Some(format!("its process ended with {status}")),
        Ending::Exited(_) if !outcome.finished => Some("it ended its process before the run was over".to_owned()),
        Ending::Exited(_) => None,
    }
}

/// Starts the child and waits until it ends, the time is up, or the user has enough; in the last two cases it is killed.
///
/// Its standard input is a pipe that closes with this process, see [`end_with_parent`].
pub(super) fn supervise(command: &mut Command, timeout: Duration, interrupted: &AtomicBool) -> std::io::Result<Ending> {
    /// The longest that an ended child stays unnoticed.
    const PAUSE: Duration = Duration::from_millis(16);
    let start = Instant::now();
    let mut child = command.stdin(Stdio::piped()).spawn()?;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            // On a terminal Ctrl-C reaches the child as well, and ends it.
            let by_user = interrupted.load(Ordering::Relaxed) && !status.success();
            return Ok(if by_user { Ending::Interrupted } else { Ending::Exited(status) });
        }
        let by_user = interrupted.load(Ordering::Relaxed);
        if by_user || start.elapsed() >= timeout {
            // It may have ended meanwhile; then there is nothing to kill.
            let _ = child.kill();
            child.wait()?;
            return Ok(if by_user { Ending::Interrupted } else { Ending::TimedOut(timeout) });
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(PAUSE);
    }
}

/// In the child: ends this process when the parent is gone, however it went, so that no hanging scenario stays behind.
pub(super) fn end_with_parent() {
    std::thread::spawn(|| {
        let mut byte = [0];
        // The parent never writes: a read returns when the pipe closes, or fails for good.
        while std::io::stdin().read(&mut byte).is_ok_and(|read| read > 0) {}
        std::process::exit(ExitCode::Failed as i32);
    });
}

/// A directory of our own, removed with everything in it when dropped.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> std::io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("gordian-{}-{number}", std::process::id()));
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                // Left by a process that had our number before, or put there by someone else: not ours either way.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The path of a file in it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing depends on it: the system clears its directory for temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::finding::{Kind, Tier};

    const LONG: Duration = Duration::from_secs(600);

    fn shell(script: &str, timeout: Duration, interrupted: bool) -> Ending {
        let mut command = Command::new("sh");
        supervise(command.args(["-c", script]), timeout, &AtomicBool::new(interrupted)).expect("sh runs")
    }

    #[test]
    fn a_child_that_ends_by_itself_tells_how() {
        let finished = Outcome { finished: true, ..Outcome::default() };
        assert_eq!(trouble(&shell("exit 0", LONG, false), &finished), None);
        let unfinished = trouble(&shell("exit 0", LONG, false), &Outcome::default());
        assert!(unfinished.unwrap().contains("before the run was over"));
        assert!(trouble(&shell("exit 7", LONG, false), &finished).unwrap().contains("exit status: 7"));
        assert!(trouble(&shell("kill -ABRT $$", LONG, false), &Outcome::default()).unwrap().contains("signal: 6"));
    }

    #[test]
    fn a_child_that_hangs_is_ended() {
        // `read` waits for a line that never comes, and is killed; only then does its input close.
        let hang = "read line";
        assert!(matches!(shell(hang, Duration::from_millis(20), false), Ending::TimedOut(_)));
        assert!(matches!(shell(hang, LONG, true), Ending::Interrupted));
    }

    #[test]
    fn a_run_that_fails_is_4_and_one_that_found_something_is_1() {
        let scratch = Scratch::new().unwrap();
        let file = scratch.file("outcome.json");
        let code = |script: &str, timeout| {
            let mut command = Command::new("sh");
            let ran = await_outcome(command.args(["-c", script]), &file, timeout, &AtomicBool::new(false)).unwrap();
            let otherwise = if ran.trouble.is_some() { ExitCode::Failed } else { ExitCode::Clean };
            otherwise.or_findings(!ran.findings.is_empty())
        };
        assert_eq!(code("read line", Duration::from_millis(20)), ExitCode::Failed, "it hangs");
        assert_eq!(code("kill -ABRT $$", LONG), ExitCode::Failed, "it crashes");
        assert_eq!(code("exit 0", LONG), ExitCode::Failed, "it ends before its time");
        let finding = Finding::new(Kind::DataRace, Tier::Observed, String::new(), vec![], vec![]);
        Outcome { findings: vec![finding], ..Outcome::default() }.write(&file).unwrap();
        assert_eq!(code("kill -ABRT $$", LONG), ExitCode::Findings, "it found something first");
        Outcome { finished: true, ..Outcome::default() }.write(&file).unwrap();
        assert_eq!(code("exit 0", LONG), ExitCode::Clean);
    }

    #[test]
    fn an_outcome_comes_back() {
        let scratch = Scratch::new().unwrap();
        let file = scratch.file("outcome.json");
        assert_eq!(Outcome::read(&file).unwrap(), None);
        let outcome = Outcome { failure: Some("panicked".to_owned()), ..Outcome::default() };
        Outcome::default().write(&file).unwrap();
        outcome.write(&file).unwrap();
        assert_eq!(Outcome::read(&file).unwrap(), Some(outcome));
        let path = scratch.0.clone();
        drop(scratch);
        assert!(!path.exists());
    }
}
