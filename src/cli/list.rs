//! `gordian list`.

use serde::Serialize;

use super::error::Error;
use super::exit_code::ExitCode;
use super::options::Common;
use super::output::{self, Document};
use super::scenarios::{self, Form};
use crate::finding::Kind;
use crate::report::Style;

/// Prints the scenarios.
pub(super) fn list(common: &Common) -> Result<ExitCode, Error> {
    let scenarios = scenarios::all()
        .iter()
        .map(|scenario| Entry {
            name: &scenario.name,
            group: scenario.group,
            form: scenario.form(),
            twin: scenario.twin().map(|twin| twin.name.as_str()),
            kinds: scenario.kinds(),
            title: scenario.title(),
            origin: scenario.origin(),
            path: &scenario.path,
        })
        .collect();
    output::emit(&List { scenarios }, common)?;
    Ok(ExitCode::Clean)
}

#[derive(Serialize)]
struct List<'a> {
    scenarios: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    group: &'a str,
    form: Form,
    /// The same bug in the other form: `gordian compare` shows them side by side.
    twin: Option<&'a str>,
    kinds: Vec<Kind>,
    title: &'a str,
    origin: &'a str,
    path: &'a str,
}

impl Document for List<'_> {
    fn text(&self, _style: Style, terminal: bool) -> String {
        let rows = self.scenarios.iter().map(|entry| {
            // Who has a twin is half of a pair.
            let form = if entry.twin.is_some() { "pair, " } else { "" }.to_owned() + entry.form.name();
            [entry.name.to_owned(), entry.group.to_owned(), form, output::kinds(&entry.kinds), entry.title.to_owned()]
        });
        output::table(["name", "group", "form", "kinds", "title"], rows, terminal)
    }

    fn json(&self) -> String {
        output::pretty(self)
    }
}
