//! Source lines for a report, read from disk when they can be found.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

#[cfg(any(test, feature = "detect"))]
use crate::event::Site;

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

/// The source from a place, with what stands before it in its line, to the end of the statement, or as much as a few lines
/// have of it.
#[cfg(any(test, feature = "detect"))]
#[must_use]
pub(crate) fn statement(site: &Site) -> Option<String> {
    const LINES: usize = 8;

    let mut sources = Sources::default();
    let text = sources.text(&site.file)?;
    let lines: Vec<&str> = text.lines().skip(usize::try_from(site.line).ok()?.checked_sub(1)?).take(LINES).collect();
    let before = usize::try_from(site.column).ok()?.saturating_sub(1);
    let first = lines.first()?;
    let start = first.char_indices().nth(before).map_or(first.len(), |(start, _)| start);
    let rest = [&first[start..]].into_iter().chain(lines[1..].iter().copied()).collect::<Vec<_>>().join("\n");
    let end = rest.find(';').unwrap_or(rest.len());
    Some(format!("{}{}", &first[..start], &rest[..end]))
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
    fn a_statement_goes_on_over_lines() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cache.rs");
        std::fs::write(&path, "fn f() {\n    if map\n        .entry(1)\n        .or_insert(2) > 0; }\n").unwrap();
        let at = |line, column| statement(&Site::new(&path.to_string_lossy(), line, column));
        assert_eq!(at(2, 8).unwrap(), "    if map\n        .entry(1)\n        .or_insert(2) > 0");
        assert_eq!(at(4, 9).unwrap(), "        .or_insert(2) > 0");
        assert_eq!(
            (at(9, 1), at(2, 99).unwrap()),
            (None, "    if map\n        .entry(1)\n        .or_insert(2) > 0".to_owned())
        );
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
