//! Printing: to standard output in the form of `--format`, to the files of `--output`.

use std::io::{ErrorKind, Write as _};
use std::path::Path;

use comfy_table::presets;

use super::args::Format;
use super::error::Error;
use super::exit_code::ExitCode;
use super::options::Common;
use crate::report::Style;

/// What a command has to say, in each form.
pub(super) trait Document {
    /// For people. `terminal`: for a screen, else for a file or pipe.
    fn text(&self, style: Style, terminal: bool) -> String;
    /// For programs, with a final newline.
    fn json(&self) -> String;
}

/// Prints the document.
///
/// A reader of standard output that has gone (`gordian list | head`) has seen what it wanted: no error.
pub(super) fn emit(document: &dyn Document, common: &Common) -> Result<(), Error> {
    for (format, path) in &common.outputs {
        std::fs::write(path, render(document, *format, Style::Plain, false))
            .map_err(|error| unwritable(path, &error))?;
    }
    if common.quiet {
        return Ok(());
    }
    let text = render(document, common.format, common.style, common.terminal);
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::new(ExitCode::Usage, format!("cannot write to standard output: {error}"))
                .with_help("use --output FORMAT=FILE, or --quiet"))
        }
        _ => Ok(()),
    }
}

/// The error for a file that the system does not let us write.
pub(super) fn unwritable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(ExitCode::Usage, format!("cannot write {}: {error}", path.display()))
        .with_help("choose a file in a directory that exists and can be written to")
}

fn render(document: &dyn Document, format: Format, style: Style, terminal: bool) -> String {
    match format {
        Format::Text => document.text(style, terminal),
        Format::Json => document.json(),
    }
}

/// Tells something beside the report, on standard error.
pub(super) fn remark(common: &Common, text: &str) {
    if !common.quiet {
        let _ = writeln!(std::io::stderr(), "{}", crate::report::escape(text));
    }
}

/// A serialisable value as indented JSON with a final newline.
pub(super) fn pretty(value: &impl serde::Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("documents have string keys only");
    text.push('\n');
    text
}

/// A table, with borders on a terminal and in plain columns elsewhere; ends with a line feed.
pub(super) fn table<const N: usize>(
    header: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
    terminal: bool,
) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(if terminal { presets::UTF8_FULL_CONDENSED } else { presets::ASCII_MARKDOWN });
    table.set_header(header);
    table.add_rows(rows);
    format!("{table}\n")
}
