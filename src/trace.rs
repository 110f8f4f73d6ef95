//! CARRY: traces as files, binary, STD text and RapidBin.
//!
//! - [`TraceReader`] reads any, and tells them apart by their first bytes.
//! - [`TraceWriter`] writes a merged stream as a binary trace; the live recorder writes the same format while the
//!   program runs, by threads.
//! - [`StdWriter`] writes STD text, of what STD text can say.
//!
//! # The binary format
//!
//! A file is a header, blocks, and an end block ([`mod@format`]). Blocks hold tables (sites, names, objects: [`tables`]) or
//! words ([`code`]), packed ([`pack`]). A *merged run* holds events of all threads in their final order. A *thread
//! chunk* ([`chunk`]) holds those of one thread as it stored them; their order against other threads' events is in the words between them, and
//! the reader restores it ([`merge`]): a lock hands over with `AFTER` (the acquisition stands after the release,
//! which is that thread's n-th event), everything else takes a `STAMP`. So recording needs no clock and no common lock.
//!
//! A file whose end block is missing was cut: its reader yields everything that stands before the cut, less what
//! depends on something behind it, and then [says so](TraceReader::truncated). Anything else that is not as it should
//! be is [damage](TraceError::Damaged), with the byte offset. No length in a file is believed.
//!
//! # STD text
//!
//! One event a line, `thread|op(decor)|location`, as RAPID reads it. `begin` and `end` are atomic regions there
//! ([`Op::RegionBegin`](crate::event::Op::RegionBegin)). See [`Rule`] for what is checked.
//!
//! # RapidBin
//!
//! The same events in a word each, as SPDOffline keeps them ([`mod@rapid`]). Only read.

mod binary;
pub(crate) mod chunk;
pub(crate) mod code;
mod error;
pub(crate) mod format;
mod merge;
pub(crate) mod pack;
mod rapid;
mod reader;
mod std_check;
mod std_text;
mod std_writer;
#[doc(hidden)]
pub mod synthetic;
pub(crate) mod tables;
mod writer;

pub use error::{Rule, TraceError, Violation};
pub use format::{FormatVersion, MajorVersion, MinorVersion};
pub use reader::TraceReader;
pub use std_text::{MAX_LINE, StdOptions};
pub use std_writer::{Omitted, Policy, StdWriteError, StdWriter};
pub use tables::Tables;
pub use writer::TraceWriter;
