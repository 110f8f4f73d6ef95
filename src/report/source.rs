//! Source lines for a report, read from disk when they can be found.

use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use crate::event::Site;

/// A longer file is not shown.
const LONGEST_FILE: u64 = 4 << 20;

/// Files read so far; a path that could not be read is not tried again.
#[derive(Default)]
pub(super) struct Sources {
    files: FxHashMap<String, Option<String>>,
}

impl Sources {
    /// The text of the file at `path`: as it is, then below the directory of the package being run or tested (the
    /// compiler gives paths relative to the workspace, a test runs elsewhere).
    ///
    /// The path may come from a trace, which nobody vouches for: only regular files that are called `*.rs` are opened.
    pub(super) fn text(&mut self, path: &str) -> Option<&str> {
        self.files.entry(path.to_owned()).or_insert_with_key(|path| find(path)).as_deref()
    }

    /// The file's text and the bytes of it that the site points at; `None` when there is no such place.
    pub(super) fn locate(&mut self, site: &Site) -> Option<(&str, Range<usize>)> {
        let text = self.text(&site.file)?;
        let span = span(text, site.line, site.column)?;
        Some((text, span))
    }
}

fn find(path: &str) -> Option<String> {
    if Path::new(path).extension()? != "rs" {
        return None;
    }
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let below = package.iter().flat_map(|package| package.ancestors().take(3)).map(|directory| directory.join(path));
    std::iter::once(PathBuf::from(path)).chain(below).find_map(|path| read(&path))
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

/// The bytes of the word at `line` and `column` (both 1-based, the column in characters, as the compiler counts them);
/// of the whole line, without its indentation, when the column is 0.
fn span(text: &str, line: u32, column: u32) -> Option<Range<usize>> {
    let line = text.split_inclusive('\n').nth(line.checked_sub(1)? as usize)?;
    let start = line.as_ptr() as usize - text.as_ptr() as usize;
    let line = line.trim_end();
    if line.is_empty() {
        return None;
    }
    let Some(column) = column.checked_sub(1) else {
        let indent = line.len() - line.trim_start().len();
        return Some(start + indent..start + line.len());
    };
    let (offset, first) = line.char_indices().nth(column as usize)?;
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    let length = if in_word(first) {
        line[offset..].find(|c| !in_word(c)).unwrap_or(line.len() - offset)
    } else {
        first.len_utf8()
    };
    Some(start + offset..start + offset + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_counts_characters_and_covers_a_word() {
        let text = "fn f() {\n    let é = lock();\r\n}\n";
        let at = |line, column| span(text, line, column).map(|span| &text[span]);
        assert_eq!(at(2, 13), Some("lock"));
        assert_eq!(at(2, 11), Some("="));
        assert_eq!(at(2, 0), Some("let é = lock();"));
        assert_eq!(at(2, 99), None);
        assert_eq!(at(0, 1), None);
        assert_eq!(at(9, 1), None);
    }

    #[test]
    fn only_rust_sources_are_read() {
        let mut sources = Sources::default();
        assert!(sources.text("Cargo.toml").is_none());
        assert!(sources.text("/dev/zero").is_none());
        assert!(sources.text("src").is_none());
        assert!(sources.text("no/such/file.rs").is_none());
        assert!(sources.text("src/report/source.rs").is_some());
    }
}
