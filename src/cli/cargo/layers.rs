//! Layers: crates that stand before a dependency of the user's, of the very version that was resolved, with the watched
//! types in the place of its own.
//!
//! The dependency is compiled as it is. The layer is compiled next, against it, and lies beside it under a name that has
//! the same hash; whoever names the dependency is given the layer instead. Cargo starts dependents as soon as the compiler
//! has announced the metadata, so that announcement is held back until the layer is there.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use super::cache::Facades;
use super::wrapper::Call;
use super::{say, sources};

/// A dependency that there is a layer for.
#[derive(Debug)]
pub(super) struct Layer {
    name: &'static str,
    /// The versions that it fits: from the first to before the second, as `(major, minor)`.
    versions: (Version, Version),
    /// The root of its sources.
    root: &'static str,
    /// What it is compiled with, for the version and the features that the dependency has.
    cfgs: fn(Version, &dyn Fn(&str) -> bool) -> Vec<String>,
}

/// Major and minor.
type Version = (u64, u64);

const LAYERS: [Layer; 3] = [
    Layer {
        name: "parking_lot",
        versions: ((0, 11), (0, 13)),
        root: sources::PARKING_LOT,
        cfgs: |_, has| [vec!["lock_api_0_4".to_owned()], without_arc_lock(has)].concat(),
    },
    Layer {
        name: "parking_lot",
        versions: ((0, 13), (0, 14)),
        root: sources::PARKING_LOT_0_13,
        cfgs: |_, has| without_arc_lock(has),
    },
    Layer { name: "tokio", versions: ((1, 41), (2, 0)), root: sources::TOKIO, cfgs: of_tokio },
];

fn without_arc_lock(has: &dyn Fn(&str) -> bool) -> Vec<String> {
    if has("arc_lock") { Vec::new() } else { vec!["no_arc_lock".to_owned()] }
}

/// The minor version of tokio that the layer knows everything of.
const NEWEST_TOKIO: u64 = 54;

/// The features of tokio that the layer has parts for.
const TOKIOS_FEATURES: [&str; 9] =
    ["net", "process", "rt", "rt-multi-thread", "signal", "sync", "test-util", "time", "tracing"];

fn of_tokio((_, minor): Version, has: &dyn Fn(&str) -> bool) -> Vec<String> {
    let later = (minor + 1..=NEWEST_TOKIO).map(|later| format!("tokio_before=\"1.{later}\""));
    let without = TOKIOS_FEATURES.iter().filter(|feature| !has(feature));
    let without = without.map(|feature| format!("tokio_without=\"{feature}\""));
    later.chain(without).chain(["feature=\"detect\"".to_owned()]).collect()
}

/// Crates that there are layers for, and what is beneath these, compiled as they are: what they do is seen through the
/// layer.
const BENEATH: [&str; 5] = ["lock_api", "mio", "parking_lot", "parking_lot_core", "tokio"];

/// Is the crate beneath a layer?
pub(super) fn is_beneath(name: &str) -> bool {
    BENEATH.contains(&name)
}

/// The layer for a crate that is being compiled.
pub(super) fn of(name: &str) -> Option<&'static Layer> {
    let version = version();
    LAYERS.iter().find(|layer| layer.name == name && (layer.versions.0..layer.versions.1).contains(&version))
}

/// Of the crate that is being compiled.
fn version() -> Version {
    let part = |name: &str| std::env::var(name).ok()?.parse().ok();
    (part("CARGO_PKG_VERSION_MAJOR").unwrap_or(0), part("CARGO_PKG_VERSION_MINOR").unwrap_or(0))
}

/// Runs `command`, which compiles the dependency by `call`, and then compiles the layer.
pub(super) fn compile(
    layer: &Layer,
    mut command: Command,
    call: &Call<'_>,
    facades: &Facades,
) -> std::io::Result<ExitStatus> {
    let mut child = command.stderr(Stdio::piped()).spawn()?;
    let mut announced = Vec::new();
    let mut out = std::io::stderr();
    for line in child.stderr.take().map(BufReader::new).into_iter().flat_map(|errors| errors.split(b'\n')) {
        let mut line = line?;
        line.push(b'\n');
        if line.starts_with(br#"{"$message_type":"artifact""#) || line.starts_with(br#"{"artifact""#) {
            announced.extend(line);
        } else {
            out.write_all(&line)?;
        }
    }
    let status = child.wait()?;
    if status.success()
        && let Some(mut command) = layer.command(call, facades)
    {
        let output = command.stdin(Stdio::null()).output()?;
        if !output.status.success() {
            let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
            let reason = String::from_utf8_lossy(&output.stderr);
            let reason = reason.lines().find(|line| line.starts_with("error")).unwrap_or("error");
            say(&format!(
                "warning: gordian cannot watch `{} {version}`, and does not see what is done with it: {reason}",
                layer.name
            ));
        }
    }
    out.write_all(&announced)?;
    Ok(status)
}

impl Layer {
    /// What compiles it, after its dependency. `None` if that is not compiled as a part of a build.
    fn command(&self, call: &Call<'_>, facades: &Facades) -> Option<Command> {
        let directory = PathBuf::from(call.value("--out-dir")?);
        let hash = call.codegen("extra-filename")?;
        let file = |start: &str, end: &str| directory.join(format!("lib{start}{}{hash}.{end}", self.name));
        let original = Some(file("", "rlib")).filter(|path| path.exists()).unwrap_or_else(|| file("", "rmeta"));
        let mut command = Command::new(call.compiler()?);
        command.args([
            "--crate-type=lib",
            "--edition=2024",
            "--cap-lints=allow",
            "--emit=metadata,link",
            "--crate-name",
        ]);
        command.arg(format!("gordian_{}", self.name)).arg(facades.source(self.root)).arg("--out-dir").arg(&directory);
        command.arg("-C").arg(format!("extra-filename={hash}")).arg("-C").arg(format!("metadata=gordian-layer{hash}"));
        for (option, value) in call.inherited() {
            command.arg(option).arg(value);
        }
        for cfg in (self.cfgs)(version(), &|feature| call.has_feature(feature)) {
            command.args(["--cfg", &cfg]);
        }
        command.arg("--extern").arg(super::cache::named(self.name, &original));
        command.arg("--extern").arg(facades.library()).args(facades.search());
        Some(command)
    }
}

/// The value of an `--extern` option, with the layer in the place of the dependency if there is one.
pub(super) fn substitute(value: &OsString) -> OsString {
    let layered = |value: &str| {
        let (name, path) = value.split_once('=')?;
        let path = Path::new(path);
        let file = path.file_name()?.to_str()?.strip_prefix("lib")?;
        let (dependency, _) = file.split_once('-')?;
        LAYERS.iter().find(|layer| layer.name == dependency)?;
        let layer = path.with_file_name(format!("libgordian_{file}"));
        layer.exists().then(|| super::cache::named(name, &layer))
    };
    value.to_str().and_then(layered).unwrap_or_else(|| value.clone())
}
