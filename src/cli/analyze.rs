//! `gordian analyze`.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use indicatif::{ProgressBar, ProgressStyle};

use super::args::Engine;
use super::error::{Error, InputError, Position};
use super::exit_code::ExitCode;
use super::interrupt;
use super::options::Analyze;
use super::output::{self, Document};
use super::run::verdict;
use crate::engine::{Engine as Analyses, Judge};
use crate::event::Event;
use crate::finding::Finding;
use crate::report::{self, Part, Style, Styles, Summary};
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
        let progress = progress(path, options.common.quiet);
        let judging = Judging {
            engines: &options.engines,
            every_event: options.every_event,
            strict: options.strict,
            interrupted,
            progress: &progress,
        };
        let judged = judge(path, &judging);
        progress.finish_and_clear();
        match judged {
            Ok(Judged { findings, summary }) => {
                let summary = summary.counting(&findings);
                parts.push(Part { input: Some(input_name(path)), findings, summary });
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
    let any_denied = parts.iter().any(|part| verdict(&part.findings, options.deny, false) == ExitCode::Findings);
    output::emit(&Report { parts }, &options.common)?;
    Ok(if broken {
        ExitCode::Input
    } else if any_denied {
        ExitCode::Findings
    } else if cut_short {
        ExitCode::Failed
    } else {
        ExitCode::Clean
    })
}

/// Batches that the reader may be ahead of the judges.
const BATCHES: usize = 8;

/// How to judge.
pub(super) struct Judging<'a> {
    /// The judges to use.
    pub(super) engines: &'a [Engine],
    /// Each racing event once, instead of each pair of sites once.
    pub(super) every_event: bool,
    /// STD text is held to the whole of its rules.
    pub(super) strict: bool,
    /// Set by Ctrl-C: stop, and return what is known.
    pub(super) interrupted: &'a AtomicBool,
    /// Counts the bytes that are read.
    pub(super) progress: &'a ProgressBar,
}

/// What a trace gave.
pub(super) struct Judged {
    pub(super) findings: Vec<Finding>,
    /// Everything but the counts of the findings, which are made from them.
    pub(super) summary: Summary,
}

/// Reads a trace and judges it.
fn judge(path: &Path, judging: &Judging<'_>) -> Result<Judged, InputError> {
    let mut reader = reader(path, judging.progress, StdOptions { strict: judging.strict })?;
    let judges: Vec<Judge> = match judging.engines {
        [] => Judge::ALL.to_vec(),
        engines => engines.iter().map(|engine| engine.judge()).collect(),
    };
    let mut engine = Analyses::new(&judges, judging.every_event);
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
    let verdict = engine.verdict(reader.names());
    let summary = Summary {
        events: Some(verdict.events),
        threads: Some(verdict.threads),
        patterns: verdict.patterns,
        truncated: reader
            .truncated()
            .map(|offset| format!("the recording stops at byte {offset}, without its end mark")),
        interrupted: judging.interrupted.load(Ordering::Relaxed),
        ..Summary::default()
    };
    Ok(Judged { findings: verdict.findings, summary })
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
    bar.set_style(ProgressStyle::with_template(template).expect("the template is constant"));
    bar.set_message(report::escape(&input_name(path)).into_owned());
    bar
}

struct Report {
    parts: Vec<Part>,
}

impl Document for Report {
    fn text(&self, style: Style, _terminal: bool) -> String {
        let styles = Styles::new(style);
        let mut out = String::new();
        for part in &self.parts {
            if let Some(input) = part.input.as_deref().filter(|_| self.parts.len() > 1) {
                let _ = writeln!(out, "{}", styles.heading.on(format!("== {}", report::escape(input))));
            }
            if part.findings.is_empty() {
                let _ = writeln!(out, "{}", report::tally(&[]));
            } else {
                out.push_str(&report::text(&part.findings, style));
            }
            for line in facts(&part.summary) {
                let _ = writeln!(out, "{}", styles.faint.on(report::escape(&line)));
            }
        }
        out
    }

    fn json(&self) -> String {
        report::json(&self.parts)
    }
}

/// What else is known of an input, a line each.
fn facts(summary: &Summary) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(events) = summary.events {
        let threads = summary.threads.map(|threads| format!(" of {threads} threads")).unwrap_or_default();
        lines.push(format!("judged {events} events{threads}"));
    }
    if let Some(reason) = &summary.truncated {
        lines.push(format!("the input is cut short ({reason}); this is judged from the part before the cut"));
    }
    if summary.interrupted {
        lines.push("interrupted: this is what was known by then, and not the whole".to_owned());
    }
    lines
}
