//! Who is measured.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::rows::Row;

/// What gordian watches.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Lock order and waits.
    Order,
    /// Races too.
    Races,
    /// Everything, and every event goes to a file.
    Record,
}

/// One column of a table: a program and its third argument.
#[derive(PartialEq, Eq)]
pub(crate) struct Variant {
    /// In the tables.
    pub(crate) label: &'static str,
    /// The package and its program in `benches/peers`.
    pub(crate) program: &'static str,
    /// The mode as the program takes it; `record` is completed with a file.
    pub(crate) argument: &'static str,
    /// For gordian: what its targets are looked up by.
    pub(crate) mode: Option<Mode>,
}

const fn peer(label: &'static str, program: &'static str, argument: &'static str) -> Variant {
    Variant { label, program, argument, mode: None }
}

const fn gordian(label: &'static str, program: &'static str, mode: Mode) -> Variant {
    let argument = match mode {
        Mode::Order => "order",
        Mode::Races => "races",
        Mode::Record => "record",
    };
    Variant { label, program, argument, mode: Some(mode) }
}

/// Who takes part in the rows of locks. The first is what ratios are taken to.
pub(crate) const LOCKS: &[Variant] = &[
    peer("parking_lot", "bench-parking-lot", ""),
    peer("std", "bench-std", ""),
    peer("parking_lot deadlock_detection", "bench-parking-lot-detection", ""),
    peer("tracing-mutex", "bench-tracing-mutex", ""),
    peer("deloxide", "bench-deloxide", ""),
    peer("deloxide lock-order-graph", "bench-deloxide-order", ""),
    gordian("gordian parking_lot, lock order", "bench-gordian-parking-lot", Mode::Order),
    gordian("gordian parking_lot, and races", "bench-gordian-parking-lot", Mode::Races),
    gordian("gordian parking_lot, and record", "bench-gordian-parking-lot", Mode::Record),
    gordian("gordian std, lock order", "bench-gordian-std", Mode::Order),
    gordian("gordian std, and races", "bench-gordian-std", Mode::Races),
    gordian("gordian std, and record", "bench-gordian-std", Mode::Record),
];

/// Who takes part in the rows of cells.
pub(crate) const CELLS: &[Variant] = &[
    peer("plain", "bench-std", "plain"),
    peer("relaxed atomic", "bench-std", "atomic"),
    peer("gordian Shared", "bench-gordian-std", "shared"),
];

/// Who takes part in the rows of atomics.
pub(crate) const ATOMICS: &[Variant] =
    &[peer("relaxed atomic", "bench-std", "atomic"), peer("gordian AtomicU64", "bench-gordian-std", "atomic")];

/// Where built programs and recorded traces go.
const TARGET: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/peers");

/// The programs of the rows' variants, those that could be built.
pub(crate) struct Programs {
    folder: PathBuf,
    built: Vec<&'static str>,
}

impl Programs {
    /// Can the variant be run?
    pub(crate) fn has(&self, variant: &Variant) -> bool {
        self.built.contains(&variant.program)
    }

    /// A process of the variant on a row.
    pub(crate) fn command(&self, variant: &Variant, row: &Row, iterations: u64) -> Command {
        let mut command = Command::new(self.folder.join(variant.program));
        command.arg(row.name).arg(iterations.to_string());
        match variant.mode {
            Some(Mode::Record) => {
                command.arg(format!("record={}", self.trace().display()));
            }
            _ => {
                command.arg(variant.argument);
            }
        }
        // tracing-mutex takes a backtrace of every new edge and every new lock where this allows it.
        command.env("RUST_BACKTRACE", "0");
        command
    }

    /// The file that a recording process writes.
    pub(crate) fn trace(&self) -> PathBuf {
        self.folder.join("bench.gordian")
    }
}

/// Builds the programs of these rows, one cargo run for each: built together, their features would be united. What cannot
/// be built (a peer that is not at hand without a network) is said so, and left out.
pub(crate) fn build(rows: &[&Row]) -> Programs {
    let mut built: Vec<&'static str> =
        rows.iter().flat_map(|row| row.variants).map(|variant| variant.program).collect();
    built.sort_unstable();
    built.dedup();
    built.retain(|program| match cargo_build(program) {
        Ok(()) => true,
        Err(reason) => {
            println!("{program} is left out: {reason}");
            false
        }
    });
    Programs { folder: Path::new(TARGET).join("release"), built }
}

fn cargo_build(program: &str) -> Result<(), String> {
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--release", "--locked", "--package", program, "--manifest-path"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/Cargo.toml"))
        .args(["--target-dir", TARGET])
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("cargo build: {status}")),
        Err(error) => Err(format!("cargo could not be run: {error}")),
    }
}
