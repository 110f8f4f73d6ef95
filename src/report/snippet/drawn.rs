//! Notes drawn into their source.

use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use super::super::source::Sources;
use super::super::style::{Style, Styles};
use super::{Note, list};
use crate::event::Site;

/// One drawing a file, files in the order of their first note; then the notes whose source is not to be had, as a list.
pub(in super::super) fn render(notes: &[Note<'_>], sources: &mut Sources, styles: &Styles) -> String {
    let renderer = match styles.style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    };
    let renderer = match styles.width {
        Some(width) => renderer.term_width(width),
        None => renderer,
    };
    let (drawable, others): (Vec<_>, Vec<_>) = notes.iter().partition(|note| locate(note.site, sources).is_some());
    let mut files: Vec<&str> = Vec::new();
    for note in &drawable {
        if !files.contains(&note.site.file.as_str()) {
            files.push(&note.site.file);
        }
    }
    let mut out = String::new();
    for file in files {
        let annotations: Vec<Annotation<'_>> = drawable
            .iter()
            .filter(|note| note.site.file == file)
            .filter_map(|note| {
                let span = locate(note.site, sources)?;
                let kind = if note.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
                Some(kind.span(span).label(note.label.as_str()))
            })
            .collect();
        let Some(text) = sources.text(file) else { continue };
        let shown = super::super::origin::place(file).shown;
        let snippet = Snippet::source(text).path(super::super::escape(&shown)).annotations(annotations);
        // The level gives the primary notes their colour.
        let primary = drawable.iter().any(|note| note.primary && note.site.file == file);
        let level = if primary { Level::ERROR } else { Level::NOTE };
        out.push_str(&renderer.render(&[Group::with_level(level).element(snippet)]));
        out.push('\n');
    }
    for note in others {
        list(&mut out, note, sources, styles);
    }
    out
}

/// The bytes of its file that the site points at; `None` when the file cannot be read, or has no such place.
fn locate(site: &Site, sources: &mut Sources) -> Option<Range<usize>> {
    span(sources.text(&site.file)?, site.line, site.column)
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
    fn a_source_cannot_command_the_terminal() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.rs");
        std::fs::write(&path, "let a = \"\u{1b}[2J\u{202e}\";\n").unwrap();
        let site = Site::new(&path.to_string_lossy(), 1, 5);
        let note = Note { site: &site, label: "read".to_owned(), primary: true };
        let drawn = render(&[note], &mut Sources::default(), &Styles::new(Style::Plain));
        assert!(drawn.contains("let a = "), "{drawn}");
        assert!(!drawn.contains(['\u{1b}', '\u{202e}']), "{drawn}");
    }
}
