//! The runtime: the library and the facades, compiled once for each toolchain and version of gordian.
//!
//! A runtime is a directory below the cache. It is built under a lock, and what makes it whole is its stamp, written last,
//! which lists its files with their sizes and hashes. A directory without a true stamp is thrown away and built again.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::ffi::OsString;
use std::fs::File;
use std::hash::{Hash as _, Hasher as _};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustc_hash::FxHasher;
use serde::{Deserialize, Serialize};

use super::environment as env;
use super::progress::Progress;
use super::sources;
use super::toolchain::Toolchain;
use crate::cli::error::Error;
use crate::cli::exit_code::ExitCode;

/// A runtime that is whole.
#[derive(Debug)]
pub(super) struct Runtime {
    pub(super) directory: PathBuf,
    /// Changes with everything that what is compiled against it depends on.
    pub(super) key: String,
}

/// The facades of a runtime.
pub(super) struct Facades {
    runtime: PathBuf,
    libraries: PathBuf,
}

impl Facades {
    pub(super) fn of(runtime: &Path) -> Self {
        Self { runtime: runtime.to_owned(), libraries: runtime.join(LIBRARIES) }
    }

    /// What names the facades to the compiler.
    pub(super) fn externs(&self) -> Vec<OsString> {
        let externs = [("std", STD), ("core", CORE)];
        let externs = externs.map(|(name, file)| named(name, &self.libraries.join(file)));
        externs.into_iter().flat_map(|flag| ["--extern".into(), flag]).collect()
    }

    /// What names the library itself, for a layer.
    pub(super) fn library(&self) -> OsString {
        named("gordian", &self.libraries.join(LIBRARY))
    }

    /// A file of the unpacked sources.
    pub(super) fn source(&self, path: &str) -> PathBuf {
        self.runtime.join(SOURCE).join(path)
    }

    /// Where the compiler finds what the facades depend on.
    pub(super) fn search(&self) -> [OsString; 2] {
        ["-L".into(), dependency(&self.libraries)]
    }
}

/// Is the crate one that the user wants compiled as it is?
pub(super) fn is_left_out(name: &str) -> bool {
    let list = std::env::var(env::LEAVE_OUT).unwrap_or_default();
    list.split(',').any(|left_out| left_out.replace('-', "_") == name)
}

const LIBRARIES: &str = "lib";
const STD: &str = "libgordian_std.rlib";
const CORE: &str = "libgordian_core.rlib";
const LIBRARY: &str = "libgordian.rlib";
/// The crate of the attributes, a procedural macro.
const ATTRIBUTES: &str = "gordian_attributes";
const SOURCE: &str = "source";
const STAMP: &str = "stamp.json";

/// What a runtime consists of.
#[derive(Serialize, Deserialize, PartialEq, Eq, Debug)]
struct Stamp {
    /// Paths below the runtime, in order, with sizes and hashes.
    files: Vec<(String, u64, u64)>,
}

impl Stamp {
    /// Of what is there now.
    fn take(directory: &Path) -> std::io::Result<Self> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(directory.join(LIBRARIES))? {
            let entry = entry?;
            let contents = std::fs::read(entry.path())?;
            // Not the hasher of our tables: what it has seen before one of its own constants, it forgets, and the library
            // holds those constants.
            let mut hasher = std::hash::DefaultHasher::new();
            contents.hash(&mut hasher);
            let name = entry.file_name().to_string_lossy().into_owned();
            files.push((name, contents.len() as u64, hasher.finish()));
        }
        files.sort();
        Ok(Self { files })
    }

    /// In one step: a stamp is there as a whole, or not at all.
    fn write(&self, directory: &Path) -> std::io::Result<()> {
        let next = directory.join("stamp.next");
        std::fs::write(&next, serde_json::to_vec(self)?)?;
        std::fs::rename(next, directory.join(STAMP))
    }

    fn read(directory: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(directory.join(STAMP)).ok()?).ok()
    }
}

/// Where runtimes are kept.
pub(super) fn root() -> Result<PathBuf, Error> {
    let named = std::env::var_os(env::CACHE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let root = named.or_else(|| Some(dirs::cache_dir()?.join("gordian")));
    let root = root.ok_or_else(|| {
        let help = format!("set {} to a directory that can be written to", env::CACHE);
        Error::new(ExitCode::Usage, "this system has no place for caches").with_help(help)
    })?;
    std::path::absolute(&root).map_err(|error| trouble("use", &root, &error))
}

/// The runtime for a toolchain and a target; built if it is not there yet, or damaged.
pub(super) fn runtime(toolchain: &Toolchain, target: &str, quiet: bool, offline: bool) -> Result<Runtime, Error> {
    let mut hasher = FxHasher::default();
    (sources::hash(), &toolchain.version, target).hash(&mut hasher);
    let key = format!("{}-{:016x}", env!("CARGO_PKG_VERSION"), hasher.finish());
    let root = root()?;
    std::fs::create_dir_all(&root).map_err(|error| trouble("create", &root, &error))?;
    let lock = root.join(format!("{key}.lock"));
    let lock = File::create(&lock)
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|error| trouble("lock", &lock, &error))?;
    let directory = root.join(&key);
    let state = state(&directory);
    if state != State::Whole {
        let damaged = state == State::Damaged;
        build(&directory, toolchain, target, &Building { quiet, offline, damaged })?;
    }
    drop(lock);
    Ok(Runtime { directory, key })
}

/// What there is in the place of a runtime.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Nothing, or what a build that was cut short has left.
    Absent,
    /// Not what was built.
    Damaged,
    Whole,
}

fn state(directory: &Path) -> State {
    match Stamp::read(directory) {
        None => State::Absent,
        Some(stamp) if Stamp::take(directory).is_ok_and(|there| there == stamp) => State::Whole,
        Some(_) => State::Damaged,
    }
}

/// How a runtime is built.
struct Building {
    quiet: bool,
    offline: bool,
    damaged: bool,
}

fn build(directory: &Path, toolchain: &Toolchain, target: &str, how: &Building) -> Result<(), Error> {
    let why = if how.damaged { "again: what was there is damaged" } else { "once" };
    let progress =
        Progress::begin(format!("gordian: building the runtime for rustc {} ({why})", toolchain.release()), how.quiet);
    let fail = |error: std::io::Error| trouble("write", directory, &error);
    clear(directory).map_err(fail)?;
    let source = directory.join(SOURCE);
    let libraries = directory.join(LIBRARIES);
    std::fs::create_dir_all(&libraries).map_err(fail)?;
    sources::unpack(&source).map_err(fail)?;
    // A compiler that has no room left says so in many ways.
    let full = |error: Error| if is_full(directory) { error.with_help(MAKE_ROOM) } else { error };
    let built = compile(&source, &directory.join("build"), toolchain, target, how.offline, &progress).map_err(full)?;
    for path in built {
        std::fs::copy(&path, libraries.join(path.file_name().unwrap_or_default())).map_err(fail)?;
    }
    compile_facades(&source, &libraries, toolchain, target).map_err(full)?;
    std::fs::remove_dir_all(directory.join("build")).map_err(fail)?;
    Stamp::take(directory).and_then(|stamp| stamp.write(directory)).map_err(fail)
}

/// Compiles what stands in for `std` and `core`, against the library.
fn compile_facades(source: &Path, libraries: &Path, toolchain: &Toolchain, target: &str) -> Result<(), Error> {
    let rustc = |name: &str| {
        let mut command = Command::new(&toolchain.rustc);
        command.args(["--edition=2024", "--cap-lints=allow", "-Copt-level=3", "-Cmetadata=gordian-runtime"]);
        command.args(["--crate-name", name]).current_dir(source);
        command
    };
    // Macros are for the compiler, so for the host.
    let attributes = libraries.join(format!("{DLL_PREFIX}{ATTRIBUTES}{DLL_SUFFIX}"));
    let mut command = rustc(ATTRIBUTES);
    command.arg("--crate-type=proc-macro").arg(source.join(sources::ATTRIBUTES)).arg("-o").arg(&attributes);
    run(&mut command)?;
    for (root, name, output) in [(sources::STD, "gordian_std", STD), (sources::CORE, "gordian_core", CORE)] {
        let mut command = rustc(name);
        command.args(["--crate-type=rlib", "-Cembed-bitcode=yes", "--target", target]).arg(source.join(root));
        command.arg("-o").arg(libraries.join(output)).arg("-L").arg(dependency(libraries));
        command.arg("--extern").arg(named("gordian", &libraries.join(LIBRARY)));
        command.arg("--extern").arg(named(ATTRIBUTES, &attributes));
        run(&mut command)?;
    }
    Ok(())
}

/// An option's `name=path`.
pub(super) fn named(name: &str, path: &Path) -> OsString {
    let mut flag = OsString::from(format!("{name}="));
    flag.push(path);
    flag
}

fn dependency(path: &Path) -> OsString {
    named("dependency", path)
}

/// Builds the library with cargo. Returns the files that it consists of.
fn compile(
    source: &Path,
    build: &Path,
    toolchain: &Toolchain,
    target: &str,
    offline: bool,
    progress: &Progress,
) -> Result<Vec<PathBuf>, Error> {
    let mut command = Command::new(&toolchain.cargo);
    command.args([
        "build",
        "--lib",
        "--release",
        "--no-default-features",
        "--features",
        sources::FEATURE,
        "--target",
        target,
    ]);
    command.args(["--message-format", "json-render-diagnostics", "--target-dir"]).arg(build).current_dir(source);
    if offline {
        command.arg("--offline");
    }
    // Nothing that the user has set for programs of their own holds for the runtime.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_BUILD_", "CARGO_PROFILE_", "CARGO_UNSTABLE_", "RUSTC", "RUSTFLAGS"]
            .iter()
            .any(|start| text.starts_with(start))
        {
            command.env_remove(&name);
        }
    }
    // Other crate ids than the user's own copies of the same crates have; and bitcode, for a user's LTO.
    let flags = ["-Cmetadata=gordian-runtime", "-Cembed-bitcode=yes", "--cap-lints=allow"].join("\u{1f}");
    command.env("CARGO_ENCODED_RUSTFLAGS", flags).env("RUSTC", &toolchain.rustc).env("RUSTC_WRAPPER", "");
    command.env("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| cannot_run(&command, &error.to_string()))?;
    let errors = child.stderr.take().map(|errors| {
        std::thread::spawn(move || BufReader::new(errors).lines().map_while(Result::ok).collect::<Vec<_>>())
    });
    let ours = build.join(target);
    let mut files = Vec::new();
    let messages = child.stdout.take().map(BufReader::new).into_iter().flat_map(cargo_metadata::Message::parse_stream);
    for message in messages.map_while(Result::ok) {
        if let cargo_metadata::Message::CompilerArtifact(artifact) = message {
            progress.step(&artifact.target.name);
            let names = artifact.filenames.into_iter().map(|path| path.into_std_path_buf());
            // Of what is for the host, the compiler asks for the proc macros alone.
            let library = |path: &PathBuf| {
                let rlib = path.extension().is_some_and(|end| end == "rlib");
                let dynamic = path.extension().is_some_and(|end| end == std::env::consts::DLL_EXTENSION);
                dynamic || (rlib && path.starts_with(&ours))
            };
            files.extend(names.filter(library));
        }
    }
    let status = child.wait().map_err(|error| cannot_run(&command, &error.to_string()))?;
    let errors = errors.and_then(|errors| errors.join().ok()).unwrap_or_default();
    if status.success() { Ok(files) } else { Err(cannot_run(&command, &errors.join("\n"))) }
}

fn run(command: &mut Command) -> Result<(), Error> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| cannot_run(command, &error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(cannot_run(command, &String::from_utf8_lossy(&output.stderr)))
}

fn cannot_run(command: &Command, reason: &str) -> Error {
    let program = command.get_program().to_string_lossy();
    let mut help = "if it is the network, try again with one: the runtime is built once for each toolchain";
    if reason.contains("No space left on device") {
        help = MAKE_ROOM;
    }
    Error::new(ExitCode::Failed, format!("{program} cannot build gordian's runtime"))
        .with_output(reason.trim())
        .with_help(help)
}

const MAKE_ROOM: &str = "the disk is full: make room, or set GORDIAN_CACHE to a directory on another one";

/// Is there hardly any room left on the disk of this directory? Only asked when something has failed.
#[cfg(unix)]
pub(super) fn is_full(directory: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt as _;
    /// Less than an ordinary program takes.
    const HARDLY_ANY: u64 = 16 << 20;
    let Ok(path) = std::ffi::CString::new(directory.as_os_str().as_bytes()) else { return false };
    let mut disk = std::mem::MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: the path ends with a zero, and there is room for the answer.
    if unsafe { libc::statvfs(path.as_ptr(), disk.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: all zeros are a value of this plain struct, and the call has filled it in.
    let disk = unsafe { disk.assume_init() };
    (disk.f_bavail as u64).saturating_mul(disk.f_frsize as u64) < HARDLY_ANY
}

#[cfg(not(unix))]
pub(super) fn is_full(_: &Path) -> bool {
    false
}

fn trouble(what: &str, path: &Path, error: &std::io::Error) -> Error {
    let help = format!("make room or set the permissions, or set {} to another directory", env::CACHE);
    Error::new(ExitCode::Failed, format!("cannot {what} {}: {error}", path.display())).with_help(help)
}

/// Removes all runtimes, and nothing else that may lie there.
pub(super) fn remove_all() -> Result<(), Error> {
    let root = root()?;
    let fail = |error: std::io::Error| trouble("clear", &root, &error);
    let Ok(entries) = std::fs::read_dir(&root) else { return Ok(()) };
    for entry in entries {
        let path = entry.map_err(fail)?.path();
        let is_ours = path.file_name().and_then(|name| name.to_str()).is_some_and(is_key);
        if is_ours {
            if path.is_dir() { clear(&path) } else { std::fs::remove_file(&path) }.map_err(fail)?;
        }
    }
    // If there is something else in it, it stays.
    let _ = std::fs::remove_dir(&root);
    Ok(())
}

/// Is it the name of a runtime, or of its lock: `0.1.0-0123456789abcdef`?
fn is_key(name: &str) -> bool {
    let name = name.strip_suffix(".lock").unwrap_or(name);
    name.rsplit_once('-').is_some_and(|(version, hash)| {
        version.starts_with(|c: char| c.is_ascii_digit())
            && hash.len() == 16
            && hash.chars().all(|c| c.is_ascii_hexdigit())
    })
}

/// Removes a directory, if it is there.
pub(super) fn clear(directory: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_is_whole_only_if_it_is_what_was_built() {
        let directory = super::super::Scratch::new().unwrap();
        let directory = directory.0.as_path();
        let library = directory.join(LIBRARIES).join("liba.rlib");
        std::fs::create_dir(directory.join(LIBRARIES)).unwrap();
        std::fs::write(&library, "as it was built").unwrap();
        assert_eq!(state(directory), State::Absent, "without a stamp");
        Stamp::take(directory).and_then(|stamp| stamp.write(directory)).unwrap();
        assert_eq!(state(directory), State::Whole);
        std::fs::write(&library, "as it was BUILT").unwrap();
        assert_eq!(state(directory), State::Damaged, "of the same size");
        let constant = 0xa409_3822_299f_31d0_u64.to_le_bytes();
        std::fs::write(&library, [b"as it was".as_slice(), &[0; 15], &constant, &[0; 16]].concat()).unwrap();
        Stamp::take(directory).and_then(|stamp| stamp.write(directory)).unwrap();
        std::fs::write(&library, [b"AS it was".as_slice(), &[0; 15], &constant, &[0; 16]].concat()).unwrap();
        assert_eq!(state(directory), State::Damaged, "before what makes weak hashes forget");
        std::fs::remove_file(&library).unwrap();
        assert_eq!(state(directory), State::Damaged, "a file is gone");
        std::fs::write(directory.join(STAMP), "{").unwrap();
        assert_eq!(state(directory), State::Absent, "a stamp that was cut");
    }

    #[test]
    fn only_runtimes_are_cleared_away() {
        for ours in ["0.1.0-0123456789abcdef", "0.1.0-0123456789abcdef.lock", "1.0.0-beta.1-00000000000000ff"] {
            assert!(is_key(ours), "{ours}");
        }
        for other in ["photos", "0.1.0", "backup-0123456789abcdef", "0.1.0-0123456789abcdeg", "0.1.0-ff", ".lock"] {
            assert!(!is_key(other), "{other}");
        }
    }

    #[test]
    fn a_full_disk_is_told_with_a_cure() {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let error = trouble("write", Path::new("/cache"), &full);
        assert!(error.message.starts_with("cannot write /cache: "), "{error}");
        assert!(error.help.is_some_and(|help| help.contains("make room") && help.contains(env::CACHE)));
        let cargos = cannot_run(&Command::new("cargo"), "error: No space left on device (os error 28)");
        assert!(cargos.help.is_some_and(|help| help.contains("make room")));
        assert!(!is_full(Path::new("/no/such/directory")));
    }
}
