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

/// A crate beneath layers: what is done with it is seen through a layer, its own or that of a crate which depends on it.
struct Beneath {
    name: &'static str,
    layers: &'static [Layer],
    /// The versions that no layer is for.
    otherwise: Otherwise,
}

/// What is done with a crate beneath layers, in a version that no layer is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Otherwise {
    /// Compiled with the facades, as if there were no layers at all.
    Watched,
    /// Compiled as it is.
    Plain,
}

/// What is done with a crate beneath layers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// It has a layer.
    Layered(&'static Layer),
    /// It is watched itself.
    Watched,
    /// It is compiled as it is.
    Plain,
}

/// A layer over some versions of a crate.
#[derive(Debug)]
pub(super) struct Layer {
    name: &'static str,
    /// The versions that it fits: from the first to before the second, as `(major, minor)`.
    versions: (Version, Version),
    /// The root of its sources.
    root: &'static str,
    /// What it is compiled with, for the version and the features that the dependency has.
    cfgs: Cfgs,
}

/// Major and minor.
type Version = (u64, u64);

/// Tells whether the dependency has a feature.
type Has<'a> = &'a dyn Fn(&str) -> bool;

/// The cfgs of a layer.
type Cfgs = fn(Version, Has<'_>) -> Vec<String>;

const BENEATH: [Beneath; 5] = [
    // Types over a raw lock: the events are those of the crate that has the raw lock.
    Beneath { name: "lock_api", layers: &[], otherwise: Otherwise::Plain },
    // tokio's reactor. It has no locks that a program could take.
    Beneath { name: "mio", layers: &[], otherwise: Otherwise::Plain },
    // Its locks are words that threads wait for in the kernel: no event would say that they are locks, and what their
    // atomics order is less than a lock orders.
    Beneath { name: "parking_lot", layers: &PARKING_LOT, otherwise: Otherwise::Plain },
    Beneath { name: "parking_lot_core", layers: &[], otherwise: Otherwise::Plain },
    // It stands on the locks and atomics of std, which are seen: as much as of any other library, without its tasks.
    Beneath { name: "tokio", layers: &TOKIO, otherwise: Otherwise::Watched },
];

const PARKING_LOT: [Layer; 2] = [
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
];

const TOKIO: [Layer; 1] = [Layer { name: "tokio", versions: ((1, 41), (2, 0)), root: sources::TOKIO, cfgs: of_tokio }];

fn without_arc_lock(has: Has<'_>) -> Vec<String> {
    if has("arc_lock") { Vec::new() } else { vec!["no_arc_lock".to_owned()] }
}

/// The minor version of tokio that the layer knows everything of.
const NEWEST_TOKIO: u64 = 54;

/// The features of tokio that the layer has parts for.
const TOKIOS_FEATURES: [&str; 9] =
    ["net", "process", "rt", "rt-multi-thread", "signal", "sync", "test-util", "time", "tracing"];

fn of_tokio((_, minor): Version, has: Has<'_>) -> Vec<String> {
    let later = (minor + 1..=NEWEST_TOKIO).map(|later| format!("tokio_before=\"1.{later}\""));
    let without = TOKIOS_FEATURES.iter().filter(|feature| !has(feature));
    let without = without.map(|feature| format!("tokio_without=\"{feature}\""));
    later.chain(without).chain(["feature=\"detect\"".to_owned()]).collect()
}

/// Where a crate that is being compiled stands, if it is beneath layers.
pub(super) fn of(name: &str) -> Option<Place> {
    of_version(name, version())
}

fn of_version(name: &str, version: Version) -> Option<Place> {
    let beneath = BENEATH.iter().find(|beneath| beneath.name == name)?;
    let layer = beneath.layers.iter().find(|layer| (layer.versions.0..layer.versions.1).contains(&version));
    Some(match (layer, beneath.otherwise) {
        (Some(layer), _) => Place::Layered(layer),
        (None, Otherwise::Watched) => Place::Watched,
        (None, Otherwise::Plain) => Place::Plain,
    })
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
        BENEATH.iter().find(|beneath| beneath.name == dependency && !beneath.layers.is_empty())?;
        let layer = path.with_file_name(format!("libgordian_{file}"));
        layer.exists().then(|| super::cache::named(name, &layer))
    };
    value.to_str().and_then(layered).unwrap_or_else(|| value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_their_layers_and_what_the_table_says_otherwise() {
        let place = |name, version| match of_version(name, version) {
            Some(Place::Layered(layer)) => layer.root,
            Some(Place::Watched) => "watched",
            Some(Place::Plain) => "plain",
            None => "",
        };
        assert_eq!(place("parking_lot", (0, 10)), "plain");
        assert_eq!(place("parking_lot", (0, 12)), sources::PARKING_LOT);
        assert_eq!(place("parking_lot", (0, 13)), sources::PARKING_LOT_0_13);
        assert_eq!(place("tokio", (1, 40)), "watched");
        assert_eq!(place("tokio", (1, 41)), sources::TOKIO);
        assert_eq!(place("mio", (1, 0)), "plain");
        assert_eq!(place("serde", (1, 0)), "");
    }
}
