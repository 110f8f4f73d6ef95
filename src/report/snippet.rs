//! Source lines with notes under them. One seam: with feature `cli` annotate-snippets draws them, without it they are
//! listed.

#[cfg(feature = "cli")]
#[path = "snippet/drawn.rs"]
mod form;
#[cfg(not(feature = "cli"))]
#[path = "snippet/listed.rs"]
mod form;

pub(super) use form::render;

use std::fmt::Write as _;

use super::source::Sources;
use super::style::Styles;
use crate::event::Site;

/// Something to say about a place.
pub(super) struct Note<'a> {
    /// Where.
    pub(super) site: &'a Site,
    /// What, escaped already.
    pub(super) label: String,
    /// The operation itself, and not what stands around it.
    pub(super) primary: bool,
}

/// The place, the note, and the source line where it can be read.
fn list(out: &mut String, note: &Note<'_>, sources: &mut Sources, styles: &Styles) {
    let arrow = styles.label.on(if note.primary { "-->" } else { ":::" });
    let site = note.site.to_string();
    let place = super::escape(&super::origin::place(&site).shown).into_owned();
    let _ = writeln!(out, "  {arrow} {place}: {}", note.label);
    let line = (note.site.line as usize).checked_sub(1);
    if let Some(source) = line.and_then(|line| sources.text(&note.site.file)?.lines().nth(line)) {
        let _ = writeln!(out, "      | {}", super::escape(source.trim_end()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Style;

    #[test]
    fn a_listed_note_names_place_and_line() {
        let site = Site::new("src/report/snippet.rs", 1, 1);
        let mut out = String::new();
        let note = Note { site: &site, label: "write".to_owned(), primary: true };
        list(&mut out, &note, &mut Sources::default(), &Styles::new(Style::Plain));
        assert!(out.starts_with("  --> src/report/snippet.rs:1:1: write\n      | //! Source lines"), "{out}");
    }
}
