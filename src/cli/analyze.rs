//! `gordian analyze`.

use std::fs::File;
use std::io::{Read, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::error::{Error, InputError, Position};
use super::exit_code::ExitCode;
use super::interrupt;
use super::options::Analyze;
use super::output;
use crate::analysis::predict::Control;
use crate::engine::Engine;
use crate::event::Event;
use crate::finding::{Finding, Fingerprint, Kind, Move, Refutation, Turn};
use crate::report::{self, Part, Summary};
use crate::trace::{StdOptions, TraceError, TraceReader};

/// Judges the traces one after the other, and reports on all of them.
///
/// An input that cannot be judged is told on standard error, and the others are judged all the same.
pub(super) fn analyze(options: &Analyze) -> Result<ExitCode, Error> {
    let interrupted = interrupt::flag();
    let mut parts: Vec<Part> = Vec::new();
    let mut broken = false;
    for path in &options.files {
        if interrupted.load(Ordering::Relaxed) {
            break;
        }
        let progress = progress(path, options.gate.common.quiet);
        let judged = judge(path, &Judging { options, interrupted, progress: &progress });
        progress.finish_and_clear();
        match judged {
            Ok(Judged { findings, refuted, summary }) => {
                parts.push(Part { input: Some(input_name(path)), findings, refuted, summary, ..Part::default() });
            }
            Err(error) => {
                broken = true;
                let _ = writeln!(std::io::stderr(), "{}", Error::from(error));
            }
        }
    }
    let cut_short = interrupted.load(Ordering::Relaxed);
    if let Some(last) = parts.last_mut() {
        last.summary.interrupted |= cut_short;
    }
    if let Some(path) = &options.witness {
        options.gate.identify(&mut parts);
        output::write_file(path, &output::pretty(&Witnesses::of(&parts)))?;
    }
    let otherwise = if broken {
        ExitCode::Input
    } else if cut_short {
        ExitCode::Failed
    } else {
        ExitCode::Clean
    };
    options.gate.conclude(parts, otherwise)
}

/// How often the bar moves while nothing is read.
const FRAME: Duration = Duration::from_millis(50);

/// Batches that the reader may be ahead of the judges.
const BATCHES: usize = 8;

/// How to judge.
struct Judging<'a> {
    options: &'a Analyze,
    /// Set by Ctrl-C: stop, and return what is known.
    interrupted: &'a AtomicBool,
    /// Counts the bytes that are read, then what is predicted.
    progress: &'a ProgressBar,
}

/// What a trace gave.
struct Judged {
    findings: Vec<Finding>,
    /// What was refuted, if that is wanted.
    refuted: Vec<Refutation>,
    /// Everything but the counts of the findings, which are made from them.
    summary: Summary,
}

/// Reads a trace and judges it.
fn judge(path: &Path, judging: &Judging<'_>) -> Result<Judged, InputError> {
    let options = judging.options;
    let mut reader = reader(path, judging.progress, StdOptions { strict: options.strict })?;
    let mut engine = Engine::new(&options.judges, options.every_event).predicting_up_to(options.predict_up_to);
    // One thread reads, one judges: a trace takes the longer of the two times, not their sum.
    let (full, batches) = mpsc::sync_channel::<(u64, Vec<Event>)>(BATCHES);
    let (empty, spare) = mpsc::channel::<Vec<Event>>();
    let read = thread::scope(|scope| {
        let reader = &mut reader;
        let reading = scope.spawn(move || {
            while !judging.interrupted.load(Ordering::Relaxed) {
                let mut batch = spare.try_recv().unwrap_or_default();
                match reader.next_batch(&mut batch)? {
                    Some(first) if full.send((first, batch)).is_ok() => {}
                    _ => break,
                }
            }
            Ok(())
        });
        for (first, batch) in batches {
            engine.feed(first, &batch);
            let _ = empty.send(batch);
        }
        reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    read.map_err(|error| malformed(path, error))?;
    predict(&mut engine, judging);
    let mut verdict = engine.verdict(reader.names());
    if !options.all {
        verdict.refuted.clear();
    }
    let unpredicted = verdict.prediction.unwrap_or_default();
    let some = |number: u64| Some(number).filter(|&number| number > 0);
    let summary = Summary {
        events: Some(verdict.events),
        threads: Some(verdict.threads),
        patterns: verdict.patterns,
        order_cut: verdict.order_cut,
        not_predicted: unpredicted.skipped,
        undecided: some(unpredicted.undecided),
        states: some(unpredicted.states),
        truncated: reader
            .truncated()
            .map(|offset| format!("the recording stops at byte {offset}, without its end mark")),
        interrupted: judging.interrupted.load(Ordering::Relaxed),
        ..Summary::default()
    };
    Ok(Judged { findings: verdict.findings, refuted: verdict.refuted, summary })
}

/// Predicts on a thread of its own, while this one moves the bar.
fn predict(engine: &mut Engine, judging: &Judging<'_>) {
    let (done, work) = (AtomicU64::new(0), AtomicU64::new(0));
    let control = Control { stop: judging.interrupted, done: &done };
    let budget = judging.options.budget;
    thread::scope(|scope| {
        let work = &work;
        let predicting =
            scope.spawn(move || engine.predict(budget, control, |total| work.store(total, Ordering::Relaxed)));
        let bar = judging.progress;
        while !predicting.is_finished() && !bar.is_hidden() {
            let total = work.load(Ordering::Relaxed);
            if total > 0 && bar.length() != Some(total) {
                bar.set_style(style("{msg}: predicting {bar:30} {pos}/{len} {per_sec} {eta}"));
                bar.set_length(total);
            }
            bar.set_position(done.load(Ordering::Relaxed));
            thread::park_timeout(FRAME);
        }
        predicting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

/// Opens a trace of any form.
pub(super) fn reader(
    path: &Path,
    progress: &ProgressBar,
    options: StdOptions,
) -> Result<TraceReader<Box<dyn Read + Send>>, InputError> {
    TraceReader::open_with(open(path, progress)?, options).map_err(|error| malformed(path, error))
}

/// The error for an input that is not a trace.
pub(super) fn malformed(path: &Path, error: TraceError) -> InputError {
    let (position, reason) = match error {
        TraceError::Io(error) => return unreadable(path, &error),
        TraceError::Text { ref violation, .. } => (Some(Position::Line(violation.line)), error.to_string()),
        TraceError::Damaged { offset, reason } => (Some(Position::Offset(offset)), reason),
        other => (None, other.to_string()),
    };
    InputError {
        input: input_name(path),
        position,
        reason,
        help: Some(
            "a trace is what `--record` writes, STD text (`T1|acq(L2)|30`, one event a line), or RapidBin".to_owned(),
        ),
    }
}

/// Opens an input; `-` is standard input. What is read moves the progress bar.
pub(super) fn open(path: &Path, progress: &ProgressBar) -> Result<Box<dyn Read + Send>, InputError> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(progress.wrap_read(std::io::stdin())));
    }
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    Ok(Box::new(progress.wrap_read(file)))
}

/// The error for an input that the system does not let us read.
pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> InputError {
    InputError {
        input: input_name(path),
        position: None,
        reason: format!("cannot be read: {error}"),
        help: Some("name a trace file that exists, or `-` for standard input".to_owned()),
    }
}

/// What messages call an input.
pub(super) fn input_name(path: &Path) -> String {
    if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() }
}

/// A bar by bytes where the size is known, else a count of them; hidden unless standard error is a terminal.
fn progress(path: &Path, quiet: bool) -> ProgressBar {
    let size = path.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
    let (bar, template) = match size {
        _ if quiet => return ProgressBar::hidden(),
        Some(size) => (ProgressBar::new(size), "{msg} {bar:30} {bytes}/{total_bytes} {eta}"),
        None => (ProgressBar::new_spinner(), "{msg} {bytes} {elapsed}"),
    };
    bar.set_style(style(template));
    bar.set_message(report::escape(&input_name(path)).into_owned());
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is constant")
}

/// What `--witness` writes.
#[derive(Serialize)]
struct Witnesses<'a> {
    version: u32,
    witnesses: Vec<Proof<'a>>,
}

/// The reordering of one finding.
#[derive(Serialize)]
struct Proof<'a> {
    input: Option<&'a str>,
    kind: Kind,
    fingerprint: &'a Fingerprint,
    moves: &'a [Move],
    /// The same as turns, to be replayed.
    schedule: &'a [Turn],
}

impl<'a> Witnesses<'a> {
    fn of(parts: &'a [Part]) -> Self {
        let proofs = |part: &'a Part| {
            let proved = part.findings.iter().filter(|finding| !finding.witness.is_empty());
            proved.map(|Finding { kind, fingerprint, witness, schedule, .. }| Proof {
                input: part.input.as_deref(),
                kind: *kind,
                fingerprint,
                moves: witness,
                schedule,
            })
        };
        Self { version: report::FORMAT_VERSION, witnesses: parts.iter().flat_map(proofs).collect() }
    }
}
