//! `gordian convert`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use indicatif::ProgressBar;

use super::analyze;
use super::args::{ConvertArgs, TraceFormat};
use super::error::Error;
use super::exit_code::ExitCode;
use crate::event::Event;
use crate::trace::{Omitted, Policy, StdOptions, StdWriteError, StdWriter, Tables, TraceWriter};

/// A writer of one form.
trait Writer {
    fn write(&mut self, events: &[Event], names: &Tables) -> io::Result<()>;

    fn finish(self: Box<Self>, names: &Tables) -> io::Result<Omitted>;
}

impl<W: Write> Writer for StdWriter<W> {
    fn write(&mut self, events: &[Event], names: &Tables) -> io::Result<()> {
        self.write(events, names).map_err(|error| match error {
            StdWriteError::Io(error) => error,
            inexpressible @ StdWriteError::Inexpressible(_) => io::Error::other(inexpressible),
        })
    }

    fn finish(self: Box<Self>, _names: &Tables) -> io::Result<Omitted> {
        (*self).finish()
    }
}

impl<W: Write> Writer for TraceWriter<W> {
    fn write(&mut self, events: &[Event], names: &Tables) -> io::Result<()> {
        self.write(events, names)
    }

    fn finish(self: Box<Self>, names: &Tables) -> io::Result<Omitted> {
        (*self).finish(names)?.flush()?;
        Ok(Omitted::default())
    }
}

/// Writes a trace in another form.
pub(super) fn convert(args: &ConvertArgs) -> Result<ExitCode, Error> {
    let file = args.out.as_deref().filter(|out| out.as_os_str() != "-");
    // Nothing is written over before the input is known to be a trace.
    let mut reader = analyze::reader(&args.file, &ProgressBar::hidden(), StdOptions::default())?;
    let known = if reader.is_binary() && args.file.as_os_str() != "-" { Some(names(&args.file)?) } else { None };
    if file.is_some_and(|out| is_same(out, &args.file)) {
        let message = format!("--out names the input, {}", args.file.display());
        return Err(Error::new(ExitCode::Usage, message).with_help("write to another file"));
    }
    let out: Box<dyn Write> = match file {
        Some(path) => Box::new(File::create(path).map_err(|error| unwritable(Some(path), &error))?),
        None => Box::new(io::stdout().lock()),
    };
    let unwritable = |error: io::Error| unwritable(file, &error);
    let out = BufWriter::new(out);
    let mut writer: Box<dyn Writer> = match args.to {
        TraceFormat::Std => Box::new(StdWriter::new(out, Policy::Omit)),
        TraceFormat::Rapid => Box::new(StdWriter::for_rapid(out, Policy::Omit)),
        TraceFormat::Gordian => Box::new(TraceWriter::new(out).map_err(unwritable)?),
    };
    let mut batch = Vec::new();
    let mut written = Ok(());
    while written.is_ok()
        && reader.next_batch(&mut batch).map_err(|error| analyze::malformed(&args.file, error))?.is_some()
    {
        written = writer.write(&batch, known.as_ref().unwrap_or(reader.names()));
    }
    match written.and_then(|()| writer.finish(known.as_ref().unwrap_or(reader.names()))) {
        Ok(omitted) if !args.quiet => tell(omitted, reader.truncated()),
        // A reader that has gone has what it wanted.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(unwritable(error)),
        _ => {}
    }
    Ok(ExitCode::Clean)
}

/// All names of a trace: its threads may tell them only after the events.
fn names(file: &Path) -> Result<Tables, Error> {
    let mut reader = analyze::reader(file, &ProgressBar::hidden(), StdOptions::default())?;
    let mut batch = Vec::new();
    while reader.next_batch(&mut batch).map_err(|error| analyze::malformed(file, error))?.is_some() {}
    Ok(reader.names().clone())
}

fn is_same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

fn unwritable(path: Option<&Path>, error: &io::Error) -> Error {
    let name = path.map_or_else(|| "standard output".to_owned(), |path| path.display().to_string());
    Error::new(ExitCode::Usage, format!("cannot write {name}: {error}")).with_help("name a file that can be written")
}

/// What the output does not have, on standard error.
fn tell(Omitted { dropped, approximated }: Omitted, truncated: Option<u64>) {
    let mut errors = io::stderr();
    if let Some(offset) = truncated {
        let _ =
            writeln!(errors, "note: the input is cut short at byte {offset}; what stands before the cut is written");
    }
    if dropped > 0 {
        let _ = writeln!(errors, "note: {dropped} events cannot be said in this form and are left out");
    }
    if approximated > 0 {
        let _ = writeln!(errors, "note: {approximated} acquisitions that could not wait are written as plain ones");
    }
}
