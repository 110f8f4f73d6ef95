//! What the user typed after `cargo gordian`.

use std::ffi::OsString;

use clap::{Parser, Subcommand, ValueEnum};

use crate::OnDeadlock;
use crate::cli::args::GateArgs;

/// Run cargo on a program as it is, and watch its locks, threads, channels and atomics, and those of its dependencies.
#[derive(Parser, Debug)]
#[command(name = "cargo gordian", bin_name = "cargo gordian", version, arg_required_else_help = true)]
#[command(disable_help_subcommand = true, after_help = "Examples:\n  cargo gordian test\n  gordian cargo test")]
pub(in crate::cli) struct CargoArgs {
    /// Let cargo say less, as after the command.
    #[arg(id = "quiet_cargo", long = "quiet", short)]
    pub(super) quiet: bool,
    #[command(subcommand)]
    pub(super) verb: Verb,
}

#[derive(Subcommand, Debug)]
pub(super) enum Verb {
    /// Run the tests, and report what is found in all of them.
    #[command(
        after_help = "Examples:\n  cargo gordian test\n  cargo gordian test --deny observed --workspace -- --nocapture"
    )]
    Test(Invocation),
    /// Run a program.
    #[command(after_help = "Examples:\n  cargo gordian run\n  cargo gordian run --release --bin server -- --port 80")]
    Run(Invocation),
    /// Compile, and run nothing.
    #[command(after_help = "Example:\n  cargo gordian build --workspace")]
    Build(Invocation),
    /// Run the benchmarks.
    #[command(after_help = "Example:\n  cargo gordian bench")]
    Bench(Invocation),
    /// Run the tests with cargo-nextest, a process for each.
    #[command(after_help = "Example:\n  cargo gordian nextest run --workspace")]
    Nextest(Invocation),
    /// Remove what gordian has compiled.
    #[command(after_help = "Examples:\n  cargo gordian clean\n  cargo gordian clean --cache")]
    Clean(CleanArgs),
}

/// gordian's own options, and then cargo's.
#[derive(Parser, Debug)]
#[command(mut_arg("quiet", |quiet| quiet.help("Let cargo say less (its own --quiet); what is found is told as ever")))]
pub(super) struct Invocation {
    /// What happens to a process whose threads wait for one another for ever [default: abort].
    #[arg(long, value_name = "WHAT", help_heading = "Watching")]
    pub(super) on_deadlock: Option<WhenStuck>,
    /// Tell every cycle of locks that was shown, also one that no other order of what a test, or the program, did runs into.
    /// That is asked of up to 50,000 events each.
    #[arg(long, help_heading = "Watching")]
    pub(super) no_predict: bool,
    /// Compile this crate against the original std, unwatched; may be given several times.
    #[arg(long, value_name = "CRATE", help_heading = "Watching")]
    pub(super) leave_out: Vec<String>,
    #[command(flatten)]
    pub(super) gate: GateArgs,
    /// Cargo's own arguments, and after `--` those of the program; gordian's options come before them.
    #[arg(value_name = "CARGO'S ARGUMENTS", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(super) cargo: Vec<OsString>,
}

/// What to do about a deadlock.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum WhenStuck {
    /// Report it and end the process.
    Abort,
    /// Report it and panic in the thread that closed the circle.
    Panic,
    /// Report it and let the process hang.
    Continue,
}

impl From<WhenStuck> for OnDeadlock {
    fn from(what: WhenStuck) -> Self {
        match what {
            WhenStuck::Abort => Self::Abort,
            WhenStuck::Panic => Self::Panic,
            WhenStuck::Continue => Self::Continue,
        }
    }
}

/// What to remove.
#[derive(Parser, Debug)]
pub(super) struct CleanArgs {
    /// Remove the runtimes too, of all toolchains; they serve all projects.
    #[arg(long)]
    pub(super) cache: bool,
    /// Cargo's own arguments: `--manifest-path`, `--target-dir`.
    #[arg(value_name = "CARGO'S ARGUMENTS", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(super) cargo: Vec<OsString>,
}
