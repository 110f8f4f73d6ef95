//! Printing: to standard output in the form of `--format`, to the files of `--output`.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use comfy_table::presets;

use super::args::Format;
use super::error::Error;
use super::exit_code::ExitCode;
use super::options::Common;
use crate::finding::Kind;
use crate::report::Style;

/// What a command has to say that reports no findings, in each form.
pub(super) trait Document {
    /// For people. `terminal`: for a screen, else for a file or pipe.
    fn text(&self, style: Style, terminal: bool) -> String;
    /// For programs, with a final newline.
    fn json(&self) -> String;
}

/// Prints the document.
pub(super) fn emit(document: &dyn Document, common: &Common) -> Result<(), Error> {
    print(common, |format, style, terminal| match format {
        Format::Text => document.text(style, terminal),
        Format::Json => document.json(),
    })
}

/// Prints what `render` makes for a form, a style, and for a terminal or not.
///
/// A reader of standard output that has gone (`gordian list | head`) has seen what it wanted: no error.
pub(super) fn print<F: Copy>(common: &Common<F>, render: impl Fn(F, Style, bool) -> String) -> Result<(), Error> {
    for (format, path) in &common.outputs {
        write_file(path, &render(*format, Style::Plain, false))?;
    }
    if common.quiet {
        return Ok(());
    }
    let text = render(common.format, common.style, common.terminal);
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::new(ExitCode::Usage, format!("cannot write to standard output: {error}"))
                .with_help("use --output FORMAT=FILE, or --quiet"))
        }
        _ => Ok(()),
    }
}

/// Writes a file that the user asked for.
pub(super) fn write_file(path: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(path, text).map_err(|error| unwritable(path, &error))
}

/// Can a file be written that the user asks for? To be asked before the work is done that it is to tell of. What is there
/// stays as it is, and what is not is not made.
pub(super) fn check_writable(path: &Path) -> Result<(), Error> {
    let tried = match std::fs::metadata(path) {
        Ok(there) if there.is_dir() => Err(ErrorKind::IsADirectory.into()),
        Ok(there) if there.is_file() => OpenOptions::new().append(true).open(path).map(drop),
        // To open a pipe may wait for its reader, and to close it again tells that there is no more.
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => File::create_new(path).and_then(|file| {
            drop(file);
            std::fs::remove_file(path)
        }),
        Err(error) => Err(error),
    };
    tried.map_err(|error| unwritable(path, &error))
}

/// The error for a file that the user asked for and that cannot be written.
pub(super) fn unwritable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(ExitCode::Usage, format!("cannot write {}: {error}", path.display()))
        .with_help("choose a file in a directory that exists and can be written to")
}

/// Tells something beside the report, on standard error.
pub(super) fn remark<F>(common: &Common<F>, text: &str) {
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

/// Kinds of findings in words.
pub(super) fn kinds(kinds: &[Kind]) -> String {
    match kinds {
        [] => "nothing".to_owned(),
        kinds => kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", "),
    }
}

/// A table, with borders on a terminal and in plain columns elsewhere; ends with a line feed.
pub(super) fn table<const N: usize>(
    header: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
    terminal: bool,
) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(if terminal { presets::UTF8_FULL_CONDENSED } else { presets::ASCII_MARKDOWN });
    if let Some((width, _)) = terminal_size::terminal_size().filter(|_| terminal) {
        table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic).set_width(width.0);
    }
    table.set_header(header);
    table.add_rows(rows);
    format!("{table}\n")
}
