//! Reads a binary trace.

use std::io::Read;

use crate::event::Event;

use super::code::{Decoder, Limits};
use super::error::TraceError;
use super::format::{Block, BlockKind, BlockReader, Next};
use super::merge::Merge;
use super::tables::Tables;

/// Events that a batch has at most, more or less.
const BATCH: usize = 1 << 14;

/// What kind of blocks of events the file has: one or the other.
enum Order {
    Unknown,
    Merged(Box<Decoder>),
    ByThreads(Box<Merge>),
}

/// Reads the blocks behind the header.
pub(super) struct BinaryReader<R> {
    blocks: BlockReader<R>,
    tables: Tables,
    order: Order,
    words: Vec<u64>,
    /// Words read so far; with the tables, the measure of how many identifiers a file may have.
    read: u64,
    truncated: Option<u64>,
    dropped: u64,
    done: bool,
}

impl<R: Read> BinaryReader<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            blocks: BlockReader::new(input),
            tables: Tables::default(),
            order: Order::Unknown,
            words: Vec::new(),
            read: 0,
            truncated: None,
            dropped: 0,
            done: false,
        }
    }

    pub(super) fn tables(&self) -> &Tables {
        &self.tables
    }

    pub(super) fn truncated(&self) -> Option<u64> {
        self.truncated
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Appends a batch; none is the end.
    pub(super) fn next_batch(&mut self, batch: &mut Vec<Event>) -> Result<(), TraceError> {
        while batch.is_empty() {
            let ids = self.limits().ids;
            if let Order::ByThreads(merge) = &mut self.order {
                let result = merge.run(batch, BATCH, &mut self.tables, ids);
                result.map_err(|(offset, reason)| TraceError::damaged(offset, reason))?;
            }
            if self.done || !batch.is_empty() {
                break;
            }
            match self.blocks.next()? {
                Next::Block(block) => self.block(&block, batch)?,
                Next::Eof(offset) | Next::Torn(offset) => {
                    self.truncated = Some(offset);
                    self.done = true;
                }
            }
        }
        let ids = self.limits().ids;
        if batch.is_empty()
            && let Order::ByThreads(merge) = &mut self.order
        {
            let result = merge.finish(batch, &mut self.tables, ids);
            result.map_err(|(offset, reason)| TraceError::damaged(offset, reason))?;
            self.dropped = merge.left();
        }
        Ok(())
    }

    fn limits(&self) -> Limits {
        let ids = (1 << 20) + 64 * (self.read + self.tables.len() as u64);
        Limits { sites: self.tables.sites().len() as u32, ids: u32::try_from(ids).unwrap_or(u32::MAX) }
    }

    fn block(&mut self, block: &Block, batch: &mut Vec<Event>) -> Result<(), TraceError> {
        let damaged = |reason: &str| TraceError::damaged(block.offset, reason);
        match block.kind {
            BlockKind::Tables => {
                self.tables.read(self.blocks.payload(), block.count).map_err(damaged)?;
            }
            BlockKind::Run => {
                self.blocks.words(block, &mut self.words)?;
                self.read += self.words.len() as u64;
                let limits = self.limits();
                if let Order::Unknown = self.order {
                    self.order = Order::Merged(Box::default());
                }
                let Order::Merged(decoder) = &mut self.order else {
                    return Err(damaged("a merged run in a trace by threads"));
                };
                decode_run(decoder, &self.words, limits, batch).map_err(damaged)?;
            }
            BlockKind::Chunk | BlockKind::Open => {
                self.blocks.words(block, &mut self.words)?;
                if let Order::Unknown = self.order {
                    self.order = Order::ByThreads(Box::default());
                }
                if block.kind == BlockKind::Chunk {
                    self.read += self.words.len() as u64;
                }
                if block.thread >= self.limits().ids {
                    return Err(damaged("a thread far beyond those of this file"));
                }
                let Order::ByThreads(merge) = &mut self.order else {
                    return Err(damaged("a thread chunk in a merged trace"));
                };
                let result = match (block.kind, &self.words[..]) {
                    (BlockKind::Chunk, words) => merge.add(block.thread, block.offset, words),
                    (_, &[word]) => merge.open(block.thread, block.offset, word),
                    (..) => return Err(damaged("not one open word, but several or none")),
                };
                result.map_err(|(offset, reason)| TraceError::damaged(offset, reason))?;
            }
            BlockKind::End => self.end(block)?,
        }
        Ok(())
    }

    fn end(&mut self, block: &Block) -> Result<(), TraceError> {
        let damaged = |reason: &str| TraceError::damaged(block.offset, reason);
        let Ok(words) = self.blocks.payload().try_into().map(u64::from_le_bytes) else {
            return Err(damaged("an end block of another length"));
        };
        if words != self.read {
            return Err(damaged("another number of words than the end block says"));
        }
        match self.blocks.next()? {
            Next::Eof(_) => self.done = true,
            Next::Torn(offset) | Next::Block(Block { offset, .. }) => {
                return Err(TraceError::damaged(offset, "something behind the end of the trace"));
            }
        }
        Ok(())
    }
}

fn decode_run(
    decoder: &mut Decoder,
    words: &[u64],
    limits: Limits,
    batch: &mut Vec<Event>,
) -> Result<(), &'static str> {
    batch.reserve(words.len());
    for &word in words {
        if let Some(event) = decoder.access(word, limits) {
            batch.push(event);
            continue;
        }
        batch.extend(decoder.step(word, limits)?);
    }
    Ok(())
}
