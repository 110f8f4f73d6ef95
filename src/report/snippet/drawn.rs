//! Notes drawn into their source.

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use super::super::source::Sources;
use super::super::style::{Style, Styles};
use super::{Note, list};

/// One drawing a file, files in the order of their first note; then the notes whose source is not to be had, as a list.
pub(in super::super) fn render(notes: &[Note<'_>], sources: &mut Sources, styles: &Styles) -> String {
    let renderer = match styles.style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    };
    let (drawable, others): (Vec<_>, Vec<_>) = notes.iter().partition(|note| sources.locate(note.site).is_some());
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
                let (_, span) = sources.locate(note.site)?;
                let kind = if note.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
                Some(kind.span(span).label(note.label.as_str()))
            })
            .collect();
        let Some(text) = sources.text(file) else { continue };
        let snippet = Snippet::source(text).path(file).annotations(annotations);
        out.push_str(&renderer.render(&[Group::with_level(Level::NOTE).element(snippet)]));
        out.push('\n');
    }
    for note in others {
        list(&mut out, note, sources, styles);
    }
    out
}
