//! Reads a trace of any form.

use std::io::{self, Chain, Cursor, Read};

use crate::event::Event;

use super::binary::BinaryReader;
use super::error::TraceError;
use super::format::{HEADER, MAGIC, check_header, read_full};
use super::rapid::{self, RapidReader};
use super::std_text::{StdOptions, StdReader};
use super::tables::Tables;

/// Reads a trace, binary, STD text or RapidBin, in batches.
///
/// Memory does not depend on the length of the trace: it is linear in what has a name, and for a trace recorded by
/// threads, in the events that cannot be ordered yet. No input makes it panic.
pub struct TraceReader<R> {
    source: Source<R>,
    ordinal: u64,
    /// What stopped the reader, to be told after the events before it.
    error: Option<TraceError>,
    done: bool,
}

/// The bytes that were looked at, and the rest.
type Whole<R> = Chain<Cursor<Vec<u8>>, R>;

enum Source<R> {
    Text(Box<StdReader<Whole<R>>>),
    Rapid(Box<RapidReader<Whole<R>>>),
    Binary(Box<BinaryReader<R>>),
}

impl<R: Read> TraceReader<R> {
    /// Looks at the first bytes: a binary trace has a magic number, RapidBin begins as no text can, anything else is STD
    /// text. Reads in large blocks, so `input` need not buffer.
    ///
    /// # Errors
    /// Of the input, and of a binary or RapidBin trace's header ([`TraceError::IncompatibleMajor`], [`TraceError::NewerMinor`],
    /// [`TraceError::Damaged`]).
    pub fn open(input: R) -> Result<Self, TraceError> {
        Self::open_with(input, StdOptions::default())
    }

    /// As [`TraceReader::open`], with options for STD text and RapidBin.
    ///
    /// # Errors
    /// As [`TraceReader::open`].
    pub fn open_with(mut input: R, options: StdOptions) -> Result<Self, TraceError> {
        let mut header = [0; HEADER];
        let got = read_full(&mut input, &mut header)?;
        let source = if got > 0 && header[0] == MAGIC[0] {
            if got < HEADER {
                return Err(TraceError::damaged(got as u64, "the header of the trace ends too early"));
            }
            check_header(&header)?;
            Source::Binary(Box::new(BinaryReader::new(input)))
        } else {
            let input = Cursor::new(header[..got].to_vec()).chain(input);
            if got > 0 && rapid::begins_with(header[0]) {
                let reader = RapidReader::open(input, options.strict)?;
                return Ok(Self { source: Source::Rapid(Box::new(reader)), ordinal: 0, error: None, done: false });
            }
            Source::Text(Box::new(StdReader::new(input, options)))
        };
        Ok(Self { source, ordinal: 0, error: None, done: false })
    }

    /// Replaces `batch` by the next events, at most some ten thousand; `None` at the end. The number is the ordinal of
    /// the first, from 1: the line of STD text, the place in the order of any other trace.
    ///
    /// # Errors
    /// What is wrong with the trace, after all events before it. A further call then gives `None`.
    pub fn next_batch(&mut self, batch: &mut Vec<Event>) -> Result<Option<u64>, TraceError> {
        batch.clear();
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        if self.done {
            return Ok(None);
        }
        let result = match &mut self.source {
            Source::Text(reader) => reader.next_batch(batch),
            Source::Rapid(reader) => reader.next_batch(batch),
            Source::Binary(reader) => reader.next_batch(batch),
        };
        self.done = result.is_err() || batch.is_empty();
        match result {
            Err(error) if batch.is_empty() => return Err(error),
            Err(error) => {
                self.done = true;
                self.error = Some(error);
            }
            Ok(()) if batch.is_empty() => return Ok(None),
            Ok(()) => {}
        }
        let first = self.ordinal + 1;
        self.ordinal += batch.len() as u64;
        Ok(Some(first))
    }

    /// Names and places of what was read so far. A trace by threads may name an object after its first event.
    #[must_use]
    pub fn names(&self) -> &Tables {
        match &self.source {
            Source::Text(reader) => reader.tables(),
            Source::Rapid(reader) => reader.tables(),
            Source::Binary(reader) => reader.tables(),
        }
    }

    /// Is this a binary trace of gordian's own format?
    #[must_use]
    pub fn is_binary(&self) -> bool {
        matches!(self.source, Source::Binary(_))
    }

    /// At the end: the byte offset at which a binary trace was cut, because its program was killed or is still
    /// running, or at which a RapidBin trace ends before its last event. `None` for one that is complete, and for STD text.
    #[must_use]
    pub fn truncated(&self) -> Option<u64> {
        match &self.source {
            Source::Text(_) => None,
            Source::Rapid(reader) => reader.truncated(),
            Source::Binary(reader) => reader.truncated(),
        }
    }

    /// At the end: how many events of a trace by threads were left out, because they depend on something that is not
    /// in the file: behind the cut, or done while the recorder was closing.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        match &self.source {
            Source::Text(_) | Source::Rapid(_) => 0,
            Source::Binary(reader) => reader.dropped(),
        }
    }

    /// Reads the rest at once: for tests and small traces. Memory is linear in the trace.
    ///
    /// # Errors
    /// As [`TraceReader::next_batch`]; the events before the error are lost.
    pub fn read_to_end(&mut self) -> Result<Vec<Event>, TraceError> {
        let (mut all, mut batch) = (Vec::new(), Vec::new());
        while self.next_batch(&mut batch)?.is_some() {
            all.append(&mut batch);
        }
        Ok(all)
    }
}

impl TraceReader<std::fs::File> {
    /// Opens a file.
    ///
    /// # Errors
    /// As [`TraceReader::open`].
    pub fn open_file(path: &std::path::Path) -> Result<Self, TraceError> {
        Self::open(std::fs::File::open(path)?)
    }
}

impl From<TraceError> for io::Error {
    fn from(error: TraceError) -> Self {
        match error {
            TraceError::Io(error) => error,
            other => Self::new(io::ErrorKind::InvalidData, other),
        }
    }
}
