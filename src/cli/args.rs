//! What the user typed.

use std::path::PathBuf;

use clap::builder::{PathBufValueParser, PossibleValuesParser, TypedValueParser as _};
use clap::{Parser, Subcommand, ValueEnum};

use super::cargo::CargoArgs;
use super::cost;
use super::scenarios;
use super::timeline;
use crate::engine::Judge;
use crate::finding::{Kind, Tier};

/// Find the deadlocks and races of a Rust program before they happen.
#[derive(Parser, Debug)]
#[command(name = "gordian", version, arg_required_else_help = true, after_help = EXIT_CODES)]
#[command(infer_subcommands = false, disable_help_subcommand = true)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  clean
  1  findings at or over the tier of --deny; suppressed and known ones, and those in dependencies, do not count
  2  wrong usage
  3  unreadable or malformed input
  4  the program under test failed by itself, or the run was cut short, and there is no finding

Examples:
  gordian run ab-ba                    a bundled bug, and its report
  gordian analyze trace.std            judge a recorded trace
  gordian explain lock-order-cycle     what a finding means, and what to do";

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    List(ListArgs),
    Run(RunArgs),
    Compare(CompareArgs),
    Timeline(TimelineArgs),
    Selftest(SelftestArgs),
    Analyze(AnalyzeArgs),
    Explain(ExplainArgs),
    Graph(GraphArgs),
    Cargo(CargoArgs),
    Convert(ConvertArgs),
    #[command(name = "__run", hide = true)]
    Child(ChildArgs),
    #[command(name = "__cost", hide = true)]
    CostChild(CostChildArgs),
    #[command(name = "__timeline", hide = true)]
    TimelineChild(TimelineChildArgs),
}

/// What every command understands; `F` is the forms that it can report in.
#[derive(clap::Args, Debug)]
pub(super) struct CommonArgs<F: ValueEnum + Clone + Send + Sync + 'static = Format> {
    /// What standard output gets.
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(super) format: F,
    /// Write a report to a file as well; may be given several times.
    #[arg(long, value_name = "FORMAT=FILE", help_heading = "Output")]
    pub(super) output: Vec<String>,
    /// Colour the text on standard output; `auto` does on a terminal, and heeds NO_COLOR and CLICOLOR_FORCE.
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = "Output")]
    pub(super) color: When,
    /// Print nothing but errors; the exit code and the --output files are as ever.
    #[arg(long, short, help_heading = "Output")]
    pub(super) quiet: bool,
}

/// A form of what is no report of findings.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// A form of a report of findings.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ReportFormat {
    /// For people.
    Text,
    /// For programs; versioned.
    Json,
    /// SARIF 2.1.0, for code scanning and editors.
    Sarif,
    /// JUnit XML, for what collects test results.
    Junit,
    /// Workflow commands of GitHub Actions: annotations; the job summary gets a table.
    Github,
}

/// When to use colours.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum When {
    Auto,
    Always,
    Never,
}

/// What every command understands that reports findings: which of them are shown, which of them fail it, and where the
/// reports go. A flag is stronger than `gordian.toml`.
#[derive(clap::Args, Debug)]
pub(super) struct GateArgs {
    /// The weakest tier of findings that makes the exit code 1; stronger ones do as well [default: possible].
    #[arg(long, value_name = "TIER", help_heading = "Gate")]
    pub(super) deny: Option<TierName>,
    /// Show and count findings that lie wholly in dependencies or the standard library, too. Else they are one line for
    /// each package.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(help_heading = "Gate")]
    pub(super) deps: Option<bool>,
    /// Hide the findings that FILE has, and do not count them; see --write-baseline.
    #[arg(long, value_name = "FILE", help_heading = "Gate")]
    pub(super) baseline: Option<PathBuf>,
    /// Accept what is found: write the fingerprints of all findings to FILE, for --baseline. The exit code is as if
    /// there were none.
    #[arg(long, value_name = "FILE", value_parser = file_to_write(), help_heading = "Gate")]
    pub(super) write_baseline: Option<PathBuf>,
    /// Make the exit code 1 when a suppression of the configuration matches no finding.
    #[arg(long, help_heading = "Gate")]
    pub(super) deny_unused_suppressions: bool,
    /// Read the configuration from FILE [default: gordian.toml here or in the nearest directory above].
    #[arg(long, value_name = "FILE", help_heading = "Gate")]
    pub(super) config: Option<PathBuf>,
    #[command(flatten)]
    pub(super) common: CommonArgs<ReportFormat>,
}

/// A tier, weakest first.
#[derive(ValueEnum, serde::Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TierName {
    /// The pattern is there.
    Possible,
    /// A correct reordering of the run does it.
    Predicted,
    /// It happened.
    Observed,
}

impl From<TierName> for Tier {
    fn from(name: TierName) -> Self {
        match name {
            TierName::Possible => Self::Possible,
            TierName::Predicted => Self::Predicted,
            TierName::Observed => Self::Observed,
        }
    }
}

/// List the bundled scenarios.
#[derive(Parser, Debug)]
#[command(after_help = "Examples:\n  gordian list\n  gordian list --format json")]
pub(super) struct ListArgs {
    #[command(flatten)]
    pub(super) common: CommonArgs,
}

/// Run a bundled scenario in a child process and report what is wrong with it.
#[derive(Parser, Debug)]
#[command(after_help = "\
Standard output has the report and nothing else: what the scenario prints goes to standard error.

The run is recorded, and what other orders of its events would do is predicted. What is proved of a possible finding makes
it a predicted one, with its proof; what no order does is dropped.

Examples:
  gordian run ab-ba                          the bug
  gordian run ab-ba --fixed                  its fixed twin: silent, exit code 0
  gordian run ab-ba --record ab-ba.gordian   keep the trace, for `gordian analyze`
  gordian run ab-ba --output json=ab-ba.json --output sarif=ab-ba.sarif")]
pub(super) struct RunArgs {
    /// The scenario; `gordian list` has them all.
    #[arg(value_parser = scenario_name(), hide_possible_values = true)]
    pub(super) name: String,
    /// Run the fixed twin.
    #[arg(long)]
    pub(super) fixed: bool,
    /// Record the events to a trace file.
    #[arg(long, value_name = "FILE", value_parser = file_to_write())]
    pub(super) record: Option<PathBuf>,
    /// Tell only what this run showed, and not what other orders of its events would do.
    #[arg(long)]
    pub(super) no_predict: bool,
    /// End a run that takes longer.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) timeout: u64,
    #[command(flatten)]
    pub(super) gate: GateArgs,
}

/// Run one bug as threads and as async, and show the two reports next to each other. Without a name, list the pairs.
/// With --cost, measure what threads and async cost on this machine.
#[derive(Parser, Debug)]
#[command(after_help = "\
Each form runs buggy and fixed, in child processes. Exit code 0: both could be run; 4: one failed by itself and nothing
was found in it.

--cost runs plain std and tokio programs, each in a process of its own, several rounds in turn, and shows the medians:
what comes out, wall and CPU time, peak memory, switches (voluntary, and taken from the core), threads when most was going
on, median and 99th percentile of the latency, lines of source. Then it shows where threads and async differ, with these
numbers. A size that the limits of the machine or the user do not allow is made smaller, and that is said; Ctrl-C ends it
with what is known, exit code 4. The programs are scenarios/cost/*.rs.

Examples:
  gordian compare                     what pairs there are
  gordian compare ab-ba               threads on the left, async on the right
  gordian compare ab-ba --layout stacked
  gordian compare ab-ba --format json
  gordian compare --cost              what can be measured
  gordian compare --cost waits        10,000 waits, by threads and by tasks
  gordian compare --cost all --quick  everything, small")]
pub(super) struct CompareArgs {
    /// The pair: the name of its threads, or of its async form.
    #[arg(value_parser = scenario_name(), hide_possible_values = true)]
    pub(super) name: Option<String>,
    /// Measure threads and async beside each other; `all` for everything, no name to list what there is.
    #[arg(long, value_name = "MEASUREMENT", num_args = 0.., value_parser = measurement_name())]
    #[arg(conflicts_with_all = ["name", "layout"], help_heading = "Cost")]
    pub(super) cost: Option<Vec<String>>,
    /// Do it so often, instead of as often as the measurement does it by itself.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    #[arg(requires = "cost", help_heading = "Cost")]
    pub(super) size: Option<u32>,
    /// Take small sizes and few rounds: some seconds for everything.
    #[arg(long, requires = "cost", help_heading = "Cost")]
    pub(super) quick: bool,
    /// Runs of each program; the medians are shown [default: 5, with --quick 3].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_000))]
    #[arg(requires = "cost", help_heading = "Cost")]
    pub(super) rounds: Option<u16>,
    /// Where the two reports go; `auto` puts them side by side on a terminal that is wide enough.
    #[arg(long, value_name = "LAYOUT", default_value = "auto", help_heading = "Output")]
    pub(super) layout: Layout,
    /// End a run that takes longer.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) timeout: u64,
    #[command(flatten)]
    pub(super) common: CommonArgs,
}

/// Where two reports go.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Layout {
    Auto,
    /// Side by side.
    Columns,
    /// One below the other.
    Stacked,
}

/// Show the event loop of an async program at work: who is queued, polled, suspended and woken, and who waits meanwhile.
/// Without a name, list what there is.
#[derive(Parser, Debug)]
#[command(after_help = "\
Each task has a lane, time goes to the right. Below are the polls during which other tasks could have gone on: they were
in the queue, or the moment that they slept for had come and the loop did not look at the clock. Each event costs some
time itself, so very short polls look longer than they are, and so does one in which a finding is reported.

Examples:
  gordian timeline                            what there is
  gordian timeline cpu-in-the-loop            a task that computes, and what it does to the others
  gordian timeline cpu-in-the-loop --fixed    the same with spawn_blocking
  gordian timeline to-and-fro --events        and every event in a line of its own
  gordian timeline to-and-fro --format json")]
pub(super) struct TimelineArgs {
    /// An async scenario, or what is made for this.
    #[arg(value_parser = timeline_name(), hide_possible_values = true)]
    pub(super) name: Option<String>,
    /// Run the fixed twin.
    #[arg(long, requires = "name")]
    pub(super) fixed: bool,
    /// List the events as well.
    #[arg(long, requires = "name", help_heading = "Output")]
    pub(super) events: bool,
    /// End a run that takes longer.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) timeout: u64,
    #[command(flatten)]
    pub(super) common: CommonArgs,
}

/// Run every scenario, buggy and fixed, and compare what is found with what its source is marked with.
#[derive(Parser, Debug)]
#[command(after_help = "\
A scenario is right when its buggy form yields exactly the kinds and lines marked `//~ KIND` in its source, and its
fixed form yields nothing. Exit code 0: all are right; 1: at least one is not.

Examples:
  gordian selftest
  gordian selftest ab-ba")]
pub(super) struct SelftestArgs {
    /// Only these scenarios.
    #[arg(value_parser = scenario_name(), hide_possible_values = true)]
    pub(super) names: Vec<String>,
    /// End a run that takes longer.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) timeout: u64,
    #[command(flatten)]
    pub(super) common: CommonArgs,
}

/// Judge recorded traces: ours, STD text, or RapidBin.
#[derive(Parser, Debug)]
#[command(after_help = "\
The format is told from the first bytes. A trace that was cut short is judged up to the cut.

Examples:
  gordian analyze run.gordian
  gordian analyze *.std --format json
  gordian analyze --engine shb --every-event trace.std
  gordian analyze --predict --budget 100000000 --all trace.std
  zcat trace.std.gz | gordian analyze -
  gordian analyze run.gordian --deny observed --output json=report.json
  gordian analyze run.gordian --write-baseline known.txt   accept what there is
  gordian analyze run.gordian --baseline known.txt         and fail on what is new")]
pub(super) struct AnalyzeArgs {
    /// Trace files; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// Use only this judge; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub(super) engine: Vec<Engine>,
    /// List each racing event once, instead of each pair of racing sites once.
    #[arg(long)]
    pub(super) every_event: bool,
    /// Predict what other orders of the same events would do, however long the trace is; without this only a trace of up
    /// to a million events is asked, and only if no --engine is named.
    #[arg(long, help_heading = "Prediction", conflicts_with = "no_predict")]
    pub(super) predict: bool,
    /// Predict nothing.
    #[arg(long, help_heading = "Prediction")]
    pub(super) no_predict: bool,
    /// States that the searches of a prediction may reach in all; 0 keeps to reorderings that need no search.
    #[arg(long, value_name = "STATES", default_value_t = 4_000_000, help_heading = "Prediction")]
    pub(super) budget: u64,
    /// Show as well what prediction has refuted, and why.
    #[arg(long, help_heading = "Prediction")]
    pub(super) all: bool,
    /// Write the reordering of every predicted finding to a file, as JSON: its events with their positions in the trace, and
    /// a schedule to replay: which thread goes on for how many of its events, up to where each is about to do what races or
    /// waits.
    #[arg(long, value_name = "FILE", value_parser = file_to_write(), help_heading = "Prediction")]
    pub(super) witness: Option<PathBuf>,
    /// STD text: a read of a variable that was never written is an error, as in a trace from the very beginning.
    #[arg(long)]
    pub(super) strict: bool,
    #[command(flatten)]
    pub(super) gate: GateArgs,
}

/// A judge.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Engine {
    /// Data races by schedulable happens-before.
    Shb,
    /// Cycles of the lock-order graph, recursive reads.
    LockOrder,
    /// Waits that nothing can end.
    Waits,
    /// Updates that overwrite another thread's without having seen it, regions that are not atomic.
    Atomicity,
    /// Races of other orders of the same events.
    PredictRaces,
    /// Deadlocks of other orders of the same events.
    PredictDeadlocks,
    /// Lost updates and broken regions of other orders of the same events.
    PredictAtomicity,
}

impl Engine {
    /// The analysis behind the name.
    pub(super) const fn judge(self) -> Judge {
        match self {
            Self::Shb => Judge::Shb,
            Self::LockOrder => Judge::LockOrder,
            Self::Waits => Judge::Waits,
            Self::Atomicity => Judge::Atomicity,
            Self::PredictRaces => Judge::PredictRaces,
            Self::PredictDeadlocks => Judge::PredictDeadlocks,
            Self::PredictAtomicity => Judge::PredictAtomicity,
        }
    }
}

/// Explain a kind of finding: what it is, an example, the async twin, the fix. Without a kind, list them.
#[derive(Parser, Debug)]
#[command(after_help = "Examples:\n  gordian explain\n  gordian explain lost-wakeup")]
pub(super) struct ExplainArgs {
    /// The kind.
    #[arg(value_parser = kind_name(), hide_possible_values = true)]
    pub(super) kind: Option<Kind>,
    #[command(flatten)]
    pub(super) common: CommonArgs,
}

/// Draw the lock-order graph of a trace in the DOT language; edges on a cycle are red.
#[derive(Parser, Debug)]
#[command(after_help = "Examples:\n  gordian graph run.gordian | dot -Tsvg > locks.svg")]
pub(super) struct GraphArgs {
    /// The trace file; `-` is standard input.
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) common: CommonArgs,
}

/// Write a trace in another form, for other tools to read.
#[derive(Parser, Debug)]
#[command(after_help = "\
STD text knows threads, mutexes, variables and regions. What it cannot say (reader-writer locks held for reading, atomics,
condition variables, channels, ...) is left out, and standard error says how much that is. So what another tool finds in
it may be less, and races that such an operation rules out may be more.

Examples:
  gordian convert run.gordian > run.std
  gordian convert run.gordian --to rapid --out run.std   what RAPID's own parser reads
  gordian convert trace.data --to gordian --out trace.gordian")]
pub(super) struct ConvertArgs {
    /// The trace file, of any form; `-` is standard input.
    pub(super) file: PathBuf,
    /// The form to write.
    #[arg(long, value_name = "FORM", default_value = "std")]
    pub(super) to: TraceFormat,
    /// Write to a file; `-` is standard output, as without this.
    #[arg(long, short, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Do not say what was left out.
    #[arg(long, short)]
    pub(super) quiet: bool,
}

/// A form of trace.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TraceFormat {
    /// STD text, with the locations as they are.
    Std,
    /// STD text with numbers for locations, and without requests.
    Rapid,
    /// gordian's own binary format.
    Gordian,
}

/// The child process of `run` and `selftest`.
#[derive(Parser, Debug)]
pub(super) struct ChildArgs {
    #[arg(value_parser = scenario_name())]
    pub(super) name: String,
    #[arg(long)]
    pub(super) fixed: bool,
    #[arg(long)]
    pub(super) findings: PathBuf,
    #[arg(long)]
    pub(super) record: Option<PathBuf>,
}

/// A program of `compare --cost`, measured once; or the clients of one that is a server.
#[derive(Parser, Debug)]
pub(super) struct CostChildArgs {
    pub(super) measurement: String,
    pub(super) form: String,
    #[arg(long)]
    pub(super) size: usize,
    #[arg(long)]
    pub(super) into: Option<PathBuf>,
    #[arg(long, value_name = "SERVER")]
    pub(super) clients: Option<std::net::SocketAddr>,
}

/// The child process of `timeline`.
#[derive(Parser, Debug)]
pub(super) struct TimelineChildArgs {
    pub(super) name: String,
    #[arg(long)]
    pub(super) fixed: bool,
    #[arg(long)]
    pub(super) into: PathBuf,
}

/// A file that is written beside the report. `-` means standard output everywhere else, and that is where the report goes.
fn file_to_write() -> impl clap::builder::TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| match path.as_os_str() == "-" {
        true => Err("standard output is for the report: name a file (`./-` if it is to have that name)"),
        false => Ok(path),
    })
}

fn timeline_name() -> PossibleValuesParser {
    PossibleValuesParser::new(timeline::names())
}

fn measurement_name() -> PossibleValuesParser {
    PossibleValuesParser::new(cost::names())
}

fn scenario_name() -> PossibleValuesParser {
    PossibleValuesParser::new(scenarios::all().iter().map(|scenario| scenario.name.as_str()))
}

fn kind_name() -> impl clap::builder::TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Kind::ALL.iter().map(|kind| kind.name())).try_map(|name| name.parse::<Kind>())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in Args::command().get_subcommands().filter(|command| !command.is_hide_set()) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains(&format!("gordian {}", command.get_name())), "{}: {help}", command.get_name());
        }
    }
}
