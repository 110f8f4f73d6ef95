//! The compiler wrapper: adds the facades to what is compiled for the user's target; and so for rustdoc, which compiles
//! the tests in documentation.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::cache::{self, Facades};
use super::environment as env;
use super::layers::{self, Layer};
use super::{harness, say};
use crate::cli::exit_code::ExitCode;

/// Runs the compiler that the arguments name, as cargo wants it, with the facades.
pub(super) fn run(arguments: &[OsString], runtime: &Path) -> ExitCode {
    let facades = Facades::of(runtime);
    let call = Call::of(arguments);
    let treatment = call.treatment();
    if !matches!(treatment, Treatment::NotOurs)
        && let Some(executable) = call.executable()
    {
        // Before: the compiler may take the place of this process.
        harness::mark(&executable, call.arguments.iter().any(|argument| argument == "--test"));
    }
    match treatment {
        Treatment::NotOurs => super::replace(call.command(false)),
        Treatment::Plain => {
            let mut command = call.command(false);
            command.args(facades.search());
            super::replace(command)
        }
        Treatment::Layered(layer) => {
            let mut command = call.command(false);
            command.args(facades.search());
            match layers::compile(layer, command, &call, &facades) {
                Ok(status) => super::code_of(status),
                Err(error) => super::cannot_start(&call.command(false), &error),
            }
        }
        Treatment::Watched => watched(&call, &facades),
    }
}

/// Runs rustdoc, with the facades for what it compiles.
pub(super) fn document(arguments: &[OsString], runtime: &Path) -> ExitCode {
    let facades = Facades::of(runtime);
    let call = Call::of(arguments);
    let rustdoc = std::env::var_os(env::INNER_RUSTDOC).unwrap_or_else(|| "rustdoc".into());
    let mut command = Command::new(rustdoc);
    match call.treatment() {
        Treatment::NotOurs => command.args(arguments),
        Treatment::Plain | Treatment::Layered(_) => command.args(arguments).args(facades.search()),
        Treatment::Watched => {
            command.args(with_layers(arguments.iter())).args(facades.search()).args(facades.externs())
        }
    };
    super::replace(command)
}

/// The arguments with layers in the place of the crates that have one.
fn with_layers<'a>(arguments: impl Iterator<Item = &'a OsString>) -> impl Iterator<Item = OsString> {
    let mut external = false;
    arguments.map(move |word| {
        let given = if external { layers::substitute(word) } else { word.clone() };
        external = word == "--extern";
        given
    })
}

fn watched(call: &Call<'_>, facades: &Facades) -> ExitCode {
    let mut command = call.command(true);
    command.args(facades.search()).args(facades.externs());
    let status = match command.status() {
        Ok(status) => status,
        Err(error) => return super::cannot_start(&command, &error),
    };
    if !status.success()
        && let Some(name) = call.name.as_ref().filter(|_| call.is_cargos() && call.compiles_plain(facades))
    {
        say(&format!(
            "error: `{name}` compiles with the original std, but not with gordian's in its place\n\
             help: leave it out, unwatched: `--leave-out {name}`"
        ));
    }
    super::code_of(status)
}

/// What is done with a call of the compiler.
#[derive(Debug)]
enum Treatment {
    /// It is for the host, or not a compilation.
    NotOurs,
    /// With the original std, but what it depends on may be watched.
    Plain,
    /// Plain, and then its layer.
    Layered(&'static Layer),
    /// With the facades.
    Watched,
}

/// A call of the compiler.
pub(super) struct Call<'a> {
    /// The compiler, or the user's wrapper around workspace members, and what it is called with.
    arguments: &'a [OsString],
    name: Option<String>,
}

impl<'a> Call<'a> {
    fn of(arguments: &'a [OsString]) -> Self {
        let mut call = Self { arguments, name: None };
        call.name = call.value("--crate-name").map(|name| name.to_string_lossy().into_owned());
        call
    }

    /// The compiler as cargo wants it, through the user's own wrapper. `layered`: with layers in the place of the crates
    /// that have one.
    fn command(&self, layered: bool) -> Command {
        let inner = std::env::var_os(env::INNER_WRAPPER);
        let mut words = inner.iter().chain(self.arguments);
        let mut command = Command::new(words.next().map_or(OsStr::new("rustc"), OsString::as_os_str));
        if layered {
            command.args(with_layers(words))
        } else {
            command.args(words)
        };
        command
    }

    fn treatment(&self) -> Treatment {
        // What is for the host is compiled without `--target`; and cargo asks the compiler for more than compilations.
        let Some(name) = self.name.as_deref().filter(|name| *name != "___" && self.value("--target").is_some()) else {
            return Treatment::NotOurs;
        };
        let primary = std::env::var_os("CARGO_PRIMARY_PACKAGE").is_some();
        if cache::is_left_out(name) {
            Treatment::Plain
        } else if !primary && self.is_cargos() && layers::is_beneath(name) {
            layers::of(name).map_or(Treatment::Plain, Treatment::Layered)
        } else {
            Treatment::Watched
        }
    }

    /// The compiler itself.
    pub(super) fn compiler(&self) -> Option<&'a OsStr> {
        self.arguments.iter().map(OsString::as_os_str).take_while(|word| is_compiler(word)).last()
    }

    /// The value of an option.
    pub(super) fn value(&self, name: &str) -> Option<OsString> {
        let place = self.arguments.iter().position(|argument| argument == name);
        let joined = || {
            let mut arguments = self.arguments.iter().filter_map(|argument| argument.to_str());
            arguments.find_map(|argument| argument.strip_prefix(name)?.strip_prefix('=').map(OsString::from))
        };
        place.and_then(|place| self.arguments.get(place + 1).cloned()).or_else(joined)
    }

    /// The value of a `-C` option.
    pub(super) fn codegen(&self, name: &str) -> Option<&'a str> {
        self.arguments.iter().find_map(|argument| {
            let argument = argument.to_str()?;
            argument.strip_prefix("-C").unwrap_or(argument).strip_prefix(name)?.strip_prefix('=')
        })
    }

    pub(super) fn has_feature(&self, feature: &str) -> bool {
        self.arguments.iter().any(|argument| argument == OsStr::new(&format!("feature=\"{feature}\"")))
    }

    /// The options that hold for a layer over this crate, too.
    pub(super) fn inherited(&self) -> Vec<(&'a OsStr, OsString)> {
        let pairs = self.arguments.windows(2).filter(|pair| {
            let value = pair[1].to_string_lossy();
            match pair[0].to_str() {
                Some("--cfg" | "--target" | "-L" | "--extern" | "-Z") => true,
                Some("-C") => {
                    !["metadata=", "extra-filename=", "incremental="].iter().any(|own| value.starts_with(own))
                }
                _ => false,
            }
        });
        pairs.map(|pair| (pair[0].as_os_str(), pair[1].clone())).collect()
    }

    /// The program that is made, if the crate is one.
    fn executable(&self) -> Option<PathBuf> {
        let directory = PathBuf::from(self.value("--out-dir")?);
        let name = self.name.as_ref()?;
        let hash = self.codegen("extra-filename")?;
        Some(directory.join(format!("{name}{hash}{}", std::env::consts::EXE_SUFFIX)))
    }

    /// Does cargo want it as a part of the build? Else it is a question of some build script.
    fn is_cargos(&self) -> bool {
        self.arguments.iter().any(|argument| argument.to_string_lossy().starts_with("extra-filename="))
    }

    /// Does it compile without the facades? Its output goes nowhere.
    fn compiles_plain(&self, facades: &Facades) -> bool {
        let Ok(scratch) = super::Scratch::new() else { return false };
        let mut command = self.command(false);
        command.args(facades.search()).arg("--emit=metadata").arg("-o").arg(scratch.0.join("plain.rmeta"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

/// Is the argument a compiler, as the first one of a wrapper is?
pub(super) fn is_compiler(argument: &OsStr) -> bool {
    !argument.to_string_lossy().starts_with('-') && Path::new(argument).file_name().is_some()
}
