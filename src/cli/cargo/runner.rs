//! The runner: cargo starts every program through it, and it gives the program its environment back.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use super::environment as env;
use super::harness;
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
    // Programs that it starts are no harnesses, though they inherit its environment.
    if let Some(mut harness) = std::env::var_os(env::HARNESS) {
        if harness::is_marked(Path::new(program)) {
            harness.push(":");
            harness.push(program);
            command.env(env::HARNESS, harness);
        } else {
            command.env_remove(env::HARNESS);
        }
    }
    super::replace(command)
}
