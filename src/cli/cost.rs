//! `gordian compare --cost`: threads and async beside each other, measured on this machine.
//!
//! `programs` are what is measured, `sample` runs one of them once in a process of its own, `rounds` takes the medians,
//! `comparison` sorts them by feature, `table` prints them.

mod comparison;
mod limits;
mod machine;
mod programs;
mod rounds;
mod sample;
mod table;
mod usage;

use std::sync::atomic::Ordering;

use serde::Serialize;

use comparison::Feature;
use machine::Machine;
use programs::Measurement;
pub(super) use rounds::Effort;
use rounds::{Measured, Progress};
pub(super) use sample::child;

use super::error::Error;
use super::exit_code::ExitCode;
use super::interrupt;
use super::options::Common;
use super::output::{self, Document};
use super::quantity;
use crate::report::Style;

/// The version of the JSON format.
const FORMAT_VERSION: u32 = 1;

/// What is to be measured; nothing: the measurements are listed.
#[derive(Debug)]
pub(super) struct Cost {
    measurements: Vec<&'static Measurement>,
    effort: Effort,
    common: Common,
}

impl Cost {
    /// The measurements of these names, `all` for all.
    pub(super) fn new(names: &[String], effort: Effort, common: Common) -> Result<Self, Error> {
        let unknown = |name: &String| {
            Error::new(ExitCode::Usage, format!("no measurement is called `{name}`"))
                .with_help("`gordian compare --cost` has them all")
        };
        let mut measurements: Vec<&'static Measurement> = Vec::new();
        for name in names {
            let named: Vec<&Measurement> = match name.as_str() {
                "all" => programs::all().iter().collect(),
                _ => vec![programs::find(name).ok_or_else(|| unknown(name))?],
            };
            for measurement in named {
                if !measurements.iter().any(|known| known.name == measurement.name) {
                    measurements.push(measurement);
                }
            }
        }
        Ok(Self { measurements, effort, common })
    }
}

/// The names that may be given.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    programs::all().iter().map(|measurement| measurement.name).chain(["all"])
}

/// Measures, or lists what there is to measure.
pub(super) fn cost(options: &Cost) -> Result<ExitCode, Error> {
    if options.measurements.is_empty() {
        output::emit(&List { measurements: programs::all().iter().map(Entry::new).collect() }, &options.common)?;
        return Ok(ExitCode::Clean);
    }
    let machine = Machine::this();
    let progress = Progress::begin(&options.measurements, &options.effort, options.common.quiet);
    let interrupted = || interrupt::flag().load(Ordering::Relaxed);
    let mut measurements: Vec<Measured> = Vec::new();
    for measurement in &options.measurements {
        if interrupted() {
            break;
        }
        measurements.push(rounds::measure(measurement, &options.effort, &progress));
    }
    progress.end();
    let complete = measurements.iter().all(|measured| !measured.rows.is_empty());
    let comparison = comparison::comparison(&measurements, machine.cores);
    let interrupted = interrupted();
    let report = Report { version: FORMAT_VERSION, machine, measurements, comparison, interrupted };
    output::emit(&report, &options.common)?;
    Ok(if complete && !interrupted { ExitCode::Clean } else { ExitCode::Failed })
}

/// All that is known.
#[derive(Debug, Serialize)]
struct Report {
    version: u32,
    machine: Machine,
    measurements: Vec<Measured>,
    comparison: Vec<Feature>,
    /// The user ended it.
    interrupted: bool,
}

impl Document for Report {
    fn text(&self, style: Style, terminal: bool) -> String {
        table::text(self, style, terminal)
    }

    fn json(&self) -> String {
        output::pretty(self)
    }
}

#[derive(Serialize)]
struct List {
    measurements: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    name: &'static str,
    forms: Vec<String>,
    sizes: Vec<usize>,
    unit: &'static str,
    title: &'static str,
    source: String,
}

impl Entry {
    fn new(measurement: &Measurement) -> Self {
        Self {
            name: measurement.name,
            forms: measurement.forms.iter().map(programs::Form::name).collect(),
            sizes: measurement.sizes.full.to_vec(),
            unit: measurement.unit,
            title: measurement.title(),
            source: measurement.path(),
        }
    }
}

impl Document for List {
    fn text(&self, _style: Style, terminal: bool) -> String {
        let rows = self.measurements.iter().map(|entry| {
            let sizes: Vec<String> = entry.sizes.iter().map(|&size| quantity::count(size as u64)).collect();
            let size = format!("{} {}", sizes.join(" and "), entry.unit);
            [entry.name.to_owned(), size, entry.forms.join(", "), entry.title.to_owned()]
        });
        output::table(["name", "size", "forms", "title"], rows, terminal)
    }

    fn json(&self) -> String {
        output::pretty(self)
    }
}
