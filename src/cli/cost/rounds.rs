//! Runs the forms of a measurement in rounds, and takes medians.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::limits::{self, Need};
use super::programs::{Figure, Form, Measurement, Program, Side};
use super::sample::{self, Failure, Sample};
use crate::cli::interrupt;
use crate::cli::quantity;
use crate::finding::Kind;

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Effort {
    /// Instead of the measurement's own sizes.
    pub(in crate::cli) size: Option<usize>,
    /// The measurement's small sizes.
    pub(in crate::cli) quick: bool,
    pub(in crate::cli) rounds: usize,
    /// Of one process.
    pub(in crate::cli) timeout: Duration,
}

impl Effort {
    /// After so long a size gets no further round: on a busy machine some rounds may take long.
    const fn patience(&self) -> Duration {
        Duration::from_secs(if self.quick { 5 } else { 30 })
    }

    fn sizes(&self, measurement: &Measurement) -> Vec<usize> {
        match self.size {
            Some(size) => vec![size],
            None if self.quick => measurement.sizes.quick.to_vec(),
            None => measurement.sizes.full.to_vec(),
        }
    }
}

/// What came of a measurement.
#[derive(Debug, Serialize)]
pub(super) struct Measured {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) source: String,
    /// What a size counts.
    pub(super) unit: &'static str,
    /// What the latencies are.
    pub(super) latency: &'static str,
    /// What is to be said about the sizes.
    pub(super) notes: Vec<String>,
    pub(super) rows: Vec<Row>,
}

/// The medians of one form at one size.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    pub(super) form: String,
    pub(super) side: Side,
    pub(super) size: usize,
    pub(super) rounds: usize,
    /// What comes out.
    pub(super) figure: Option<Value>,
    #[serde(flatten)]
    pub(super) median: Sample,
    /// The lines of the form's source.
    pub(super) lines: usize,
    /// The kind of mistake that it is an example of.
    pub(super) mistake: Option<Kind>,
}

/// What comes out, and in what.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Value {
    pub(super) value: f64,
    pub(super) unit: String,
}

impl Value {
    /// For people.
    pub(super) fn text(&self) -> String {
        let whole = self.value.round().clamp(0.0, 1e18) as u64;
        match self.unit.split_once('/') {
            Some(("ns", what)) => format!("{}/{what}", quantity::time(whole)),
            Some(("bytes", _)) => format!("{} each", quantity::bytes(whole)),
            Some((what, _)) => format!("{} {what}/s", quantity::count(whole)),
            None => format!("{:.2}×", self.value),
        }
    }
}

/// The progress of all that is to be done, on standard error of a terminal.
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn begin(measurements: &[&'static Measurement], effort: &Effort, quiet: bool) -> Self {
        let runs =
            |measurement: &&Measurement| effort.sizes(measurement).len() * measurement.forms.len() * effort.rounds;
        let all: usize = measurements.iter().map(runs).sum();
        let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(all as u64) };
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}").expect("the template is constant");
        Self(bar.with_style(style))
    }

    pub(super) fn end(&self) {
        self.0.finish_and_clear();
    }
}

/// Measures at every size; what is missing when the user has enough has no row.
pub(super) fn measure(measurement: &'static Measurement, effort: &Effort, progress: &Progress) -> Measured {
    let mut measured = Measured {
        name: measurement.name,
        title: measurement.title(),
        source: measurement.path(),
        unit: measurement.unit,
        latency: measurement.latency(),
        notes: Vec::new(),
        rows: Vec::new(),
    };
    let mut done: Vec<usize> = Vec::new();
    for asked in effort.sizes(measurement) {
        let size = fitting(measurement, asked, &mut measured.notes);
        // Two sizes may become the same under a limit.
        if done.contains(&size) {
            continue;
        }
        done.push(size);
        measured.rows.extend(at_size(measurement, size, effort, progress, &mut measured.notes));
    }
    measured
}

/// The size, or what the limits leave of it.
fn fitting(measurement: &Measurement, asked: usize, notes: &mut Vec<String>) -> usize {
    let threads = measurement.forms.iter().any(|form| form.thread_each);
    let files = measurement.forms.iter().any(|form| matches!(form.program, Program::Server { .. }));
    match limits::strictest(Need { threads, files }) {
        Some(limit) if limit.at_most < asked => {
            let [asked, less] = [asked, limit.at_most].map(|size| quantity::count(size as u64));
            notes.push(format!("{less} {} instead of {asked}: {}", measurement.unit, limit.reason));
            limit.at_most
        }
        _ => asked,
    }
}

/// The rows at this size, or at a smaller one if this is too much for the machine.
fn at_size(
    measurement: &'static Measurement,
    mut size: usize,
    effort: &Effort,
    progress: &Progress,
    notes: &mut Vec<String>,
) -> Vec<Row> {
    /// Each time a quarter is tried.
    const TRIES: usize = 4;
    for left in (0..TRIES).rev() {
        let (samples, failed) = rounds(measurement, size, effort, progress);
        let Some((form, reason)) = failed else { return rows(measurement, size, &samples) };
        let less = size / 4;
        let what = format!("{} {} could not be had from `{form}`", quantity::count(size as u64), measurement.unit);
        if left == 0 || less == 0 {
            notes.push(format!("{what}: {reason}"));
            return rows(measurement, size, &samples);
        }
        notes.push(format!("{what}: {reason}; a quarter was tried"));
        size = less;
    }
    Vec::new()
}

/// The samples of each form, and which form failed why, which ends the rounds.
type Rounds = (Vec<Vec<Sample>>, Option<(String, String)>);

fn rounds(measurement: &'static Measurement, size: usize, effort: &Effort, progress: &Progress) -> Rounds {
    let forms = measurement.forms;
    let mut samples = vec![Vec::new(); forms.len()];
    let start = Instant::now();
    let first = progress.0.position();
    let mut failed = None;
    'rounds: for round in 0..effort.rounds {
        if round > 0 && start.elapsed() > effort.patience() {
            break;
        }
        for turn in 0..forms.len() {
            // Each round begins with another form, so that what changes meanwhile meets them all.
            let place = (round + turn) % forms.len();
            let form = &forms[place];
            if interrupt::flag().load(Ordering::Relaxed) {
                break 'rounds;
            }
            progress.0.set_message(format!("{}: {}", measurement.name, form.name()));
            match sampled(measurement, form, size, effort.timeout) {
                Ok(sample) => samples[place].push(sample),
                Err(Failure::Interrupted) => break 'rounds,
                Err(Failure::Because(reason)) => {
                    failed = Some((form.name(), reason));
                    break 'rounds;
                }
            }
            progress.0.inc(1);
        }
    }
    if failed.is_some() {
        progress.0.set_position(first);
    } else {
        progress.0.set_position(first + (forms.len() * effort.rounds) as u64);
    }
    (samples, failed)
}

/// A sample. Where the memory of each is asked for, that of a run with only one is not counted: it is the program's own.
fn sampled(measurement: &Measurement, form: &Form, size: usize, timeout: Duration) -> Result<Sample, Failure> {
    let mut sample = sample::take(measurement, form, size, timeout)?;
    if matches!(measurement.figure, Figure::BytesEach) {
        let one = sample::take(measurement, form, 1, timeout)?;
        let added = sample.added_bytes.zip(one.added_bytes);
        sample.added_bytes = added.map(|(added, one)| added.saturating_sub(one));
    }
    Ok(sample)
}

/// A row for each form that has samples.
fn rows(measurement: &'static Measurement, size: usize, samples: &[Vec<Sample>]) -> Vec<Row> {
    let first = samples.first().filter(|samples| !samples.is_empty()).map(|samples| median(samples).wall_ns);
    let known = measurement.forms.iter().zip(samples).filter(|(_, samples)| !samples.is_empty());
    known.map(|(form, samples)| row(measurement, form, size, samples, first)).collect()
}

fn row(measurement: &Measurement, form: &Form, size: usize, samples: &[Sample], first: Option<u64>) -> Row {
    let median = median(samples);
    Row {
        form: form.name(),
        side: form.side,
        size,
        rounds: samples.len(),
        figure: figure(measurement, size, &median, first),
        median,
        lines: measurement.lines(form),
        mistake: form.mistake,
    }
}

/// What comes out of the medians; `first` is the time of the first form.
fn figure(measurement: &Measurement, size: usize, median: &Sample, first: Option<u64>) -> Option<Value> {
    let wall = median.wall_ns.max(1) as f64;
    let value = |value: f64, unit: String| Some(Value { value, unit });
    match measurement.figure {
        Figure::PerSecond(what, each) => value((size * each) as f64 * 1e9 / wall, format!("{what}/s")),
        Figure::SpeedUp => value(first? as f64 / wall, "times".to_owned()),
        Figure::TimeEach(what, each) => value(wall / (size * each).max(1) as f64, format!("ns/{what}")),
        Figure::BytesEach => {
            value(median.added_bytes? as f64 / size.saturating_sub(1).max(1) as f64, "bytes/each".to_owned())
        }
    }
}

/// The median of each number by itself; of an even count the lower one.
fn median(samples: &[Sample]) -> Sample {
    let of = |number: fn(&Sample) -> Option<u64>| {
        let mut numbers: Vec<u64> = samples.iter().filter_map(number).collect();
        numbers.sort_unstable();
        numbers.get(numbers.len().saturating_sub(1) / 2).copied()
    };
    Sample {
        wall_ns: of(|sample| Some(sample.wall_ns)).unwrap_or_default(),
        cpu_ns: of(|sample| sample.cpu_ns),
        peak_bytes: of(|sample| sample.peak_bytes),
        added_bytes: of(|sample| sample.added_bytes),
        voluntary_switches: of(|sample| sample.voluntary_switches),
        involuntary_switches: of(|sample| sample.involuntary_switches),
        threads: of(|sample| sample.threads),
        p50_ns: of(|sample| sample.p50_ns),
        p99_ns: of(|sample| sample.p99_ns),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::cost::programs;

    fn sample(wall_ns: u64, p50_ns: Option<u64>) -> Sample {
        Sample { wall_ns, p50_ns, added_bytes: Some(wall_ns), ..Sample::default() }
    }

    #[test]
    fn each_number_has_its_own_median() {
        let samples = [sample(30, None), sample(10, Some(7)), sample(20, Some(9))];
        let median = median(&samples);
        assert_eq!((median.wall_ns, median.p50_ns, median.p99_ns), (20, Some(7), None));
        assert_eq!(super::median(&samples[..2]).wall_ns, 10);
    }

    #[test]
    fn figures_follow_from_the_medians() {
        let text = |name: &str, size, wall| {
            let measurement = programs::find(name).unwrap();
            figure(measurement, size, &sample(wall, None), Some(1_000)).unwrap().text()
        };
        assert_eq!(text("waits", 10, 1_000_000_000), "10 waits/s");
        assert_eq!(text("cpu", 3, 500), "2.00×");
        assert_eq!(text("switches", 10, 4_000), "200 ns/switch");
        assert_eq!(text("memory", 11, 20_480), "2.00 KiB each");
        assert_eq!(figure(programs::find("cpu").unwrap(), 1, &sample(1, None), None), None);
    }

    #[test]
    fn a_form_without_samples_has_no_row() {
        let measurement = programs::find("waits").unwrap();
        let rows = rows(measurement, 1, &[vec![], vec![sample(5, None)], vec![]]);
        assert_eq!(rows.iter().map(|row| row.form.as_str()).collect::<Vec<_>>(), ["tasks"]);
    }
}
