//! The library's own sources, as they are in this executable: what the runtime is built from.

use std::hash::{Hash as _, Hasher as _};
use std::path::Path;

use include_dir::{Dir, DirEntry, include_dir};
use rustc_hash::FxHasher;

static SOURCES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src");
static MANIFEST: &str = include_str!("../../../Cargo.toml");
/// The feature that the runtime is built with.
pub(super) const FEATURE: &str = "detect";
static LOCK: &str = include_str!("../../../Cargo.lock");

/// The oldest compiler that the library supports.
pub(super) const RUST_VERSION: &str = env!("CARGO_PKG_RUST_VERSION");

/// The facade of `std`, below the unpacked sources.
pub(super) const STD: &str = "src/facade/std.rs";
/// The layer over earlier versions of parking_lot.
pub(super) const PARKING_LOT: &str = "src/facade/parking_lot.rs";
/// The layer over parking_lot 0.13.
pub(super) const PARKING_LOT_0_13: &str = "src/facade/parking_lot_0_13.rs";
/// The layer over tokio.
pub(super) const TOKIO: &str = "src/facade/tokio.rs";
/// The attributes of both.
pub(super) const ATTRIBUTES: &str = "src/facade/attributes.rs";
/// The facade of `core`.
pub(super) const CORE: &str = "src/facade/core.rs";

/// What the sources are, in a number.
pub(super) fn hash() -> u64 {
    fn visit(dir: &Dir<'_>, hasher: &mut FxHasher) {
        for entry in dir.entries().iter().filter(|entry| !is_commands(entry)) {
            match entry {
                DirEntry::Dir(dir) => visit(dir, hasher),
                DirEntry::File(file) => (file.path().to_str(), file.contents()).hash(hasher),
            }
        }
    }
    let mut hasher = FxHasher::default();
    (MANIFEST, LOCK).hash(&mut hasher);
    visit(&SOURCES, &mut hasher);
    hasher.finish()
}

/// Is it of the command only?
fn is_commands(entry: &DirEntry<'_>) -> bool {
    ["cli", "cli.rs", "main.rs", "bin"].iter().any(|path| entry.path() == Path::new(path))
}

/// Writes a package with the library alone to `directory`.
pub(super) fn unpack(directory: &Path) -> std::io::Result<()> {
    fn write(dir: &Dir<'_>, to: &Path) -> std::io::Result<()> {
        for entry in dir.entries().iter().filter(|entry| !is_commands(entry)) {
            let path = to.join(entry.path());
            match entry {
                DirEntry::Dir(dir) => {
                    std::fs::create_dir_all(path)?;
                    write(dir, to)?;
                }
                DirEntry::File(file) => std::fs::write(path, file.contents())?,
            }
        }
        Ok(())
    }
    let sources = directory.join("src");
    std::fs::create_dir_all(&sources)?;
    write(&SOURCES, &sources)?;
    std::fs::write(directory.join("Cargo.lock"), LOCK)?;
    std::fs::write(directory.join("Cargo.toml"), manifest())
}

/// The manifest without what only the command, the tests and the benchmarks need.
fn manifest() -> String {
    let mut manifest: toml::Table = MANIFEST.parse().expect("cargo has read it");
    for part in ["bin", "bench", "test", "example", "dev-dependencies", "lints", "workspace", "profile"] {
        manifest.remove(part);
    }
    // A workspace of its own, wherever the cache lies.
    manifest.insert("workspace".to_owned(), toml::Table::new().into());
    if let Some(package) = manifest.get_mut("package").and_then(toml::Value::as_table_mut) {
        package.retain(|key, _| !["default-run", "readme", "build"].contains(&key));
    }
    let mut used = Vec::new();
    if let Some(features) = manifest.get_mut("features").and_then(toml::Value::as_table_mut) {
        features.retain(|name, _| name == FEATURE);
        let parts = features.get(FEATURE).and_then(toml::Value::as_array).into_iter().flatten();
        used.extend(parts.filter_map(|part| part.as_str()?.strip_prefix("dep:").map(str::to_owned)));
    }
    if let Some(dependencies) = manifest.get_mut("dependencies").and_then(toml::Value::as_table_mut) {
        dependencies.retain(|name, value| value.get("optional").is_none() || used.iter().any(|used| used == name));
    }
    manifest.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_of_the_runtime_has_what_the_library_needs_and_no_more() {
        let manifest: toml::Table = manifest().parse().unwrap();
        let dependencies = manifest["dependencies"].as_table().unwrap();
        for needed in ["backtrace", "parking_lot", "petgraph"] {
            assert!(dependencies.contains_key(needed), "{needed}");
        }
        // The last for its impls on numbers, which the user's crates would see.
        for unneeded in ["clap", "indicatif", "include_dir", "serde_json"] {
            assert!(!dependencies.contains_key(unneeded), "{unneeded}");
        }
        assert_eq!(manifest["features"].as_table().unwrap().len(), 1);
    }

    #[test]
    fn the_facades_are_among_the_sources() {
        for path in [STD, CORE, ATTRIBUTES, PARKING_LOT, PARKING_LOT_0_13, TOKIO] {
            assert!(SOURCES.get_file(path.trim_start_matches("src/")).is_some(), "{path}");
        }
    }
}
