//! Reads RapidBin, the binary traces of SPDOffline.
//!
//! All numbers are big-endian. A header: threads (2 bytes), locks (4), variables (4), events (8). Then the events, a word of
//! 8 bytes each:
//!
//! | bits, from the highest | content |
//! |---|---|
//! | 1 | zero |
//! | 15 | location |
//! | 34 | operand: a lock, a variable or a thread; nothing for a region |
//! | 4 | operation: 0 acquire, 1 release, 2 read, 3 write, 4 fork, 5 join, 6 begin, 7 end, 8 request |
//! | 10 | thread |
//!
//! The counts of the header are upper bounds: writers that exist count the empty operand of a region as a lock and as a
//! variable. What is read is what the same trace as STD text says, with the names `T1`, `L2`, `V3`. Monitors of Java may be
//! taken again by their holder; as everywhere, only the outermost acquisition and its release are events.

use std::io::Read;

use rustc_hash::FxHashMap;

use crate::event::{
    Attempt, Event, LockId, Mode, Object, ObjectInfo, ObjectKind, Op, Owner, Site, SiteId, ThreadId, VarId,
};

use super::error::{Rule, TraceError};
use super::format::read_full;
use super::std_check::{Check, Holders};
use super::tables::Tables;

const HEADER: usize = 2 + 4 + 4 + 8;
const WORD: usize = 8;
const BATCH: usize = 1 << 14;
/// Threads have ten bits.
const MAX_THREADS: u64 = 1 << 10;
/// Names up to here go through a table.
const SMALL: u64 = 1 << 20;

/// Can a trace of this form begin with this byte? No text can.
pub(super) const fn begins_with(byte: u8) -> bool {
    (byte as u64) << 8 <= MAX_THREADS
}

/// Reads words.
pub(super) struct RapidReader<R> {
    input: R,
    buffer: Box<[u8]>,
    /// Of the next word.
    offset: u64,
    /// Events that the header announces and that were not read yet.
    left: u64,
    strict: bool,
    truncated: Option<u64>,
    names: Names,
    check: Check,
    holders: Holders,
}

impl<R: Read> RapidReader<R> {
    /// Reads the header.
    pub(super) fn open(mut input: R, strict: bool) -> Result<Self, TraceError> {
        let mut header = [0; HEADER];
        let got = read_full(&mut input, &mut header)?;
        if got < HEADER {
            return Err(TraceError::damaged(got as u64, "the header of the RapidBin trace ends too early"));
        }
        let number =
            |at: usize, len: usize| header[at..at + len].iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        let counts = [(0, 2, "threads"), (2, 4, "locks"), (6, 4, "variables"), (10, 8, "events")];
        for (at, len, what) in counts {
            if header[at] >> 7 == 1 || (at == 0 && number(at, len) > MAX_THREADS) {
                return Err(TraceError::damaged(at as u64, format!("an impossible number of {what}")));
            }
        }
        let names = Names {
            threads: Interner::new("threads", number(0, 2)),
            locks: Interner::new("locks", number(2, 4)),
            vars: Interner::new("variables", number(6, 4)),
            sites: Interner { count: 1, ..Interner::new("locations", u64::MAX) },
            tables: Tables::default(),
        };
        Ok(Self {
            input,
            buffer: vec![0; BATCH * WORD].into_boxed_slice(),
            offset: HEADER as u64,
            left: number(10, 8),
            strict,
            truncated: None,
            names,
            check: Check::default(),
            holders: Holders::default(),
        })
    }

    pub(super) fn tables(&self) -> &Tables {
        &self.names.tables
    }

    /// Where the trace was cut, if it has fewer events than its header announces.
    pub(super) const fn truncated(&self) -> Option<u64> {
        self.truncated
    }

    /// Appends a batch; none is the end.
    pub(super) fn next_batch(&mut self, batch: &mut Vec<Event>) -> Result<(), TraceError> {
        while self.read(batch)? && batch.is_empty() {}
        Ok(())
    }

    /// Reads a buffer of words; false at the end.
    fn read(&mut self, batch: &mut Vec<Event>) -> Result<bool, TraceError> {
        let got = read_full(&mut self.input, &mut self.buffer)?;
        let (mut words, mut rest) = (got / WORD, got % WORD);
        if words as u64 > self.left {
            (words, rest) = (self.left as usize, 1);
        }
        for at in 0..words {
            let bytes = &self.buffer[at * WORD..][..WORD];
            let word = bytes.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
            batch.extend(self.event(word).map_err(|reason| TraceError::damaged(self.offset, reason))?);
            self.offset += WORD as u64;
            self.left -= 1;
        }
        if self.left == 0 && rest > 0 {
            return Err(TraceError::damaged(self.offset, "something behind the last event that the header announces"));
        }
        if got < self.buffer.len() && self.left > 0 && self.truncated.is_none() {
            self.truncated = Some(self.offset + rest as u64);
        }
        Ok(got > 0)
    }

    /// The event of a word, if it has one, or what is wrong with it.
    fn event(&mut self, word: u64) -> Result<Option<Event>, String> {
        let (location, operand, operation, thread) =
            (word >> 48, word >> 14 & ((1 << 34) - 1), word >> 10 & 15, word & (MAX_THREADS - 1));
        if word >> 63 == 1 {
            return Err("an event whose first bit is set".to_owned());
        }
        let names = &mut self.names;
        let owner = Owner::thread(names.thread(thread)?);
        let mode = Mode::Exclusive;
        let (op, name) = match operation {
            0 => (Op::Acquired { lock: names.lock(operand)?, mode, attempt: Attempt::Blocking }, "acq(L"),
            1 => (Op::Released { lock: names.lock(operand)?, mode }, "rel(L"),
            2 => (Op::Read { var: names.var(operand)? }, "r(V"),
            3 => (Op::Write { var: names.var(operand)? }, "w(V"),
            4 => (Op::Fork { child: names.thread(operand)? }, "fork(T"),
            5 => (Op::Joined { child: names.thread(operand)? }, "join(T"),
            6 => (Op::RegionBegin, "begin("),
            7 => (Op::RegionEnd, "end("),
            8 => (Op::Request { lock: names.lock(operand)?, mode }, "req(L"),
            other => return Err(format!("operation {other}; those known are 0 to 8")),
        };
        let mut event = Event { owner, site: SiteId::UNKNOWN, op };
        let asks_again = matches!(op, Op::Request { lock, .. } if self.holders.holds(owner.thread, lock));
        if asks_again || self.holders.is_inner(&event) {
            return Ok(None);
        }
        event.site = self.names.site(location)?;
        match self.check.event(&event) {
            Some(rule) if rule != Rule::ReadFromUnwrittenMemory || self.strict => {
                Err(format!("{rule}: `T{thread}|{name}{operand})|{location}`"))
            }
            _ => Ok(Some(event)),
        }
    }
}

/// Numbers of one sort to dense ones, in order of first appearance.
struct Interner {
    /// To one more than the id.
    small: Vec<u32>,
    large: FxHashMap<u64, u32>,
    count: u32,
    what: &'static str,
    limit: u64,
}

impl Interner {
    fn new(what: &'static str, limit: u64) -> Self {
        Self { small: Vec::new(), large: FxHashMap::default(), count: 0, what, limit }
    }

    /// The id, and whether it is new.
    #[inline]
    fn id(&mut self, number: u64) -> Result<(u32, bool), String> {
        match self.small.get(number as usize) {
            Some(&known) if known != 0 => Ok((known - 1, false)),
            _ => self.look_up(number),
        }
    }

    #[inline(never)]
    fn look_up(&mut self, number: u64) -> Result<(u32, bool), String> {
        if let Some(&known) = self.large.get(&number) {
            return Ok((known, false));
        }
        if u64::from(self.count) >= self.limit.min(u64::from(u32::MAX)) {
            return Err(format!("more {} than the {} that the header announces", self.what, self.limit));
        }
        let id = self.count;
        self.count += 1;
        if number < SMALL {
            let index = number as usize;
            if index >= self.small.len() {
                self.small.resize(index + 1, 0);
            }
            self.small[index] = id + 1;
        } else {
            self.large.insert(number, id);
        }
        Ok((id, true))
    }
}

/// All names of a trace.
struct Names {
    threads: Interner,
    locks: Interner,
    vars: Interner,
    sites: Interner,
    tables: Tables,
}

impl Names {
    fn thread(&mut self, number: u64) -> Result<ThreadId, String> {
        let (id, new) = self.threads.id(number)?;
        if new {
            self.tables.name_thread(ThreadId(id), format!("T{number}"));
        }
        Ok(ThreadId(id))
    }

    fn lock(&mut self, number: u64) -> Result<LockId, String> {
        let (id, new) = self.locks.id(number)?;
        if new {
            self.describe(Object::Lock(LockId(id)), ObjectKind::Mutex, format!("L{number}"));
        }
        Ok(LockId(id))
    }

    fn var(&mut self, number: u64) -> Result<VarId, String> {
        let (id, new) = self.vars.id(number)?;
        if new {
            self.describe(Object::Var(VarId(id)), ObjectKind::Cell, format!("V{number}"));
        }
        Ok(VarId(id))
    }

    fn site(&mut self, number: u64) -> Result<SiteId, String> {
        let (id, new) = self.sites.id(number)?;
        if new {
            self.tables.add_site(Site { file: number.to_string(), line: 0, column: 0 });
        }
        Ok(SiteId(id))
    }

    fn describe(&mut self, object: Object, kind: ObjectKind, name: String) {
        self.tables.describe(object, ObjectInfo { kind, name: Some(name), created: None });
    }
}
