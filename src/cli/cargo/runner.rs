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
    for (name, users) in [("RUSTC_WRAPPER", env::INNER_WRAPPER), ("RUSTDOC", env::USERS_RUSTDOC)] {
        match std::env::var_os(users) {
            Some(users) => command.env(name, users),
            None => command.env_remove(name),
        };
    }
    super::replace(command)
}
