//! The compiler wrapper: adds the facades to what is compiled for the user's target.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::cache::{self, Facades};
use super::environment as env;
use super::say;
use crate::cli::exit_code::ExitCode;

/// Crates beneath the locks that are watched as a whole.
const BENEATH: [&str; 3] = ["lock_api", "parking_lot", "parking_lot_core"];

/// Runs the compiler that the arguments name, as cargo wants it, with the facades.
pub(super) fn run(arguments: &[OsString]) -> ExitCode {
    let Some(runtime) = std::env::var_os(env::RUNTIME).map(PathBuf::from) else {
        say("error: the compiler wrapper was started outside `cargo gordian`");
        return ExitCode::Usage;
    };
    let call = Call::of(arguments);
    let mut command = call.command();
    let facades = Facades::of(&runtime);
    if call.is_for_target() {
        command.args(facades.search());
    }
    if !call.is_watched() {
        return super::replace(command);
    }
    command.args(facades.externs());
    let status = match command.status() {
        Ok(status) => status,
        Err(error) => return super::cannot_start(&command, &error),
    };
    if status.success() {
        return ExitCode::Clean;
    }
    if let Some(name) = call.name.as_ref().filter(|_| call.is_cargos() && call.compiles_plain()) {
        say(&format!(
            "error: `{name}` compiles with the original std, but not with gordian's in its place\n\
             help: leave it out, unwatched: `--leave-out {name}`"
        ));
    }
    super::code_of(status)
}

/// A call of the compiler.
struct Call<'a> {
    /// The compiler, or the user's wrapper around workspace members, and what it is called with.
    arguments: &'a [OsString],
    name: Option<String>,
}

impl<'a> Call<'a> {
    fn of(arguments: &'a [OsString]) -> Self {
        let name = value(arguments, "--crate-name").map(|name| name.to_string_lossy().into_owned());
        Self { arguments, name }
    }

    fn command(&self) -> Command {
        let inner = std::env::var_os(env::INNER_WRAPPER);
        let mut words = inner.iter().chain(self.arguments);
        let mut command = Command::new(words.next().map_or(OsStr::new("rustc"), OsString::as_os_str));
        command.args(words);
        command
    }

    /// Is it compiled for the user's target? What is for the host is compiled without `--target`; and cargo asks the
    /// compiler for more than compilations.
    fn is_for_target(&self) -> bool {
        self.name.as_ref().is_some_and(|name| name != "___") && value(self.arguments, "--target").is_some()
    }

    /// Is it to be compiled with the facades?
    fn is_watched(&self) -> bool {
        let primary = std::env::var_os("CARGO_PRIMARY_PACKAGE").is_some();
        self.is_for_target()
            && self
                .name
                .as_ref()
                .is_some_and(|name| (primary || !BENEATH.contains(&name.as_str())) && !cache::is_left_out(name))
    }

    /// Does cargo want it as a part of the build? Else it is a question of some build script.
    fn is_cargos(&self) -> bool {
        self.arguments.iter().any(|argument| argument.to_string_lossy().starts_with("extra-filename="))
    }

    /// Does it compile without the facades? Its output goes nowhere.
    fn compiles_plain(&self) -> bool {
        let Ok(scratch) = super::Scratch::new() else { return false };
        let mut command = self.command();
        command.arg("--emit=metadata").arg("-o").arg(scratch.0.join("plain.rmeta"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

/// The value of an option of the compiler.
fn value(arguments: &[OsString], name: &str) -> Option<OsString> {
    let place = arguments.iter().position(|argument| argument == name);
    let joined = || {
        arguments
            .iter()
            .find_map(|argument| argument.to_str()?.strip_prefix(name)?.strip_prefix('=').map(OsString::from))
    };
    place.and_then(|place| arguments.get(place + 1).cloned()).or_else(joined)
}

/// Is the argument a compiler, as the first one of a wrapper is?
pub(super) fn is_compiler(argument: &OsStr) -> bool {
    !argument.to_string_lossy().starts_with('-') && Path::new(argument).file_name().is_some()
}
