//! The user's project, and what cargo is told to do with it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use cargo_config2::Config;
use cargo_metadata::MetadataCommand;

use super::toolchain::Toolchain;
use crate::cli::error::Error;
use crate::cli::exit_code::ExitCode;

/// The user's project.
#[derive(Debug)]
pub(super) struct Project {
    pub(super) toolchain: Toolchain,
    /// What the user's cargo is started with.
    pub(super) cargo: PathBuf,
    /// The target compiled for, always named to cargo, so that build scripts and proc macros are compiled apart.
    pub(super) target: String,
    /// The user's own wrapper around the compiler.
    pub(super) wrapper: Option<PathBuf>,
    /// What compiles documentation tests.
    pub(super) rustdoc: PathBuf,
    /// The user's own runner of programs, with its arguments.
    pub(super) runner: Vec<OsString>,
    /// Where the user's cargo would put what it compiles.
    target_directory: PathBuf,
}

impl Project {
    /// The project that cargo would find with these arguments.
    pub(super) fn find(arguments: &[OsString]) -> Result<Self, Error> {
        let broken = |error: cargo_config2::Error| {
            Error::new(ExitCode::Usage, format!("cannot read the configuration of cargo: {error}"))
        };
        let config = Config::load().map_err(broken)?;
        let cargo = PathBuf::from(config.cargo());
        let rustc = config.build.rustc.clone().unwrap_or_else(|| PathBuf::from("rustc"));
        let toolchain = Toolchain::of(&rustc, &cargo)?;
        let target_directory = target_directory(&cargo, arguments)?;
        let target = target(arguments, &config, &toolchain)?;
        let runner = config.runner(target.as_str()).map_err(broken)?;
        let runner = runner.map(|runner| std::iter::once(runner.path.into()).chain(runner.args).collect());
        Ok(Self {
            rustdoc: config.build.rustdoc.clone().unwrap_or_else(|| toolchain.rustdoc.clone()),
            toolchain,
            cargo,
            target,
            wrapper: config.build.rustc_wrapper.clone().filter(|wrapper| !wrapper.as_os_str().is_empty()),
            runner: runner.unwrap_or_default(),
            target_directory,
        })
    }

    /// Where gordian's cargo puts what it compiles.
    pub(super) fn own_target_directory(&self) -> PathBuf {
        own(&self.target_directory)
    }
}

/// gordian's own part of a target directory.
fn own(target_directory: &Path) -> PathBuf {
    target_directory.join("gordian")
}

/// gordian's own target directory for the project that cargo would find with these arguments.
pub(super) fn own_target_directory(arguments: &[OsString]) -> Result<PathBuf, Error> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Ok(own(&target_directory(Path::new(&cargo), arguments)?))
}

fn target_directory(cargo: &Path, arguments: &[OsString]) -> Result<PathBuf, Error> {
    let mut command = MetadataCommand::new();
    command.cargo_path(cargo).no_deps();
    if let Some(path) = values(arguments, "--manifest-path").pop() {
        command.manifest_path(path);
    }
    let configs = values(arguments, "--config").into_iter().flat_map(|value| ["--config".into(), value]);
    let plain = ["--offline", "--frozen", "--locked"].into_iter().filter(|plain| has(arguments, plain));
    let options = configs.chain(plain.map(OsString::from));
    command.other_options(options.map(|option| option.to_string_lossy().into_owned()).collect::<Vec<_>>());
    let metadata = command.exec().map_err(|error| {
        let reason = match error {
            cargo_metadata::Error::CargoMetadata { stderr } => stderr.trim().trim_start_matches("error: ").to_owned(),
            error => error.to_string(),
        };
        Error::new(ExitCode::Usage, format!("cargo does not know what to work on: {reason}"))
            .with_help("run it in the folder of a package or workspace, or name one with --manifest-path")
    })?;
    let named = values(arguments, "--target-dir").pop().map(|path| std::path::absolute(&path).unwrap_or(path.into()));
    Ok(named.unwrap_or_else(|| metadata.target_directory.into_std_path_buf()))
}

/// The one target to compile for.
fn target(arguments: &[OsString], config: &Config, toolchain: &Toolchain) -> Result<String, Error> {
    let mut targets: Vec<String> =
        values(arguments, "--target").into_iter().map(|target| target.to_string_lossy().into_owned()).collect();
    if targets.is_empty() {
        let configured = config.build.target.iter().flatten();
        targets = configured.map(|target| target.triple().to_owned()).collect();
    }
    if let [_, second, ..] = targets.as_slice() {
        let message = format!("gordian works on one target at a time, and `{second}` is a second one");
        return Err(Error::new(ExitCode::Usage, message).with_help("name one with --target"));
    }
    Ok(targets.pop().filter(|target| target != "host-tuple").unwrap_or_else(|| toolchain.host().to_owned()))
}

/// The values of a cargo option, before `--`.
pub(super) fn values(arguments: &[OsString], name: &str) -> Vec<OsString> {
    let mut found = Vec::new();
    let mut arguments = of_cargo(arguments).iter();
    while let Some(argument) = arguments.next() {
        if argument == name {
            found.extend(arguments.next().cloned());
        } else if let Some(value) = argument.to_str().and_then(|text| text.strip_prefix(name)?.strip_prefix('=')) {
            found.push(value.into());
        }
    }
    found
}

/// Is the flag there, before `--`?
pub(super) fn has(arguments: &[OsString], flag: &str) -> bool {
    of_cargo(arguments).iter().any(|argument| argument == flag)
}

/// The arguments without a cargo option and its value.
pub(super) fn without(arguments: &[OsString], name: &str) -> Vec<OsString> {
    let ours = of_cargo(arguments).len();
    let mut kept = Vec::new();
    let mut skip = false;
    for (index, argument) in arguments.iter().enumerate() {
        let option = index < ours && argument == name;
        let joined = index < ours && argument.to_str().is_some_and(|text| text.starts_with(&format!("{name}=")));
        if !skip && !option && !joined {
            kept.push(argument.clone());
        }
        skip = option && !skip;
    }
    kept
}

/// The arguments before `--`.
pub(super) fn of_cargo(arguments: &[OsString]) -> &[OsString] {
    let end = arguments.iter().position(|argument| argument == OsStr::new("--")).unwrap_or(arguments.len());
    &arguments[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn options_of_cargo_are_found_before_the_dashes_only() {
        let arguments = line("--target a --offline --target=b -- --target c --frozen");
        assert_eq!(values(&arguments, "--target"), ["a", "b"]);
        assert!(has(&arguments, "--offline"));
        assert!(!has(&arguments, "--frozen"));
        assert_eq!(without(&arguments, "--target"), line("--offline -- --target c --frozen"));
        assert_eq!(values(&line("--target-dir x"), "--target"), Vec::<OsString>::new());
    }
}
