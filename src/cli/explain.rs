//! `gordian explain`.

use serde::Serialize;

use super::error::Error;
use super::exit_code::ExitCode;
use super::options::Common;
use super::output::{self, Document};
use crate::finding::Kind;
use crate::report::{Style, explain};

/// Prints the page of a kind, or the list of kinds.
pub(super) fn explain(kind: Option<Kind>, common: &Common) -> Result<ExitCode, Error> {
    match kind {
        Some(kind) => output::emit(&Page { about: About::new(kind), page: explain::page(kind) }, common)?,
        None => output::emit(&Kinds { kinds: Kind::ALL.iter().copied().map(About::new).collect() }, common)?,
    }
    Ok(ExitCode::Clean)
}

#[derive(Serialize)]
struct About {
    kind: Kind,
    title: &'static str,
}

impl About {
    fn new(kind: Kind) -> Self {
        Self { kind, title: explain::title(kind) }
    }
}

#[derive(Serialize)]
struct Page {
    #[serde(flatten)]
    about: About,
    /// Markdown.
    page: &'static str,
}

impl Document for Page {
    fn text(&self, style: Style, _terminal: bool) -> String {
        explain::explain(self.about.kind, style)
    }

    fn json(&self) -> String {
        output::pretty(self)
    }
}

#[derive(Serialize)]
struct Kinds {
    kinds: Vec<About>,
}

impl Document for Kinds {
    fn text(&self, _style: Style, terminal: bool) -> String {
        let rows = self.kinds.iter().map(|about| [about.kind.to_string(), about.title.to_owned()]);
        output::table(["kind", "what it is"], rows, terminal)
    }

    fn json(&self) -> String {
        output::pretty(self)
    }
}
