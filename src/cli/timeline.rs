//! `gordian timeline`: an event loop at work.
//!
//! `record` runs a scenario in a child process and has what happened to its tasks, `lanes` makes of that what each task
//! did when, `draw` shows it.

mod draw;
mod lanes;
mod record;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Serialize;

use super::error::Error;
use super::exit_code::ExitCode;
use super::options;
use super::output::{self, Document};
use super::scenarios::{self, Form, Scenario};
use crate::finding::Finding;
use crate::report::Style;
use lanes::{Lane, Stall};
pub(super) use record::child;

#[path = "../../scenarios/timeline/mod.rs"]
#[allow(unreachable_pub, reason = "they are written as a user would write them")]
mod registry;

/// The version of the JSON format.
const FORMAT_VERSION: u32 = 1;

/// What is made for this, and the async scenarios.
fn all() -> impl Iterator<Item = &'static Scenario> {
    static DEMONSTRATIONS: LazyLock<Vec<Scenario>> = LazyLock::new(registry::demonstrations);
    DEMONSTRATIONS.iter().chain(scenarios::all().iter().filter(|scenario| scenario.form() == Form::Async))
}

/// The names that may be given.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    all().map(|scenario| scenario.name.as_str())
}

fn find(name: &str) -> Option<&'static Scenario> {
    all().find(|scenario| scenario.name == name)
}

/// Shows the event loop of a scenario; without one, lists what there is.
pub(super) fn timeline(options: &options::Timeline) -> Result<ExitCode, Error> {
    let Some(name) = &options.name else {
        let timelines =
            all().map(|scenario| Entry { name: &scenario.name, title: scenario.title(), path: &scenario.path });
        output::emit(&List { timelines: timelines.collect() }, &options.common)?;
        return Ok(ExitCode::Clean);
    };
    let scenario = find(name).ok_or_else(|| {
        Error::new(ExitCode::Usage, format!("no timeline is called `{name}`"))
            .with_help("`gordian timeline` has them all")
    })?;
    let (recording, trouble) = record::record(scenario, options.fixed, options.timeout)?;
    let tasks = lanes::lanes(&recording.events, &recording.tasks);
    let document = Timeline {
        version: FORMAT_VERSION,
        name: &scenario.name,
        fixed: options.fixed,
        end_ns: recording.events.last().map_or(0, |event| event.at_ns),
        stalls: lanes::stalls(&tasks),
        tasks,
        threads: recording.threads,
        events: recording.events,
        findings: recording.findings,
        trouble,
        show_events: options.events,
    };
    output::emit(&document, &options.common)?;
    Ok(if document.trouble.is_some() { ExitCode::Failed } else { ExitCode::Clean })
}

/// All that is known of a run. Times are in nanoseconds from the first event.
#[derive(Debug, Serialize)]
struct Timeline {
    version: u32,
    name: &'static str,
    fixed: bool,
    end_ns: u64,
    /// Those on which something happened, by number.
    threads: BTreeMap<u32, String>,
    tasks: Vec<Lane>,
    /// Polls during which others could have gone on.
    stalls: Vec<Stall>,
    events: Vec<record::Event>,
    findings: Vec<Finding>,
    /// Why the run did not come to its own end, or how the scenario failed.
    trouble: Option<String>,
    /// The text has the events as well.
    #[serde(skip)]
    show_events: bool,
}

impl Document for Timeline {
    fn text(&self, style: Style, terminal: bool) -> String {
        draw::text(self, style, terminal)
    }

    fn json(&self) -> String {
        output::pretty(self)
    }
}

#[derive(Serialize)]
struct List {
    timelines: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    name: &'static str,
    title: &'static str,
    path: &'static str,
}

impl Document for List {
    fn text(&self, _style: Style, terminal: bool) -> String {
        let rows = self.timelines.iter().map(|entry| [entry.name.to_owned(), entry.title.to_owned()]);
        output::table(["name", "title"], rows, terminal)
    }

    fn json(&self) -> String {
        output::pretty(self)
    }
}
