//! Notes as a list.

use super::super::source::Sources;
use super::super::style::Styles;
use super::{Note, list};

/// The notes in their order.
pub(in super::super) fn render(notes: &[Note<'_>], sources: &mut Sources, styles: &Styles) -> String {
    let mut out = String::new();
    for note in notes {
        list(&mut out, note, sources, styles);
    }
    out
}
