//! The frame of the binary format: header, versions, blocks, checksums. All numbers are little-endian.
//!
//! | file header | bytes |
//! |---|---|
//! | magic `\xffgordian` | 8 |
//! | version: major, minor | 2 + 2 |
//! | zero | 4 |
//!
//! | block header | bytes |
//! |---|---|
//! | kind: 1 tables, 2 merged run, 3 thread chunk, 4 end, 5 open word of a thread | 1 |
//! | zero | 3 |
//! | length of the payload in bytes | 4 |
//! | number of words, or of table entries | 4 |
//! | thread of a chunk or an open word, else zero | 4 |
//! | checksum of the 16 bytes above and the payload | 8 |
//!
//! Words are packed (see [`super::pack`]). A file is readable up to its last whole block. Whether it is complete is said by the end block, whose payload is
//! the number of words in all blocks but those of open words (8 bytes): a file without it was cut.

use std::fmt;
use std::io::{self, Read, Write};

use super::error::TraceError;
use super::pack::{self, MAX_WORDS, Packer, longest};

/// First bytes of every binary trace; the first of them is in no UTF-8 text, so STD text never begins like this.
pub(crate) const MAGIC: [u8; 8] = *b"\xffgordian";
/// Length of the file header.
pub(crate) const HEADER: usize = 16;
const BLOCK_HEADER: usize = 24;
/// Longest payload that a reader accepts; a writer's are far shorter, except for a name as long as this.
pub(crate) const MAX_PAYLOAD: usize = 1 << 20;

/// Major version: files of another one cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct MajorVersion(pub u16);

/// Minor version: files of a later one may hold what this reader does not know.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct MinorVersion(pub u16);

/// Version of the binary format.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct FormatVersion {
    /// Breaking changes.
    pub major: MajorVersion,
    /// Additions.
    pub minor: MinorVersion,
}

impl FormatVersion {
    /// What this release writes, and the latest that it reads.
    pub const CURRENT: Self = Self { major: MajorVersion(2), minor: MinorVersion(4) };

    /// Can a reader of version `reader` read a file of this version?
    ///
    /// # Errors
    /// [`TraceError::IncompatibleMajor`] or [`TraceError::NewerMinor`], whichever it is.
    pub fn check_readable_by(self, reader: Self) -> Result<(), TraceError> {
        if self.major != reader.major {
            Err(TraceError::IncompatibleMajor { file: self })
        } else if self.minor > reader.minor {
            Err(TraceError::NewerMinor { file: self })
        } else {
            Ok(())
        }
    }
}

impl fmt::Display for FormatVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major.0, self.minor.0)
    }
}

/// Checks a file header.
pub(crate) fn check_header(header: &[u8; HEADER]) -> Result<(), TraceError> {
    let number = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    if header[..8] != MAGIC {
        return Err(TraceError::damaged(0, "not a gordian trace"));
    }
    FormatVersion { major: MajorVersion(number(8)), minor: MinorVersion(number(10)) }
        .check_readable_by(FormatVersion::CURRENT)?;
    if header[12..] == [0; 4] {
        Ok(())
    } else {
        Err(TraceError::damaged(12, "reserved bytes of the header are not zero"))
    }
}

/// What a block holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BlockKind {
    /// Sites, names and objects.
    Tables = 1,
    /// Events of all threads in their final order.
    Run = 2,
    /// Events of one thread, ordered against the others by the words between them.
    Chunk = 3,
    /// The file is complete.
    End = 4,
    /// The word that a thread's next chunk begins with, which may be another one by then: it counts only while there is no
    /// such chunk.
    Open = 5,
}

/// A block of words on its way.
#[derive(Default)]
pub(crate) struct WordBlock {
    packer: Packer,
    /// The block, and room for one that packs badly.
    bytes: Vec<u8>,
    end: usize,
    count: u32,
}

impl WordBlock {
    /// Words in the block.
    #[cfg(feature = "detect")]
    pub(crate) fn count(&self) -> usize {
        self.count as usize
    }

    /// Replaces the block by these words, at most [`MAX_WORDS`]. `new` gets every word that does not repeat an
    /// earlier one of the block.
    pub(crate) fn fill(&mut self, kind: BlockKind, thread: u32, words: &[u64], new: impl FnMut(u64)) {
        let longest = BLOCK_HEADER + longest(words.len());
        if self.bytes.len() < longest {
            self.bytes.resize(longest, 0);
        }
        self.end = self.packer.pack(words, &mut self.bytes, BLOCK_HEADER, new);
        self.count = words.len() as u32;
        seal(&mut self.bytes[..self.end], kind, self.count, thread);
    }
}

/// Writes header and blocks.
pub(crate) struct BlockWriter<W> {
    out: W,
    block: Vec<u8>,
    words: u64,
}

impl<W: Write> BlockWriter<W> {
    /// Writes the file header.
    pub(crate) fn new(mut out: W) -> io::Result<Self> {
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(&MAGIC);
        header[8..10].copy_from_slice(&FormatVersion::CURRENT.major.0.to_le_bytes());
        header[10..12].copy_from_slice(&FormatVersion::CURRENT.minor.0.to_le_bytes());
        out.write_all(&header)?;
        Ok(Self { out, block: Vec::new(), words: 0 })
    }

    /// Writes a block of words.
    pub(crate) fn words(&mut self, block: &WordBlock) -> io::Result<()> {
        if block.bytes.first() != Some(&(BlockKind::Open as u8)) {
            self.words += u64::from(block.count);
        }
        self.out.write_all(&block.bytes[..block.end])
    }

    /// Writes a block of table entries.
    pub(crate) fn tables(&mut self, entries: u32, payload: &[u8]) -> io::Result<()> {
        self.plain(BlockKind::Tables, entries, payload)
    }

    /// Writes the end block.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        self.plain(BlockKind::End, 0, &self.words.to_le_bytes())
    }

    fn plain(&mut self, kind: BlockKind, count: u32, payload: &[u8]) -> io::Result<()> {
        self.block.clear();
        self.block.resize(BLOCK_HEADER, 0);
        self.block.extend_from_slice(payload);
        seal(&mut self.block, kind, count, 0);
        self.out.write_all(&self.block)
    }

    /// The sink.
    pub(crate) fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// The sink, for good.
    pub(crate) fn into_inner(self) -> W {
        self.out
    }
}

/// Fills in the header of a block, for which there is room.
fn seal(block: &mut [u8], kind: BlockKind, count: u32, thread: u32) {
    let (header, payload) = block.split_at_mut(BLOCK_HEADER);
    header[0] = kind as u8;
    header[4..8].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    header[8..12].copy_from_slice(&count.to_le_bytes());
    header[12..16].copy_from_slice(&thread.to_le_bytes());
    let sum = checksum(&header[..16], payload);
    header[16..].copy_from_slice(&sum.to_le_bytes());
}

/// A block that was read; its payload is in the reader.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    /// Where it begins in the file.
    pub(crate) offset: u64,
    pub(crate) kind: BlockKind,
    /// Words, or table entries.
    pub(crate) count: u32,
    /// Of a chunk or an open word.
    pub(crate) thread: u32,
}

/// What comes next in a file.
#[derive(Debug)]
pub(crate) enum Next {
    Block(Block),
    /// The input ends here, between two blocks (at this offset).
    Eof(u64),
    /// The input ends inside the block that begins at this offset.
    Torn(u64),
}

/// Reads blocks.
pub(crate) struct BlockReader<R> {
    input: R,
    offset: u64,
    payload: Vec<u8>,
}

impl<R: Read> BlockReader<R> {
    /// A reader that stands behind the file header.
    pub(crate) fn new(input: R) -> Self {
        Self { input, offset: HEADER as u64, payload: Vec::new() }
    }

    /// The payload of the last block.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The words of the last block.
    pub(crate) fn words(&self, block: &Block, words: &mut Vec<u64>) -> Result<(), TraceError> {
        let count = block.count as usize;
        if count > MAX_WORDS {
            return Err(TraceError::damaged(block.offset, "a block with more words than a block may have"));
        }
        let result = pack::unpack(&self.payload, count, words);
        result.map_err(|reason| TraceError::damaged(block.offset, reason))
    }

    /// Reads the next block.
    pub(crate) fn next(&mut self) -> Result<Next, TraceError> {
        let offset = self.offset;
        let mut header = [0; BLOCK_HEADER];
        let got = read_full(&mut self.input, &mut header)?;
        if got < BLOCK_HEADER {
            return Ok(if got == 0 { Next::Eof(offset) } else { Next::Torn(offset) });
        }
        let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let length = word(4) as usize;
        if length > MAX_PAYLOAD {
            return Err(TraceError::damaged(offset, format!("a block of {length} bytes, more than a block may have")));
        }
        self.payload.resize(length, 0);
        if read_full(&mut self.input, &mut self.payload)? < length {
            return Ok(Next::Torn(offset));
        }
        let sum = u64::from_le_bytes(std::array::from_fn(|index| header[16 + index]));
        if checksum(&header[..16], &self.payload) != sum {
            return Err(TraceError::damaged(offset, "the checksum of the block does not fit its content"));
        }
        let kind = match header[0] {
            1 => BlockKind::Tables,
            2 => BlockKind::Run,
            3 => BlockKind::Chunk,
            4 => BlockKind::End,
            5 => BlockKind::Open,
            kind => return Err(TraceError::damaged(offset, format!("an unknown kind of block, {kind}"))),
        };
        if header[1..4] != [0; 3] {
            return Err(TraceError::damaged(offset, "reserved bytes of a block are not zero"));
        }
        self.offset += (BLOCK_HEADER + length) as u64;
        Ok(Next::Block(Block { offset, kind, count: word(8), thread: word(12) }))
    }
}

/// Reads until `buffer` is full or the input ends; the number of bytes read.
pub(crate) fn read_full(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match input.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(more) => got += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

/// A checksum against accidents, not against forgers: multiply and rotate over words, in four lanes so that it runs as
/// fast as memory. Each step is a bijection of the lane and of the word, so any change inside one word changes it.
fn checksum(header: &[u8], payload: &[u8]) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let step = |lane: u64, word: u64| (lane.rotate_left(5) ^ word).wrapping_mul(K);
    let word = |bytes: &[u8]| {
        let mut whole = [0; 8];
        whole[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(whole)
    };
    let mut lanes = [K, !K, K.rotate_left(17), K.rotate_left(41)];
    let (blocks, rest) = payload.as_chunks::<32>();
    for block in blocks {
        let (words, _) = block.as_chunks::<8>();
        for (lane, bytes) in lanes.iter_mut().zip(words) {
            *lane = step(*lane, u64::from_le_bytes(*bytes));
        }
    }
    for bytes in rest.chunks(8).chain(header.chunks(8)) {
        lanes[0] = step(lanes[0], word(bytes));
    }
    lanes.into_iter().fold(payload.len() as u64, step)
}
