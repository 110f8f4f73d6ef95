//! RUN: the command. Only here are arguments parsed, things printed and exit codes chosen.
//!
//! Three steps, each in its own type: what the user typed (`args`), what it means (`options`), what is done (a module
//! for each command). A command that reports findings hands them to its `Gate`, which applies the `policy`, prints the
//! report in every form and gives the exit code; any other makes a `Document` and lets `output` print it.
//!
//! Two functions join the command to the rest of the library: `run::execute` runs a scenario under detection, and
//! `analyze::judge` reads a trace and judges it.

mod analyze;
mod args;
mod batch;
#[doc(hidden)]
pub mod cargo;
mod child;
mod columns;
mod compare;
mod convert;
mod cost;
mod error;
mod exit_code;
mod explain;
mod foresee;
mod gate;
mod graph;
mod interrupt;
mod list;
mod options;
mod output;
mod policy;
mod quantity;
mod run;
pub mod scenarios;
mod selftest;
mod timeline;

pub use exit_code::ExitCode;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;

use clap::Parser as _;

use args::{Args, Command};

/// Parses the arguments of this process, does what they say, prints errors to standard error.
#[must_use]
pub fn main() -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(code) = cargo::role(&arguments) {
        return code;
    }
    // `cargo gordian …` is run as `cargo-gordian gordian …`.
    if arguments.first().is_some_and(|own| Path::new(own).file_stem().is_some_and(|stem| stem == "cargo-gordian")) {
        let named = usize::from(arguments.get(1).is_some_and(|first| first == "gordian"));
        arguments.splice(..=named, ["gordian".into(), "cargo".into()]);
    }
    let programs = cargo::programs(&mut arguments);
    let args = match Args::try_parse_from(arguments) {
        Ok(args) => args,
        Err(refusal) => {
            // Help and version are refusals too, for standard output. A reader that has gone is no error of ours.
            let _ = refusal.print();
            return if refusal.use_stderr() { ExitCode::Usage } else { ExitCode::Clean };
        }
    };
    match dispatch(args, programs) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            error.code
        }
    }
}

fn dispatch(args: Args, programs: Vec<OsString>) -> Result<ExitCode, error::Error> {
    match args.command {
        Command::List(args) => list::list(&args.common.resolve()?),
        Command::Run(args) => run::run(&args.resolve()?),
        Command::Compare(args) if args.cost.is_some() => cost::cost(&args.resolve_cost()?),
        Command::Compare(args) => compare::compare(&args.resolve()?),
        Command::Timeline(args) => timeline::timeline(&args.resolve()?),
        Command::Selftest(args) => selftest::selftest(&args.resolve()?),
        Command::Analyze(args) => analyze::analyze(&args.resolve()?),
        Command::Explain(args) => explain::explain(args.kind, &args.common.resolve()?),
        Command::Graph(args) => graph::graph(&args.file, &args.common.resolve()?),
        Command::Cargo(args) => cargo::run(args, programs),
        Command::Convert(args) => convert::convert(&args),
        Command::Child(args) => run::child(&args),
        Command::CostChild(args) => cost::child(&args),
        Command::TimelineChild(args) => timeline::child(&args),
    }
}
