//! What the arguments mean: checked and resolved, so that the commands need not look at the environment.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use super::args::{AnalyzeArgs, CommonArgs, CompareArgs, Format, Layout, RunArgs, SelftestArgs, TimelineArgs, When};
use super::cost::{Cost, Effort};
use super::error::Error;
use super::exit_code::ExitCode;
use super::gate::Gate;
use super::output;
use super::scenarios::{self, Pair, Scenario};
use crate::engine::Judge;
use crate::report::Style;

/// Where reports go; `F` is the forms that there are.
#[derive(Debug)]
pub(super) struct Common<F = Format> {
    /// What standard output gets.
    pub(super) format: F,
    /// Colours on standard output.
    pub(super) style: Style,
    /// Standard output is a terminal.
    pub(super) terminal: bool,
    /// Nothing goes to standard output.
    pub(super) quiet: bool,
    /// Files, and what each gets.
    pub(super) outputs: Vec<(F, PathBuf)>,
}

impl<F: ValueEnum + Clone + Send + Sync + 'static> CommonArgs<F> {
    pub(super) fn resolve(self) -> Result<Common<F>, Error> {
        let terminal = std::io::stdout().is_terminal();
        let variable = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let forced = variable("CLICOLOR_FORCE") && std::env::var_os("CLICOLOR_FORCE").is_some_and(|value| value != "0");
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let coloured = match self.color {
            When::Always => true,
            When::Never => false,
            When::Auto => !variable("NO_COLOR") && (forced || (terminal && !dumb)),
        };
        let mut outputs: Vec<(F, PathBuf)> = Vec::new();
        for output in &self.output {
            let (format, path) = parse_output(output)?;
            if outputs.iter().any(|(_, other)| *other == path) {
                let message = format!("--output names `{}` twice", path.display());
                return Err(Error::new(ExitCode::Usage, message).with_help("give each report a file of its own"));
            }
            output::check_writable(&path)?;
            outputs.push((format, path));
        }
        let style = if coloured { Style::Coloured } else { Style::Plain };
        Ok(Common { format: self.format, style, terminal, quiet: self.quiet, outputs })
    }
}

/// `FORMAT=FILE`.
fn parse_output<F: ValueEnum>(output: &str) -> Result<(F, PathBuf), Error> {
    let refuse = |message: String| {
        let forms = F::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        let forms: Vec<String> = forms.map(|form| format!("`{}`", form.get_name())).collect();
        let help =
            format!("write --output FORMAT=FILE with a format of {}: --output json=report.json", forms.join(", "));
        Error::new(ExitCode::Usage, message).with_help(help)
    };
    let (format, file) =
        output.split_once('=').ok_or_else(|| refuse(format!("--output `{output}` does not name a format")))?;
    let format = F::from_str(format, false).map_err(|_| refuse(format!("--output: no format is called `{format}`")))?;
    match file {
        "" => Err(refuse(format!("--output `{output}` does not name a file"))),
        "-" => Err(refuse("--output is for files; --format says what standard output gets".to_owned())),
        file => Ok((format, PathBuf::from(file))),
    }
}

/// `gordian run`.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) scenario: &'static Scenario,
    pub(super) fixed: bool,
    pub(super) record: Option<PathBuf>,
    pub(super) predict: bool,
    pub(super) timeout: Duration,
    pub(super) gate: Gate,
}

impl RunArgs {
    pub(super) fn resolve(self) -> Result<Run, Error> {
        self.record.as_deref().map_or(Ok(()), output::check_writable)?;
        Ok(Run {
            scenario: scenario(&self.name)?,
            fixed: self.fixed,
            record: self.record,
            predict: !self.no_predict,
            timeout: Duration::from_secs(self.timeout),
            gate: self.gate.resolve(None)?,
        })
    }
}

/// `gordian selftest`.
#[derive(Debug)]
pub(super) struct Selftest {
    pub(super) scenarios: Vec<&'static Scenario>,
    pub(super) timeout: Duration,
    pub(super) common: Common,
}

impl SelftestArgs {
    pub(super) fn resolve(self) -> Result<Selftest, Error> {
        let scenarios = match self.names.as_slice() {
            [] => scenarios::all().iter().collect(),
            names => names.iter().map(|name| scenario(name)).collect::<Result<_, _>>()?,
        };
        Ok(Selftest { scenarios, timeout: Duration::from_secs(self.timeout), common: self.common.resolve()? })
    }
}

/// `gordian compare`.
#[derive(Debug)]
pub(super) struct Compare {
    /// Without one, the pairs are listed.
    pub(super) pair: Option<Pair>,
    /// Side by side, in so many columns of the screen; else one below the other.
    pub(super) width: Option<usize>,
    pub(super) timeout: Duration,
    pub(super) common: Common,
}

impl CompareArgs {
    /// `gordian compare --cost`.
    pub(super) fn resolve_cost(self) -> Result<Cost, Error> {
        let effort = Effort {
            size: self.size.map(|size| size as usize),
            quick: self.quick,
            rounds: self.rounds.map_or(if self.quick { 3 } else { 5 }, usize::from),
            timeout: Duration::from_secs(self.timeout),
        };
        Cost::new(self.cost.as_deref().unwrap_or_default(), effort, self.common.resolve()?)
    }

    pub(super) fn resolve(self) -> Result<Compare, Error> {
        /// Two reports need so many columns to be read side by side.
        const WIDE: usize = 150;
        let pair = match &self.name {
            None => None,
            Some(name) => Some(scenario(name)?.pair().ok_or_else(|| {
                let message = format!("`{name}` has no async form: there is nothing to compare");
                Error::new(ExitCode::Usage, message)
                    .with_help(format!("`gordian compare` lists the pairs, `gordian run {name}` runs it"))
            })?),
        };
        let common = self.common.resolve()?;
        let screen = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        let width = match self.layout {
            Layout::Stacked => None,
            Layout::Columns => Some(screen.unwrap_or(WIDE)),
            Layout::Auto => screen.filter(|&width| common.terminal && width >= WIDE),
        };
        Ok(Compare { pair, width, timeout: Duration::from_secs(self.timeout), common })
    }
}

/// `gordian timeline`.
#[derive(Debug)]
pub(super) struct Timeline {
    /// Without one, what there is is listed.
    pub(super) name: Option<String>,
    pub(super) fixed: bool,
    pub(super) events: bool,
    pub(super) timeout: Duration,
    pub(super) common: Common,
}

impl TimelineArgs {
    pub(super) fn resolve(self) -> Result<Timeline, Error> {
        let timeout = Duration::from_secs(self.timeout);
        let common = self.common.resolve()?;
        Ok(Timeline { name: self.name, fixed: self.fixed, events: self.events, timeout, common })
    }
}

/// A trace of up to so many events is predicted without being asked.
const PREDICTED_UNASKED: u64 = 1_000_000;

/// `gordian analyze`.
#[derive(Debug)]
pub(super) struct Analyze {
    pub(super) files: Vec<PathBuf>,
    /// Never empty.
    pub(super) judges: Vec<Judge>,
    pub(super) every_event: bool,
    /// Longer traces are not predicted.
    pub(super) predict_up_to: u64,
    /// States that a prediction may reach.
    pub(super) budget: u64,
    /// What was refuted is shown.
    pub(super) all: bool,
    pub(super) witness: Option<PathBuf>,
    /// STD text is held to the whole of its rules.
    pub(super) strict: bool,
    pub(super) gate: Gate,
}

impl AnalyzeArgs {
    pub(super) fn resolve(self) -> Result<Analyze, Error> {
        if self.files.iter().filter(|file| file.as_os_str() == "-").count() > 1 {
            let message = "standard input (`-`) can be read only once";
            return Err(Error::new(ExitCode::Usage, message).with_help("name it once, or name files"));
        }
        self.witness.as_deref().map_or(Ok(()), output::check_writable)?;
        let mut judges: Vec<Judge> = self.engine.iter().map(|engine| engine.judge()).collect();
        let named = judges.iter().any(|judge| Judge::PREDICTING.contains(judge));
        if judges.is_empty() {
            judges.extend(Judge::STREAMING);
        }
        if !named && !self.no_predict && (self.predict || self.engine.is_empty()) {
            judges.extend(Judge::PREDICTING);
        }
        Ok(Analyze {
            files: self.files,
            judges,
            every_event: self.every_event,
            predict_up_to: if self.predict || named { u64::MAX } else { PREDICTED_UNASKED },
            budget: self.budget,
            all: self.all,
            witness: self.witness,
            strict: self.strict,
            gate: self.gate.resolve(None)?,
        })
    }
}

/// The scenario of that name.
pub(super) fn scenario(name: &str) -> Result<&'static Scenario, Error> {
    scenarios::find(name).ok_or_else(|| {
        Error::new(ExitCode::Usage, format!("no scenario is called `{name}`")).with_help("`gordian list` has them all")
    })
}
