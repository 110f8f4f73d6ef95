//! How fast `gordian analyze` judges a trace, and in how much memory.
//!
//! `cargo bench --bench analyze [-- --quick]` generates disciplined traces of 8 threads, 1,000 variables and 100 locks,
//! a tenth of the events synchronisation, as binary trace and as STD text, and once with each critical section marked as
//! a region, and gives them to the command itself: the time is that of the whole process, with reading from a warm file. A trace ten times as long shows whether memory
//! grows with the length.

#![allow(clippy::print_stdout, reason = "a benchmark's output")]

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use gordian::event::Event;
use gordian::trace::synthetic::{in_regions, names, synthetic};
use gordian::trace::{Policy, StdWriter, TraceWriter};

/// What is read.
#[derive(Clone, Copy)]
enum Format {
    Binary,
    Text,
}

/// Which judges.
#[derive(Clone, Copy)]
enum Judges {
    RacesAndOrder,
    All,
    /// Atomicity, of a trace with regions.
    Regions,
}

/// One line of the table.
struct Case {
    format: Format,
    judges: Judges,
    events: u64,
    /// Events a second that should be reached.
    target: Option<f64>,
}

impl Case {
    fn label(&self) -> String {
        let format = match self.format {
            Format::Binary => "binary",
            Format::Text => "STD text",
        };
        let judges = match self.judges {
            Judges::RacesAndOrder => "races and lock order",
            Judges::All => "all judges",
            Judges::Regions => "atomicity of regions",
        };
        format!("{format}, {judges}, {} M events", self.events / 1_000_000)
    }

    fn path(&self) -> PathBuf {
        let kind = match self.format {
            Format::Binary => "gordian",
            Format::Text => "std",
        };
        let regions = if let Judges::Regions = self.judges { "-regions" } else { "" };
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{}{regions}.{kind}", self.events))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gordian"));
        command.arg("analyze").arg(self.path()).args(["--format", "json", "--quiet"]);
        match self.judges {
            Judges::RacesAndOrder => drop(command.args(["--engine", "shb", "--engine", "lock-order"])),
            Judges::Regions => drop(command.args(["--engine", "atomicity"])),
            Judges::All => {}
        }
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }
}

const SHORT: u64 = 1_000_000;
const LONG: u64 = 10_000_000;

const CASES: &[Case] = &[
    Case { format: Format::Binary, judges: Judges::RacesAndOrder, events: SHORT, target: None },
    Case { format: Format::Binary, judges: Judges::RacesAndOrder, events: LONG, target: Some(25e6) },
    Case { format: Format::Binary, judges: Judges::All, events: LONG, target: None },
    Case { format: Format::Binary, judges: Judges::Regions, events: SHORT, target: None },
    Case { format: Format::Binary, judges: Judges::Regions, events: LONG, target: None },
    Case { format: Format::Text, judges: Judges::RacesAndOrder, events: SHORT, target: None },
    Case { format: Format::Text, judges: Judges::RacesAndOrder, events: LONG, target: Some(10e6) },
    Case { format: Format::Text, judges: Judges::All, events: LONG, target: None },
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --all-targets` starts benchmarks too, without this flag: they are built then, that is all.
    if !args.iter().any(|arg| arg == "--bench") {
        return ExitCode::SUCCESS;
    }
    let rounds = if args.iter().any(|arg| arg == "--quick") { 3 } else { 9 };
    let result = run(rounds);
    for case in CASES {
        // Several cases share a file; the later ones find it gone.
        let _ = fs::remove_file(case.path());
    }
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(rounds: usize) -> io::Result<()> {
    for events in [SHORT, LONG] {
        generate(events)?;
        generate_regions(events)?;
    }
    let mut results: Vec<Vec<Run>> = CASES.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (case, runs) in CASES.iter().zip(&mut results) {
            runs.push(measure(case)?);
        }
    }
    println!("{:44} {:>9} {:>9} {:>8}", "", "best", "median", "");
    for (case, runs) in CASES.iter().zip(results) {
        print(case, runs);
    }
    if let Ok(load) = fs::read_to_string("/proc/loadavg") {
        println!("load at the end: {}", load.split(' ').take(3).collect::<Vec<_>>().join(" "));
    }
    Ok(())
}

/// One run of the command.
struct Run {
    seconds: f64,
    peak_mb: f64,
}

fn measure(case: &Case) -> io::Result<Run> {
    let start = Instant::now();
    let mut child = case.command().spawn()?;
    let mut peak_mb = f64::NAN;
    while child.try_wait()?.is_none() {
        peak_mb = peak(&child).unwrap_or(peak_mb);
        sleep(Duration::from_millis(1));
    }
    let seconds = start.elapsed().as_secs_f64();
    match child.wait()?.code() {
        Some(0) => Ok(Run { seconds, peak_mb }),
        code => Err(io::Error::other(format!("{}: analyze ended with {code:?}", case.label()))),
    }
}

/// The high-water mark of a process that runs; it only grows, so the last one read is the one that counts.
fn peak(child: &Child) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

fn print(case: &Case, mut runs: Vec<Run>) {
    runs.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
    let rate = |run: &Run| case.events as f64 / run.seconds;
    let (best, median) = (rate(&runs[0]), rate(&runs[runs.len() / 2]));
    let peak = runs.iter().map(|run| run.peak_mb).fold(0.0, f64::max);
    let verdict = match case.target {
        Some(target) if median >= target => format!("  (met: {} M/s)", target / 1e6),
        Some(target) => format!("  (MISSED: {} M/s)", target / 1e6),
        None => String::new(),
    };
    println!("{:44} {:5.1} M/s {:5.1} M/s {peak:5.1} MB{verdict}", case.label(), best / 1e6, median / 1e6);
}

/// Writes the trace of so many events, in both formats. Never the whole of it in memory.
fn generate(events: u64) -> io::Result<()> {
    let create = |format| {
        let case = Case { format, judges: Judges::All, events, target: None };
        File::create(case.path()).map(BufWriter::new)
    };
    let names = names();
    let mut binary = TraceWriter::new(create(Format::Binary)?)?;
    let mut text = StdWriter::new(create(Format::Text)?, Policy::Refuse);
    parts(synthetic(events, 8, 1000, 100, 10, 1), |part| {
        binary.write(part, &names)?;
        text.write(part, &names).map_err(io::Error::other)
    })?;
    binary.finish(&names)?.flush()?;
    text.finish()?;
    Ok(())
}

/// Writes the binary trace of so many events in which each critical section is a region.
fn generate_regions(events: u64) -> io::Result<()> {
    let case = Case { format: Format::Binary, judges: Judges::Regions, events, target: None };
    let mut binary = TraceWriter::new(BufWriter::new(File::create(case.path())?))?;
    let stream = in_regions(synthetic(events, 8, 1000, 100, 10, 1)).take(events as usize);
    parts(stream, |part| binary.write(part, &names()))?;
    binary.finish(&names())?.flush()
}

/// Hands on a stream part by part.
fn parts(mut stream: impl Iterator<Item = Event>, mut each: impl FnMut(&[Event]) -> io::Result<()>) -> io::Result<()> {
    loop {
        let part: Vec<Event> = stream.by_ref().take(1 << 14).collect();
        if part.is_empty() {
            return Ok(());
        }
        each(&part)?;
    }
}
