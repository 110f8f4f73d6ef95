//! One run of one form, in a process of its own.

use std::cell::Cell;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::programs::{self, Form, Measurement, Program};
use super::usage::{self, Extent, Usage};
use crate::cli::args::CostChildArgs;
use crate::cli::child::{self, Ending, Scratch};
use crate::cli::error::Error;
use crate::cli::exit_code::ExitCode;
use crate::cli::interrupt;

/// What was measured; `None` where the system does not tell. Times are in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub(super) struct Sample {
    /// From the start of the program to its end, of a server as its clients see it.
    pub(super) wall_ns: u64,
    /// What all threads computed.
    pub(super) cpu_ns: Option<u64>,
    /// The most memory that the process had.
    pub(super) peak_bytes: Option<u64>,
    /// What of it the program added; where the memory of each is asked for, what all but the first added.
    pub(super) added_bytes: Option<u64>,
    pub(super) voluntary_switches: Option<u64>,
    pub(super) involuntary_switches: Option<u64>,
    /// Threads when most was going on, as the program sees it: when all were asked, or are there.
    pub(super) threads: Option<u64>,
    pub(super) p50_ns: Option<u64>,
    pub(super) p99_ns: Option<u64>,
}

/// What a program's process leaves for its parent.
type Outcome = Result<Sample, String>;

/// Why there is no sample.
#[derive(Debug)]
pub(super) enum Failure {
    /// The user has enough.
    Interrupted,
    /// In words.
    Because(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Because(error.to_string())
    }
}

/// Runs a form in a process of its own and waits for it.
pub(super) fn take(measurement: &Measurement, form: &Form, size: usize, timeout: Duration) -> Result<Sample, Failure> {
    let scratch = Scratch::new()?;
    let (into, complaints) = (scratch.file("sample.json"), scratch.file("stderr"));
    let mut command = own_command(measurement, form, size)?;
    command.arg("--into").arg(&into).stdout(Stdio::null()).stderr(std::fs::File::create(&complaints)?);
    let status = match child::supervise(&mut command, timeout, interrupt::flag())? {
        Ending::Interrupted => return Err(Failure::Interrupted),
        Ending::TimedOut(timeout) => {
            return Err(Failure::Because(format!("it took longer than {} s (--timeout)", timeout.as_secs())));
        }
        Ending::Exited(status) => status,
    };
    match std::fs::read(&into) {
        Ok(bytes) => serde_json::from_slice::<Outcome>(&bytes).map_err(io::Error::from)?.map_err(Failure::Because),
        Err(_) => {
            // A panic: its message is the second line, the place the first.
            let complaints = std::fs::read_to_string(&complaints).unwrap_or_default();
            let last = complaints.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with("thread '"));
            Err(Failure::Because(last.map_or_else(|| format!("its process ended with {status}"), str::to_owned)))
        }
    }
}

fn own_command(measurement: &Measurement, form: &Form, size: usize) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["__cost", measurement.name, &form.name(), "--size", &size.to_string()]);
    Ok(command)
}

/// The process of a program, or of the clients of a server.
pub(in crate::cli) fn child(args: &CostChildArgs) -> Result<ExitCode, Error> {
    usage::end_with_parent();
    let form =
        programs::find(&args.measurement).and_then(|measurement| Some((measurement, measurement.form(&args.form)?)));
    let Some((measurement, form)) = form else {
        let message = format!("no form of `{}` is called `{}`", args.measurement, args.form);
        return Err(Error::new(ExitCode::Usage, message));
    };
    let failed = |error: io::Error| Error::new(ExitCode::Failed, error.to_string());
    if let (Some(server), Program::Server { clients, .. }) = (args.clients, form.program) {
        let (wall, latencies) = clients(server, args.size).map_err(failed)?;
        let seen = Sample { wall_ns: nanoseconds(wall), ..quantiles(latencies) };
        serde_json::to_writer(io::stdout(), &seen).map_err(|error| failed(error.into()))?;
        return Ok(ExitCode::Clean);
    }
    let outcome: Outcome = run(measurement, form, args.size).map_err(|error| error.to_string());
    write(args.into.as_deref(), &outcome).map_err(failed)?;
    // The process ends here, with whatever threads of a program that failed still wait.
    Ok(ExitCode::Clean)
}

fn write(into: Option<&Path>, outcome: &Outcome) -> io::Result<()> {
    match into {
        Some(path) => std::fs::write(path, serde_json::to_vec(outcome)?),
        None => Ok(serde_json::to_writer(io::stdout(), outcome)?),
    }
}

fn run(measurement: &Measurement, form: &Form, size: usize) -> io::Result<Sample> {
    if form.one_core && !usage::keep_to_one_core() {
        return Err(io::Error::other("this system does not keep a process to one core"));
    }
    let middle = Cell::new(Extent::default());
    let most_is_going_on = || middle.set(Extent::now());
    let (base, before) = (Extent::now(), Usage::now());
    let start = Instant::now();
    let seen = match form.program {
        Program::Alone(program) => {
            let latencies = program(size, &most_is_going_on)?;
            Sample { wall_ns: nanoseconds(start.elapsed()), ..quantiles(latencies) }
        }
        Program::Server { serve, .. } => {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            let clients = start_clients(measurement, form, size, listener.local_addr()?)?;
            serve(&listener, size, &most_is_going_on)?;
            let told = clients.wait_with_output()?;
            serde_json::from_slice(&told.stdout).map_err(|_| io::Error::other("its clients failed"))?
        }
    };
    let (after, end) = (Usage::now(), Extent::now());
    let most = |of: fn(&Extent) -> Option<u64>| [base, middle.get(), end].iter().filter_map(of).max();
    let peak = most(|extent| extent.peak).max(most(|extent| extent.resident));
    let difference = |after: Option<u64>, before: Option<u64>| Some(after?.saturating_sub(before?));
    Ok(Sample {
        cpu_ns: difference(after.cpu.map(nanoseconds), before.cpu.map(nanoseconds)),
        peak_bytes: peak,
        added_bytes: difference(peak, base.resident),
        voluntary_switches: difference(after.voluntary, before.voluntary),
        involuntary_switches: difference(after.involuntary, before.involuntary),
        threads: most(|extent| extent.threads),
        ..seen
    })
}

fn start_clients(
    measurement: &Measurement,
    form: &Form,
    size: usize,
    server: SocketAddr,
) -> io::Result<std::process::Child> {
    let mut command = own_command(measurement, form, size)?;
    command.args(["--clients", &server.to_string()]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A sample of nothing but the latencies.
fn quantiles(mut latencies: Vec<Duration>) -> Sample {
    latencies.sort_unstable();
    // The nearest rank: at least so many in a hundred are no longer than this one.
    let quantile = |percent: usize| {
        let rank = (latencies.len() * percent).div_ceil(100).max(1);
        latencies.get(rank - 1).copied().map(nanoseconds)
    };
    Sample { p50_ns: quantile(50), p99_ns: quantile(99), ..Sample::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_nearest_rank() {
        let of = |latencies: &[u64]| {
            let sample = quantiles(latencies.iter().copied().map(Duration::from_nanos).collect());
            (sample.p50_ns, sample.p99_ns)
        };
        assert_eq!(of(&[]), (None, None));
        assert_eq!(of(&[7]), (Some(7), Some(7)));
        assert_eq!(of(&[4, 1, 3, 2]), (Some(2), Some(4)));
        let hundred: Vec<u64> = (1..=200).rev().collect();
        assert_eq!(of(&hundred), (Some(100), Some(198)));
    }
}
