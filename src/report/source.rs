//! Source lines for a report, read from disk when they can be found.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

/// A longer file is not shown.
const LONGEST_FILE: u64 = 4 << 20;

/// Files read so far; a path that could not be read is not tried again.
#[derive(Default)]
pub(super) struct Sources {
    root: Option<PathBuf>,
    files: FxHashMap<String, Option<String>>,
}

impl Sources {
    /// Sources whose relative paths start from `root`.
    pub(super) fn below(root: Option<&Path>) -> Self {
        Self { root: root.map(Path::to_owned), files: FxHashMap::default() }
    }

    /// The text of the file at `path`: below the root if there is one, then as it is, then below the directory of the
    /// package being run or tested (the compiler gives paths relative to the workspace, a test runs elsewhere).
    ///
    /// The path may come from a trace, which nobody vouches for: only regular files that are called `*.rs` are opened.
    pub(super) fn text(&mut self, path: &str) -> Option<&str> {
        self.files.entry(path.to_owned()).or_insert_with_key(|path| find(self.root.as_deref(), path)).as_deref()
    }
}

fn find(root: Option<&Path>, path: &str) -> Option<String> {
    if Path::new(path).extension()? != "rs" {
        return None;
    }
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let below = package.iter().flat_map(|package| package.ancestors().take(3)).map(|directory| directory.join(path));
    let named = root.map(|root| root.join(path)).into_iter().chain([PathBuf::from(path)]);
    named.chain(below).find_map(|path| read(&path))
}

fn read(path: &Path) -> Option<String> {
    // The kind is asked before opening: opening a pipe would wait for its writer.
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    let read = File::open(path).ok()?.take(LONGEST_FILE + 1).read_to_string(&mut text).ok()?;
    (read as u64 <= LONGEST_FILE).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rust_sources_are_read() {
        let mut sources = Sources::default();
        assert!(sources.text("Cargo.toml").is_none());
        assert!(sources.text("/dev/zero").is_none());
        assert!(sources.text("src").is_none());
        assert!(sources.text("no/such/file.rs").is_none());
        assert!(sources.text("src/report/source.rs").is_some());
    }

    #[test]
    fn a_root_has_precedence() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("src")).unwrap();
        std::fs::write(root.path().join("src/lib.rs"), "// of the root").unwrap();
        let mut sources = Sources::below(Some(root.path()));
        assert_eq!(sources.text("src/lib.rs"), Some("// of the root"));
        assert!(sources.text("src/report/source.rs").is_some(), "and what is not there is looked for as always");
    }
}
