//! `cargo gordian`: unchanged programs.
//!
//! The user's cargo is run with this executable as its compiler wrapper, which gives every crate of the user's target the
//! facades as `std` and `core` ([`wrapper`]), and as its runner, which gives programs their environment back
//! ([`runner`]). The facades and the library beneath them are built once for each toolchain ([`cache`]).

mod args;
mod cache;
mod environment;
pub mod gather;
mod harness;
mod layers;
mod progress;
mod project;
mod runner;
mod sources;
mod toolchain;
mod wrapper;

use std::ffi::OsString;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};

pub(super) use args::CargoArgs;
use args::{CleanArgs, Invocation, Verb};
use cache::Runtime;
use environment as env;
use project::Project;

use super::args::ReportFormat;
use super::error::Error;
use super::exit_code::ExitCode;
use super::gate::Gate;
use super::{interrupt, output};
use crate::OnDeadlock;
use crate::report::{Part, Summary};

/// What this process is for, if cargo has started it as its compiler wrapper or runner.
pub(super) fn role(arguments: &[OsString]) -> Option<ExitCode> {
    let first = arguments.get(1)?;
    if first == env::RUNNER {
        return Some(runner::run(&arguments[2..]));
    }
    // The runner takes the variable away: what is started from a program is the command.
    let runtime = std::env::var_os(env::RUNTIME)?;
    let role = if wrapper::is_compiler(first) { wrapper::run } else { wrapper::document };
    Some(role(&arguments[1..], Path::new(&runtime)))
}

/// Takes what cargo is to hand on to programs off the end of the command line: `--` and what follows. It would mean
/// something else to our own parser.
pub(super) fn programs(arguments: &mut Vec<OsString>) -> Vec<OsString> {
    let is_for_cargo = arguments.get(1).is_some_and(|command| command == "cargo");
    let dashes = arguments.iter().position(|argument| argument == "--").filter(|_| is_for_cargo);
    dashes.map(|dashes| arguments.split_off(dashes)).unwrap_or_default()
}

/// Does what the arguments say; `programs` are those that [`programs`] has taken off.
pub(super) fn run(args: CargoArgs, programs: Vec<OsString>) -> Result<ExitCode, Error> {
    let (verb, mut invocation) = match args.verb {
        Verb::Test(invocation) => ("test", invocation),
        Verb::Run(invocation) => ("run", invocation),
        Verb::Build(invocation) => ("build", invocation),
        Verb::Bench(invocation) => ("bench", invocation),
        Verb::Nextest(invocation) => ("nextest", invocation),
        Verb::Clean(args) => return clean(&args),
    };
    invocation.cargo.extend(programs);
    invocation.gate.common.quiet |= args.quiet;
    invoke(verb, invocation)
}

fn clean(args: &CleanArgs) -> Result<ExitCode, Error> {
    if args.cache {
        cache::remove_all()?;
    }
    let directory = match project::own_target_directory(&args.cargo) {
        Ok(directory) => directory,
        // The cache belongs to no project.
        Err(_) if args.cache => return Ok(ExitCode::Clean),
        Err(error) => return Err(error),
    };
    cache::clear(&directory)
        .map_err(|error| Error::new(ExitCode::Failed, format!("cannot remove {}: {error}", directory.display())))?;
    Ok(ExitCode::Clean)
}

fn invoke(verb: &str, invocation: Invocation) -> Result<ExitCode, Error> {
    let project = Project::find(&invocation.cargo)?;
    let mut gate = invocation.gate.resolve(Some(&project.root))?;
    gate.leave_out.extend(invocation.leave_out);
    let on_deadlock = invocation.on_deadlock.map(OnDeadlock::from).or(gate.on_deadlock).unwrap_or(OnDeadlock::Abort);
    let offline = ["--offline", "--frozen"].iter().any(|flag| project::has(&invocation.cargo, flag));
    let runtime = cache::runtime(&project.toolchain, &project.target, gate.common.quiet, offline)?;
    let directory = project.own_target_directory();
    prepare(&directory, &treatment(&runtime, &gate.leave_out))?;
    let reports =
        Scratch::new().map_err(|error| Error::new(ExitCode::Failed, format!("cannot write reports: {error}")))?;
    let mut command = command(verb, &invocation.cargo, &gate, &project, &directory)?;
    // As everywhere in cargo it is about the compiling; what is found is what one has come for.
    gate.common.quiet = false;
    command.env(env::ON_DEADLOCK, env::name_of(on_deadlock));
    command.env(env::PREDICT, if invocation.no_predict { "no" } else { "yes" });
    command.env(env::RUNTIME, &runtime.directory).env(env::REPORT, &reports.0);
    command.env(env::ROOT, &project.root);
    // Ctrl-C reaches cargo, and what it has started, as well.
    let interrupted = interrupt::flag();
    let status =
        command.status().map_err(|error| Error::new(ExitCode::Failed, format!("cannot start cargo: {error}")))?;
    let mut otherwise = if status.success() { ExitCode::Clean } else { ExitCode::Failed };
    if !status.success() {
        explain_failure(&invocation.cargo, &directory);
    }
    let gathered = gather::gather(&reports.0)
        .map_err(|error| Error::new(ExitCode::Failed, format!("cannot read the reports: {error}")))?;
    for trouble in &gathered.troubles {
        output::remark(&gate.common, trouble);
    }
    // Where this can't be written, a process could not leave anything either.
    let unwritable = std::fs::write(reports.0.join("end"), [0; 4096]).err();
    if gathered.incomplete || unwritable.is_some() {
        let why = unwritable.map(|error| format!(": {}: {error}", reports.0.display())).unwrap_or_default();
        say(&format!(
            "error: the processes could not leave all that they found{why}\nhelp: make room for temporary files, or set TMPDIR"
        ));
        otherwise = ExitCode::Failed;
    }
    let findings = gathered.findings.into_iter().map(|found| found.finding).collect();
    let summary = Summary { interrupted: interrupted.load(Ordering::Relaxed), ..Summary::default() };
    gate.conclude(vec![Part { findings, summary, ..Part::default() }], otherwise)
}

/// What cargo can't know about its failure.
fn explain_failure(arguments: &[OsString], directory: &Path) {
    /// Options of ours that no cargo has.
    const OURS: [&str; 7] =
        ["--baseline", "--deny", "--deps", "--leave-out", "--on-deadlock", "--output", "--write-baseline"];
    let name = |word: &OsString| word.to_str().map(|word| word.split('=').next().unwrap_or_default().to_owned());
    if let Some(ours) = project::of_cargo(arguments).iter().filter_map(name).find(|name| OURS.contains(&name.as_str()))
    {
        say(&format!("help: if `{ours}` is meant for gordian, it has to come before all arguments for cargo"));
    }
    if cache::is_full(directory) {
        let directory = directory.display();
        say(&format!(
            "help: the disk of {directory} is full: make room, or choose another directory with --target-dir"
        ));
    }
}

/// The user's cargo, told to compile with the facades and to run with the runner.
fn command(
    verb: &str,
    arguments: &[OsString],
    gate: &Gate,
    project: &Project,
    directory: &Path,
) -> Result<Command, Error> {
    let own = std::env::current_exe()
        .map_err(|error| Error::new(ExitCode::Failed, format!("cannot find gordian's own executable: {error}")))?;
    let mut command = Command::new(&project.cargo);
    let arguments = project::without(arguments, "--target-dir");
    let arguments = project::without(&arguments, "--target");
    let (cargos, programs) = arguments.split_at(project::of_cargo(&arguments).len());
    command.arg(verb).args(cargos);
    if verb == "test" && !project::has(&arguments, "--no-fail-fast") {
        // One binary that fails, or is ended because it is deadlocked, is no reason to leave the others out.
        command.arg("--no-fail-fast");
    }
    command.args(["--target", &project.target]).arg("--target-dir").arg(directory);
    command.arg("--config").arg(runner_config(&own, project));
    if gate.common.quiet && !["-q", "--quiet"].iter().any(|flag| project::has(&arguments, flag)) {
        command.arg(if verb == "nextest" { "--cargo-quiet" } else { "--quiet" });
    }
    command.args(programs);
    if gate.common.format != ReportFormat::Text {
        // Standard output is for the report alone: it may be read by a program.
        command.stdout(std::io::stderr());
    }
    command.env("RUSTC_WRAPPER", &own).env("RUSTDOC", &own).env(env::INNER_RUSTDOC, &project.rustdoc);
    if let Some(rustdoc) = std::env::var_os("RUSTDOC") {
        command.env(env::USERS_RUSTDOC, rustdoc);
    }
    if let Some(wrapper) = &project.wrapper {
        command.env(env::INNER_WRAPPER, wrapper);
    }
    command.env(env::LEAVE_OUT, gate.leave_out.join(","));
    if matches!(verb, "test" | "nextest") {
        command.env(env::HARNESS, "libtest");
    }
    Ok(command)
}

/// Our runner, and then the user's.
fn runner_config(own: &Path, project: &Project) -> String {
    let words = [own.as_os_str().to_owned(), env::RUNNER.into()].into_iter().chain(project.runner.iter().cloned());
    let words = words.map(|word| toml::Value::String(word.to_string_lossy().into_owned())).collect();
    format!("target.'{}'.runner={}", project.target, toml::Value::Array(words))
}

/// All that decides how crates are compiled, in a line.
fn treatment(runtime: &Runtime, leave_out: &[String]) -> String {
    format!("{} {:016x} {}", runtime.key, sources::hash_of_wrapper(), leave_out.join(","))
}

/// What was compiled with another runtime, by another wrapper, or with other crates left out, is not what would be
/// compiled now; cargo can't know.
fn prepare(directory: &Path, key: &str) -> Result<(), Error> {
    let fail =
        |error: std::io::Error| Error::new(ExitCode::Failed, format!("cannot write {}: {error}", directory.display()));
    std::fs::create_dir_all(directory).map_err(fail)?;
    // Beside the directory, which may be cleared: two runs at a time must not clear it for each other.
    let lock = File::create(directory.with_extension("lock")).map_err(fail)?;
    lock.lock().map_err(fail)?;
    let file = directory.join("gordian-key");
    match std::fs::read_to_string(&file) {
        Ok(there) if there == key => return Ok(()),
        Ok(_) => cache::clear(directory).map_err(fail)?,
        // Nothing has been compiled there by us.
        Err(_) => {}
    }
    std::fs::create_dir_all(directory).map_err(fail)?;
    std::fs::write(file, key).map_err(fail)
}

/// To the user, beside the report.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Becomes the other program, where the system can do that; else runs it and ends as it does.
fn replace(mut command: Command) -> ExitCode {
    #[cfg(unix)]
    let error = std::os::unix::process::CommandExt::exec(&mut command);
    #[cfg(not(unix))]
    let error = match command.status() {
        Ok(status) => return code_of(status),
        Err(error) => error,
    };
    cannot_start(&command, &error)
}

fn cannot_start(command: &Command, error: &std::io::Error) -> ExitCode {
    say(&format!("error: cannot start {}: {error}", command.get_program().to_string_lossy()));
    ExitCode::Failed
}

/// Ends this process as the other one ended.
fn code_of(status: ExitStatus) -> ExitCode {
    std::process::exit(status.code().unwrap_or(ExitCode::Failed as i32))
}

/// A directory of our own, removed with everything in it when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> std::io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("gordian-cargo-{}-{number}", std::process::id()));
        cache::clear(&path)?;
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing depends on it: the system clears its directory for temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
