//! A run of a scenario in a child process, and what happened to its tasks.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::Config;
use crate::check;
use crate::cli::args::TimelineChildArgs;
use crate::cli::child::{self, Ending, Scratch};
use crate::cli::error::Error;
use crate::cli::exit_code::ExitCode;
use crate::cli::scenarios::Scenario;
use crate::cli::{interrupt, run};
use crate::event::{Names as _, Site, ThreadId};
use crate::finding::Finding;
use crate::record::registry::{LiveNames, to_site};
use crate::runtime::timeline::{self, Happening, Moment};

/// What a run leaves for its parent.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Recording {
    /// Oldest first.
    pub(super) events: Vec<Event>,
    /// Names of the threads that polled, and of the tasks.
    pub(super) threads: BTreeMap<u32, String>,
    pub(super) tasks: BTreeMap<u32, String>,
    pub(super) findings: Vec<Finding>,
    /// How the scenario itself failed, if it did.
    pub(super) failure: Option<String>,
}

/// One happening. Times are in nanoseconds from the first.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Event {
    pub(super) at_ns: u64,
    /// The thread on which it happened.
    pub(super) thread: u32,
    /// The task to which it happened, from 1.
    pub(super) task: u32,
    #[serde(flatten)]
    pub(super) what: What,
}

/// What happened.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub(super) enum What {
    /// It is there, and in the queue.
    Spawned {
        site: Site,
    },
    PollBegin,
    /// It waits for this moment.
    Sleeps {
        until_ns: u64,
    },
    /// The poll has returned Pending.
    Suspended,
    /// The poll has returned Ready, or dropped the future.
    Ready,
    /// It is in the queue again.
    Woken,
    Ended,
    /// Its future was dropped before it was ready.
    Cancelled,
}

/// Runs the scenario in a child process. The second is what went wrong with the run, in words.
pub(super) fn record(
    scenario: &Scenario,
    fixed: bool,
    timeout: Duration,
) -> Result<(Recording, Option<String>), Error> {
    let fail = |error: std::io::Error| {
        let message = format!("cannot run `{}` in a child process: {error}", scenario.name);
        Error::new(ExitCode::Failed, message)
    };
    let scratch = Scratch::new().map_err(fail)?;
    let into = scratch.file("timeline.json");
    let mut command = Command::new(std::env::current_exe().map_err(fail)?);
    command.args(["__timeline", &scenario.name]).args(fixed.then_some("--fixed")).arg("--into").arg(&into);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let ending = child::supervise(&mut command, timeout, interrupt::flag()).map_err(fail)?;
    let recording = match std::fs::read(&into) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| fail(error.into()))?,
        Err(_) => Recording::default(),
    };
    let trouble = match ending {
        Ending::Interrupted => Some("it was interrupted".to_owned()),
        Ending::TimedOut(timeout) => Some(format!("it was ended after {} s (--timeout)", timeout.as_secs())),
        Ending::Exited(status) if !status.success() => Some(format!("its process ended with {status}")),
        Ending::Exited(_) => recording.failure.clone(),
    };
    Ok((recording, trouble))
}

/// The child process: runs the scenario, watched, and leaves what happened in a file for its parent.
pub(in crate::cli) fn child(args: &TimelineChildArgs) -> Result<ExitCode, Error> {
    let scenario = super::find(&args.name)
        .ok_or_else(|| Error::new(ExitCode::Usage, format!("no timeline is called `{}`", args.name)))?;
    child::end_with_parent();
    let failed = |error: String| Error::new(ExitCode::Failed, error);
    check::start(Config { predict: None, print: false, ..Config::default() })
        .map_err(|error| failed(error.to_string()))?;
    timeline::start();
    let outcome = run::execute(if args.fixed { scenario.fixed } else { scenario.buggy }, |_| {});
    let recording = Recording { findings: outcome.findings, failure: outcome.failure, ..told(&timeline::take()) };
    let bytes = serde_json::to_vec(&recording).map_err(|error| failed(error.to_string()))?;
    std::fs::write(&args.into, bytes).map_err(|error| failed(error.to_string()))?;
    // The process ends here, with whatever tasks of the scenario still wait.
    Ok(ExitCode::Clean)
}

/// The moments as events, with the names that they need.
fn told(moments: &[Moment]) -> Recording {
    let Some(start) = moments.first().map(|moment| moment.at) else { return Recording::default() };
    let since = |at: Instant| u64::try_from(at.saturating_duration_since(start).as_nanos()).unwrap_or(u64::MAX);
    let mut recording = Recording::default();
    for moment in moments {
        let Some(task) = moment.task.task() else { continue };
        let name = |id: ThreadId| LiveNames.owner_name(id);
        recording.tasks.entry(task.get()).or_insert_with(|| name(moment.task));
        recording.threads.entry(moment.thread.0).or_insert_with(|| name(moment.thread));
        let what = match moment.what {
            Happening::Spawned { at, .. } => What::Spawned { site: to_site(at) },
            Happening::PollBegin => What::PollBegin,
            Happening::Sleeps { until } => What::Sleeps { until_ns: since(until) },
            Happening::PollEnd { pending: true } => What::Suspended,
            Happening::PollEnd { pending: false } => What::Ready,
            Happening::Woken => What::Woken,
            Happening::Ended => What::Ended,
            Happening::Cancelled => What::Cancelled,
        };
        recording.events.push(Event { at_ns: since(moment.at), thread: moment.thread.0, task: task.get(), what });
    }
    recording
}
