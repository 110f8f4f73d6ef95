//! The runner: cargo starts every program through it, and it gives the program its environment back.

use std::ffi::OsString;
use std::process::Command;

use super::environment as env;
use crate::cli::exit_code::ExitCode;

/// Runs the program that the arguments name, as if cargo had started it.
pub(super) fn run(arguments: &[OsString]) -> ExitCode {
    let Some((program, arguments)) = arguments.split_first() else {
        super::say("error: the runner was started without a program");
        return ExitCode::Usage;
    };
    let mut command = Command::new(program);
    command.args(arguments);
    // What was for the compiler wrapper alone: the program may start cargo itself.
    for name in env::OF_THE_WRAPPER {
        command.env_remove(name);
    }
    match std::env::var_os(env::INNER_WRAPPER) {
        Some(wrapper) => command.env("RUSTC_WRAPPER", wrapper),
        None => command.env_remove("RUSTC_WRAPPER"),
    };
    super::replace(command)
}
