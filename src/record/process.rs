//! A program that someone else watches: its environment says what is watched, and what is found goes to a file.
//!
//! `cargo gordian` starts programs that know nothing of this crate. Before the first hook does anything, the variables
//! below become the [`Config`], unless [`start`](crate::start) was called. A report is a file of [lines](Line), each
//! written by one append to a file that is open no longer than that: so exit, abort and kill lose nothing, and a
//! program that closes or counts its file descriptors sees none of ours.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
#[cfg(unix)]
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::config::{Config, OnDeadlock};
use super::{config, context, sink, strangers};
use crate::finding::Finding;
use crate::report::stream::{self, DEADLOCK_EXIT, Ended, Harness, Line, STREAM_VERSION};
use crate::report::{self, Style};

/// The directory for the files of all processes.
const REPORT: &str = "GORDIAN_REPORT";
/// `continue`, `abort` or `panic`; the default is `abort` where there is a report, else `continue`.
const ON_DEADLOCK: &str = "GORDIAN_ON_DEADLOCK";
/// `libtest`, or `libtest:PROGRAM`: then only that program's tests are meant, and none that it starts.
const HARNESS: &str = "GORDIAN_HARNESS";
/// `yes` or `no`: is asked what other orders of the events would do? The default is `yes` where there is a report.
const PREDICT: &str = "GORDIAN_PREDICT";
/// The directory for the traces of all processes.
const RECORD: &str = "GORDIAN_RECORD";

static PROCESS: OnceLock<Process> = OnceLock::new();

/// A process with a report.
pub(crate) struct Process {
    pid: u32,
    file: PathBuf,
    harness: Option<Harness>,
    /// Of a process that runs one test: its name.
    only_test: Option<String>,
    /// The last line could not be written to its end.
    torn: Mutex<bool>,
}

/// This process's report, if there is one.
pub(crate) fn get() -> Option<&'static Process> {
    PROCESS.get()
}

/// Does somebody watch this very process, and so say what is watched in it? Then tests of what it is by default have nothing to
/// say.
#[cfg(test)]
pub(crate) fn is_watched() -> bool {
    let _ = config::get();
    get().is_some()
}

/// Is each test a thread of a libtest binary?
pub(crate) fn is_libtest() -> bool {
    get().is_some_and(|process| process.harness == Some(Harness::Libtest))
}

/// What the environment asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wishes {
    report: Option<PathBuf>,
    on_deadlock: Option<OnDeadlock>,
    harness: Option<Harness>,
    predict: Option<bool>,
    record: Option<PathBuf>,
    /// What cannot be done, a line each.
    complaints: Vec<String>,
}

impl Wishes {
    fn read(variable: impl Fn(&str) -> Option<OsString>, program: Option<&Path>) -> Self {
        let mut wishes = Self::default();
        let given = |name| variable(name).filter(|value| !value.is_empty());
        wishes.report = given(REPORT).map(PathBuf::from);
        wishes.record = given(RECORD).map(PathBuf::from);
        wishes.on_deadlock = given(ON_DEADLOCK).and_then(|value| {
            let choice = match value.to_str() {
                Some("continue") => OnDeadlock::Continue,
                Some("abort") => OnDeadlock::Abort,
                Some("panic") => OnDeadlock::Panic,
                _ => {
                    wishes.complain(ON_DEADLOCK, &value, "continue, abort or panic");
                    return None;
                }
            };
            Some(choice)
        });
        wishes.predict = given(PREDICT).and_then(|value| match value.to_str() {
            Some("yes") => Some(true),
            Some("no") => Some(false),
            _ => {
                wishes.complain(PREDICT, &value, "yes or no");
                None
            }
        });
        wishes.harness = given(HARNESS).and_then(|value| {
            let Some(of) = value.to_str().and_then(|value| value.strip_prefix("libtest")) else {
                wishes.complain(HARNESS, &value, "libtest or libtest:PROGRAM");
                return None;
            };
            let meant = match of.strip_prefix(':') {
                Some(path) => program.is_some_and(|program| same_file(program, Path::new(path))),
                None => of.is_empty(),
            };
            meant.then_some(Harness::Libtest)
        });
        wishes
    }

    fn complain(&mut self, variable: &str, value: &OsStr, expected: &str) {
        self.complaints.push(format!("{variable}={} is not understood: expected {expected}", value.display()));
    }
}

fn same_file(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    real(one) == real(other)
}

/// The configuration that the environment asks for. Opens the report.
pub(crate) fn configuration() -> Config {
    let program = std::env::current_exe().ok();
    let mut wishes = Wishes::read(|name| std::env::var_os(name), program.as_deref());
    let pid = std::process::id();
    let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
    let mut complaints = std::mem::take(&mut wishes.complaints);
    let reported = wishes.report.as_ref().is_some_and(|directory| {
        let arguments: Vec<String> = std::env::args_os().map(|argument| argument.display().to_string()).collect();
        let line = stream::Process {
            version: STREAM_VERSION,
            pid,
            started,
            program: program
                .map_or_else(|| arguments.first().cloned().unwrap_or_default(), |path| path.display().to_string()),
            arguments: arguments.get(1..).unwrap_or_default().to_vec(),
            harness: wishes.harness,
        };
        let process = Process::new(directory, &line);
        let begun = process.append(&Line::Process(line)).inspect_err(|error| {
            complaints.push(format!(
                "{REPORT}: cannot write {}: {error}; findings are printed instead",
                process.file.display()
            ));
        });
        begun.is_ok() && PROCESS.set(process).is_ok()
    });
    for complaint in complaints {
        to_stderr(&format!("gordian: {complaint}\n"));
    }
    let default = if reported { OnDeadlock::Abort } else { OnDeadlock::Continue };
    let defaults = Config::default();
    Config {
        predict: defaults.predict.filter(|_| wishes.predict != Some(false)),
        on_deadlock: wishes.on_deadlock.unwrap_or(default),
        record: wishes.record.map(|directory| directory.join(format!("{pid}-{started}.trace"))),
        ..defaults
    }
}

/// The trace of [`RECORD`] can't be written.
pub(crate) fn cannot_record(path: &Path, error: &std::io::Error) {
    to_stderr(&format!("gordian: {RECORD}: cannot write {}: {error}; there will be no trace\n", path.display()));
}

/// What the environment, or [`start`](crate::start), asked for is in force.
pub(crate) fn begun() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    if get().is_some() || config::log().is_some() {
        ONCE.call_once(at_exit);
    }
}

impl Process {
    fn new(directory: &Path, line: &stream::Process) -> Self {
        Self {
            pid: line.pid,
            // Whatever the working directory will be.
            file: std::path::absolute(directory)
                .unwrap_or_else(|_| directory.to_owned())
                .join(format!("{}-{}.jsonl", line.pid, line.started)),
            harness: line.harness,
            only_test: line.harness.and_then(|_| only_test(&line.arguments)),
            torn: Mutex::new(false),
        }
    }

    /// Writes a line. What can't be written is told on standard error.
    pub(crate) fn write(&self, line: &Line) {
        if let Err(error) = self.append(line) {
            let lost = match line {
                Line::Finding(finding) => report::text(std::slice::from_ref(finding), Style::Plain),
                _ => String::new(),
            };
            to_stderr(&format!("gordian: cannot write {}: {error}\n{lost}", self.file.display()));
        }
    }

    fn append(&self, line: &Line) -> std::io::Result<()> {
        let mut torn = self.torn.lock();
        let mut text = line.to_json();
        if *torn {
            text.insert(0, '\n');
        }
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&self.file)?;
        let written = file.write(text.as_bytes())?;
        *torn = written < text.len();
        if *torn {
            file.write_all(&text.as_bytes()[written..])?;
            *torn = false;
        }
        Ok(())
    }

    /// Is it this process, and not one that was forked off?
    pub(crate) fn is_this(&self) -> bool {
        self.pid == std::process::id()
    }

    /// The name of a test, from that of the thread from which the others of the test descend.
    pub(crate) fn test(&self, origin: Option<&str>) -> Option<String> {
        self.harness?;
        match origin {
            // Not a test's own thread: the program's first, or one of a library that is not watched.
            None | Some("main") => self.only_test.clone(),
            Some(name) => Some(name.to_owned()),
        }
    }
}

/// The test that the arguments of a libtest binary name, if it is one: a runner that gives each test a process of its own
/// says `--exact NAME`.
fn only_test(arguments: &[String]) -> Option<String> {
    let mut exact = false;
    let mut names = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--exact" => exact = true,
            "--test-threads" | "--skip" | "--format" | "--logfile" | "--color" | "--shuffle-seed" | "-Z" => {
                arguments.next();
            }
            option if option.starts_with('-') => {}
            name => names.push(name),
        }
    }
    match names[..] {
        [name] if exact => Some(name.to_owned()),
        _ => None,
    }
}

/// Ends the process after a deadlock was reported, as the user asked. Nothing of the program's runs any more: what its
/// destructors and exit handlers wait for may be part of the deadlock.
pub(crate) fn end_after_deadlock(finding: &Finding) -> ! {
    static ENDING: Mutex<()> = Mutex::new(());
    // Of several only one; the others are stuck anyway.
    std::mem::forget(ENDING.lock());
    if let Some(log) = config::log() {
        let _ = log.close();
    }
    let Some(process) = get() else { std::process::exit(1) };
    let_others_report();
    process.write(&Line::Ended(Ended::Deadlock(finding.fingerprint.clone())));
    flush_stdout();
    exit_now(DEADLOCK_EXIT)
}

/// What other threads are about to report counts.
fn let_others_report() {
    let end = Instant::now() + Duration::from_secs(5);
    while sink::is_reporting() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What the program has printed, but not to the end of the line. Standard output may be locked by a thread that is stuck,
/// so this is given up after a while.
fn flush_stdout() {
    let (done, flushed) = std::sync::mpsc::channel();
    let flush = strangers::Own::spawn("gordian-flush", move || {
        let _ = std::io::stdout().flush();
        let _ = done.send(());
    });
    if flush.is_ok() {
        let _ = flushed.recv_timeout(Duration::from_millis(200));
    }
}

/// Prints without the help of the standard library: neither the capture of a test harness nor a thread that is stuck with
/// its lock keeps this from being seen.
#[cfg(unix)]
pub(crate) fn to_stderr(text: &str) {
    let mut left = text.as_bytes();
    while !left.is_empty() {
        // SAFETY: the pointer and the length are those of a slice that lives.
        let written = unsafe { libc::write(libc::STDERR_FILENO, left.as_ptr().cast(), left.len()) };
        match usize::try_from(written) {
            Ok(written) => left = &left[written..],
            Err(_) if std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

#[cfg(not(unix))]
pub(crate) fn to_stderr(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

#[cfg(unix)]
fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` has no precondition.
    unsafe { libc::_exit(code) }
}

#[cfg(not(unix))]
fn exit_now(code: i32) -> ! {
    std::process::exit(code)
}

/// The process whose end is noted. A child that was forked off has no thread that would write its trace.
#[cfg(unix)]
static WATCHED: AtomicU32 = AtomicU32::new(0);

/// Sees to it that the end of the process is noted, and the trace completed.
#[cfg(unix)]
fn at_exit() {
    WATCHED.store(std::process::id(), Ordering::Relaxed);
    // SAFETY: `exited` is a function of this program, which does not unwind.
    unsafe { libc::atexit(exited) };
}

#[cfg(not(unix))]
fn at_exit() {}

#[cfg(unix)]
extern "C" fn exited() {
    // A child that was forked off writes to no one's file.
    if WATCHED.load(Ordering::Relaxed) != std::process::id() {
        return;
    }
    let _inside = context::Inside::new();
    // A program may end while a part of it hangs, before that is told.
    if get().is_some() {
        let_others_report();
    }
    if let Some(log) = config::log() {
        let _ = log.close();
    }
    if let Some(process) = get() {
        process.write(&Line::Ended(Ended::Exited));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(variables: &[(&str, &str)]) -> Wishes {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
        Wishes::read(variable, Some(Path::new("/bin/sh")))
    }

    #[test]
    fn the_environment_is_understood() {
        assert_eq!(wishes(&[]), Wishes::default());
        assert_eq!(wishes(&[(REPORT, ""), (HARNESS, "")]), Wishes::default());
        let all =
            wishes(&[(REPORT, "/r"), (ON_DEADLOCK, "panic"), (HARNESS, "libtest"), (PREDICT, "no"), (RECORD, "/t")]);
        let expected = Wishes {
            report: Some("/r".into()),
            on_deadlock: Some(OnDeadlock::Panic),
            harness: Some(Harness::Libtest),
            predict: Some(false),
            record: Some("/t".into()),
            complaints: vec![],
        };
        assert_eq!(all, expected);
    }

    #[test]
    fn bad_values_are_told_and_ignored() {
        let bad = wishes(&[(ON_DEADLOCK, "explode"), (HARNESS, "junit"), (PREDICT, "1")]);
        assert_eq!((bad.on_deadlock, bad.harness, bad.predict), (None, None, None));
        assert_eq!(
            bad.complaints,
            [
                "GORDIAN_ON_DEADLOCK=explode is not understood: expected continue, abort or panic",
                "GORDIAN_PREDICT=1 is not understood: expected yes or no",
                "GORDIAN_HARNESS=junit is not understood: expected libtest or libtest:PROGRAM"
            ]
        );
    }

    #[test]
    fn a_program_that_a_test_starts_is_no_test() {
        assert_eq!(wishes(&[(HARNESS, "libtest:/bin/../bin/sh")]).harness, Some(Harness::Libtest));
        let other = wishes(&[(HARNESS, "libtest:/bin/other")]);
        assert_eq!((other.harness, other.complaints), (None, vec![]));
    }

    #[test]
    fn the_one_test_of_a_process_is_in_its_arguments() {
        let only = |line: &str| only_test(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(only("--exact a::b --nocapture").as_deref(), Some("a::b"));
        assert_eq!(only("a::b --nocapture --exact --test-threads 1").as_deref(), Some("a::b"));
        assert_eq!(only("a::b"), None);
        assert_eq!(only("--exact a b"), None);
        assert_eq!(only("--exact"), None);
    }
}
