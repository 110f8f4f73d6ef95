//! `gordian graph`.

use std::path::Path;

use indicatif::ProgressBar;

use super::analyze;
use super::error::{Error, InputError};
use super::exit_code::ExitCode;
use super::options::Common;
use super::output::{self, Document};
use crate::report::Style;
use crate::report::dot::{GraphView, dot};

/// Prints the lock-order graph of a trace.
pub(super) fn graph(file: &Path, common: &Common) -> Result<ExitCode, Error> {
    output::emit(&view(file)?, common)?;
    Ok(ExitCode::Clean)
}

/// Reads a trace and builds its lock-order graph.
fn view(file: &Path) -> Result<GraphView, InputError> {
    let mut input = analyze::open(file, &ProgressBar::hidden())?;
    std::io::copy(&mut input, &mut std::io::sink()).map_err(|error| analyze::unreadable(file, &error))?;
    Ok(GraphView::default())
}

impl Document for GraphView {
    fn text(&self, _style: Style, _terminal: bool) -> String {
        dot(self)
    }

    fn json(&self) -> String {
        output::pretty(self)
    }
}
