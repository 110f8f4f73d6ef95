//! Reads STD text.
//!
//! Works on blocks of bytes, line by line and byte by byte; nothing is copied but names that are new. Names that are
//! numbers, as most are, go through a table, others through a hash map. Memory is linear in the number of distinct
//! names and does not depend on the length of the trace.

use std::io::Read;

use rustc_hash::FxHashMap;

use crate::event::{
    Attempt, Event, LockId, Mode, Object, ObjectInfo, ObjectKind, Op, Owner, Site, SiteId, ThreadId, VarId,
};

use super::error::{Rule, TraceError, Violation};
use super::format::read_full;
use super::std_check::Check;
use super::tables::Tables;

/// Longest line of STD text, in bytes.
pub const MAX_LINE: usize = 1 << 16;
const BUFFER: usize = 1 << 18;
const BATCH: usize = 1 << 14;
/// How much of a bad line an error quotes.
const QUOTE: usize = 200;

/// How strictly STD text is read.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct StdOptions {
    /// Insist that a variable is written before it is read, even in a trace that is otherwise well formed.
    pub strict: bool,
}

/// A rule that a line breaks, and how.
struct Fault {
    rule: Rule,
    detail: String,
}

/// Reads lines.
pub(super) struct StdReader<R> {
    input: R,
    buffer: Box<[u8]>,
    /// What is left of the buffer: whole lines up to `lines`, then the beginning of one up to `end`.
    start: usize,
    lines: usize,
    end: usize,
    /// Lines that were read.
    line: u64,
    names: Interners,
    check: Check,
    options: StdOptions,
    tolerated: Option<Box<Violation>>,
}

impl<R: Read> StdReader<R> {
    pub(super) fn new(input: R, options: StdOptions) -> Self {
        Self {
            input,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            start: 0,
            lines: 0,
            end: 0,
            line: 0,
            names: Interners::new(),
            check: Check::default(),
            options,
            tolerated: None,
        }
    }

    pub(super) fn tables(&self) -> &Tables {
        &self.names.tables
    }

    /// Appends a batch; none is the end.
    pub(super) fn next_batch(&mut self, batch: &mut Vec<Event>) -> Result<(), TraceError> {
        while self.start < self.lines || self.fill()? {
            while self.start < self.lines {
                let (length, event) = match parse(&self.buffer[self.start..self.lines], &mut self.names) {
                    Ok((length, _)) if length > MAX_LINE + 1 => return Err(self.stop(too_long())),
                    Ok(parsed) => parsed,
                    Err(fault) => return Err(self.stop(fault)),
                };
                if let Some(rule) = self.check.event(&event) {
                    self.broken(rule)?;
                }
                batch.push(event);
                self.line += 1;
                self.start += length;
                if batch.len() == BATCH {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Fills the buffer until there is a whole line; false at the end of the input.
    fn fill(&mut self) -> Result<bool, TraceError> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        // The last byte is kept for the line end that the last line may lack.
        let room = self.buffer.len() - 1;
        let got = read_full(&mut self.input, &mut self.buffer[self.end..room])?;
        self.end += got;
        if self.end < room && self.end > 0 && self.buffer[self.end - 1] != b'\n' {
            self.buffer[self.end] = b'\n';
            self.end += 1;
        }
        // An editor's mark at the very beginning is no part of the first thread's name.
        if self.line == 0 && self.buffer[..self.end].starts_with(b"\xef\xbb\xbf") {
            self.start = 3;
        }
        self.lines = self.buffer[..self.end].iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        if self.lines == 0 {
            // The beginning of a line fills the buffer: parsing it says that it is too long.
            self.lines = self.end;
        }
        Ok(self.lines > 0)
    }

    #[cold]
    fn broken(&mut self, rule: Rule) -> Result<(), TraceError> {
        if rule == Rule::ReadFromUnwrittenMemory && !self.options.strict {
            if self.tolerated.is_none() {
                self.tolerated = Some(Box::new(self.violation(rule, String::new())));
            }
            return Ok(());
        }
        Err(self.stop(Fault { rule, detail: String::new() }))
    }

    #[cold]
    fn stop(&mut self, fault: Fault) -> TraceError {
        let violation = Box::new(self.violation(fault.rule, fault.detail));
        // A line that does not parse says nothing about what the others do.
        match self.tolerated.take() {
            Some(tolerated) if !violation.rule.is_syntax() => {
                TraceError::Text { violation: tolerated, then: Some(violation) }
            }
            _ => TraceError::Text { violation, then: None },
        }
    }

    fn violation(&self, rule: Rule, detail: String) -> Violation {
        let rest = &self.buffer[self.start..self.lines];
        let line = rest.split(|byte| *byte == b'\n').next().unwrap_or(rest);
        let text = String::from_utf8_lossy(&line[..line.len().min(QUOTE)]).into_owned();
        Violation { line: self.line + 1, rule, text, detail }
    }
}

/// What a byte may be part of.
const NAME: u8 = 1;
const LOCATION: u8 = 2;
const CLASSES: [u8; 256] = {
    let mut classes = [NAME | LOCATION; 256];
    let mut byte = 0;
    while byte < 256 {
        if byte < 0x20 || byte == 0x7f || byte == b'|' as usize {
            classes[byte] = 0;
        } else if matches!(byte as u8, b' ' | b'(' | b')' | b'*') {
            classes[byte] = LOCATION;
        }
        byte += 1;
    }
    classes
};

/// A name and, if it is a short number behind its prefix, the number.
#[derive(Clone, Copy)]
struct Token<'a> {
    bytes: &'a [u8],
    number: Option<u32>,
}

/// The token at `start`, and where it ends. `bytes` ends with a line end, which is in no token.
#[inline(always)]
fn token<const CLASS: u8>(bytes: &[u8], start: usize, prefix: Option<u8>) -> (Token<'_>, usize) {
    let mut at = start;
    let prefixed = match prefix {
        None => true,
        Some(prefix) => bytes.get(at) == Some(&prefix),
    };
    let digits = at + usize::from(prefix.is_some());
    let mut number = 0_u32;
    if prefixed {
        at = digits;
        while let Some(digit) = bytes.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
            number = number.wrapping_mul(10).wrapping_add(u32::from(digit));
            at += 1;
        }
    }
    let in_token = |at: usize| bytes.get(at).is_some_and(|byte| CLASSES[usize::from(*byte)] & CLASS != 0);
    if prefixed && !in_token(at) && matches!(at - digits, 1..=6) && (bytes[digits] != b'0' || at - digits == 1) {
        return (Token { bytes: &bytes[start..at], number: Some(number) }, at);
    }
    while in_token(at) {
        at += 1;
    }
    (Token { bytes: &bytes[start..at], number: None }, at)
}

/// What an operation is about.
enum Verb {
    Read,
    Write,
    Acquire,
    Release,
    Request,
    Fork,
    Join,
    Begin,
    End,
}

/// Parses the first line of `bytes`: its length with the line end, and the event.
#[inline]
fn parse(bytes: &[u8], names: &mut Interners) -> Result<(usize, Event), Fault> {
    let (thread, at) = token::<NAME>(bytes, 0, Some(b'T'));
    let at = expect(bytes, at, b'|')?;
    let (verb, at) = match (bytes.get(at), bytes.get(at + 1)) {
        (Some(b'r'), Some(b'(')) => (Verb::Read, at + 1),
        (Some(b'w'), Some(b'(')) => (Verb::Write, at + 1),
        _ => verb(bytes, at)?,
    };
    if thread.bytes.is_empty() {
        return Err(fault(bytes, 0));
    }
    let thread = names.thread(thread)?;
    let (op, at) = match verb {
        Verb::Read => operand(bytes, at, b'V', |token| Ok(Op::Read { var: names.var(token)? }))?,
        Verb::Write => operand(bytes, at, b'V', |token| Ok(Op::Write { var: names.var(token)? }))?,
        Verb::Acquire => operand(bytes, at, b'L', |token| {
            let lock = names.lock(token)?;
            Ok(Op::Acquired { lock, mode: Mode::Exclusive, attempt: Attempt::Blocking })
        })?,
        Verb::Release => {
            operand(bytes, at, b'L', |token| Ok(Op::Released { lock: names.lock(token)?, mode: Mode::Exclusive }))?
        }
        Verb::Request => {
            operand(bytes, at, b'L', |token| Ok(Op::Request { lock: names.lock(token)?, mode: Mode::Exclusive }))?
        }
        Verb::Fork => operand(bytes, at, b'T', |token| Ok(Op::Fork { child: names.child(token)? }))?,
        Verb::Join => operand(bytes, at, b'T', |token| Ok(Op::Joined { child: names.child(token)? }))?,
        Verb::Begin => (Op::RegionBegin, region(bytes, at)?),
        Verb::End => (Op::RegionEnd, region(bytes, at)?),
    };
    let start = expect(bytes, at, b'|')?;
    let (location, mut at) = token::<LOCATION>(bytes, start, None);
    if location.bytes.is_empty() {
        return Err(fault(bytes, at));
    }
    if bytes.get(at) == Some(&b'\r') {
        at += 1;
    }
    let at = expect(bytes, at, b'\n')?;
    let site = names.site(location)?;
    Ok((at, Event { owner: Owner::thread(thread), site, op }))
}

#[inline]
fn expect(bytes: &[u8], at: usize, byte: u8) -> Result<usize, Fault> {
    if bytes.get(at) == Some(&byte) { Ok(at + 1) } else { Err(fault(bytes, at)) }
}

/// `(name)`.
#[inline(always)]
fn operand(
    bytes: &[u8],
    at: usize,
    prefix: u8,
    op: impl FnOnce(Token<'_>) -> Result<Op, Fault>,
) -> Result<(Op, usize), Fault> {
    let start = expect(bytes, at, b'(')?;
    let (token, at) = token::<NAME>(bytes, start, Some(prefix));
    if token.bytes.is_empty() {
        return Err(fault(bytes, at));
    }
    let at = expect(bytes, at, b')')?;
    Ok((op(token)?, at))
}

/// `begin` and `end` have an operand that means nothing, or none. It may be the name of a method, with parentheses and
/// spaces of its own.
fn region(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    if bytes.get(at) != Some(&b'(') {
        return Ok(at);
    }
    let (operand, end) = token::<LOCATION>(bytes, at + 1, None);
    if operand.bytes.ends_with(b")") { Ok(end) } else { Err(fault(bytes, end)) }
}

fn verb(bytes: &[u8], at: usize) -> Result<(Verb, usize), Fault> {
    let (token, end) = token::<NAME>(bytes, at, None);
    let verb = match token.bytes {
        b"acq" => Verb::Acquire,
        b"rel" => Verb::Release,
        b"req" => Verb::Request,
        b"fork" => Verb::Fork,
        b"join" => Verb::Join,
        b"begin" => Verb::Begin,
        b"end" => Verb::End,
        b"r" => Verb::Read,
        b"w" => Verb::Write,
        b"" => return Err(fault(bytes, end)),
        other => {
            let detail = format!("`{}`", String::from_utf8_lossy(&other[..other.len().min(QUOTE)]));
            return Err(Fault { rule: Rule::UnknownOperation, detail });
        }
    };
    Ok((verb, end))
}

/// What is wrong with the byte at `at`, which cannot stand there.
#[cold]
fn fault(bytes: &[u8], at: usize) -> Fault {
    if bytes.iter().position(|byte| *byte == b'\n').is_none_or(|length| length > MAX_LINE) {
        return too_long();
    }
    let byte = bytes.get(at).copied().unwrap_or(b'\n');
    let shown = char::from(byte).escape_debug();
    let column = at + 1;
    let known = CLASSES[usize::from(byte)] & NAME != 0 || matches!(byte, b'|' | b'(' | b')');
    if matches!(byte, b'\n' | b'\r') {
        Fault { rule: Rule::MalformedLine, detail: "it ends too early".to_owned() }
    } else if known {
        Fault { rule: Rule::MalformedLine, detail: format!("`{shown}` in column {column}") }
    } else {
        Fault { rule: Rule::UnsupportedCharacter, detail: format!("`{shown}` in column {column}") }
    }
}

#[cold]
fn too_long() -> Fault {
    Fault { rule: Rule::LineTooLong, detail: format!("more than {MAX_LINE} bytes") }
}

/// Names to dense numbers in order of first appearance.
#[derive(Default)]
struct Interner {
    /// Short numbers behind the prefix to one more than the id.
    numbers: Vec<u32>,
    others: FxHashMap<Box<[u8]>, u32>,
    count: u32,
}

impl Interner {
    /// The id, and the name when it is new.
    #[inline]
    fn id<'a>(&mut self, token: Token<'a>) -> Result<(u32, Option<&'a str>), Fault> {
        if let Some(number) = token.number
            && let Some(&known) = self.numbers.get(number as usize)
            && known != 0
        {
            return Ok((known - 1, None));
        }
        self.look_up(token)
    }

    #[inline(never)]
    fn look_up<'a>(&mut self, token: Token<'a>) -> Result<(u32, Option<&'a str>), Fault> {
        if token.number.is_none()
            && let Some(&known) = self.others.get(token.bytes)
        {
            return Ok((known, None));
        }
        let Ok(name) = std::str::from_utf8(token.bytes) else {
            return Err(Fault { rule: Rule::UnsupportedCharacter, detail: "not UTF-8".to_owned() });
        };
        let id = self.count;
        self.count += 1;
        if let Some(number) = token.number {
            let number = number as usize;
            if number >= self.numbers.len() {
                self.numbers.resize(number + 1, 0);
            }
            self.numbers[number] = id + 1;
        } else {
            self.others.insert(token.bytes.into(), id);
        }
        Ok((id, Some(name)))
    }
}

/// All names of a trace.
struct Interners {
    threads: Interner,
    vars: Interner,
    locks: Interner,
    sites: Interner,
    tables: Tables,
}

impl Interners {
    fn new() -> Self {
        // The token of an unknown place is that of an unknown place.
        let unknown = FxHashMap::from_iter([(Box::from(&b"?"[..]), SiteId::UNKNOWN.0)]);
        Self {
            threads: Interner::default(),
            vars: Interner::default(),
            locks: Interner::default(),
            sites: Interner { others: unknown, count: 1, ..Interner::default() },
            tables: Tables::default(),
        }
    }

    #[inline]
    fn thread(&mut self, token: Token<'_>) -> Result<ThreadId, Fault> {
        let (id, new) = self.threads.id(token)?;
        if let Some(name) = new {
            self.tables.name_thread(ThreadId(id), name);
        }
        Ok(ThreadId(id))
    }

    /// The operand of `fork` and `join`: `T9`, or only `9`.
    fn child(&mut self, token: Token<'_>) -> Result<ThreadId, Fault> {
        if token.bytes[0].is_ascii_digit() {
            let whole = [b"T", token.bytes].concat();
            let (token, _) = self::token::<NAME>(&whole, 0, Some(b'T'));
            return self.thread(token);
        }
        self.thread(token)
    }

    #[inline]
    fn var(&mut self, token: Token<'_>) -> Result<VarId, Fault> {
        let (id, new) = self.vars.id(token)?;
        if let Some(name) = new {
            self.describe(Object::Var(VarId(id)), ObjectKind::Cell, name);
        }
        Ok(VarId(id))
    }

    #[inline]
    fn lock(&mut self, token: Token<'_>) -> Result<LockId, Fault> {
        let (id, new) = self.locks.id(token)?;
        if let Some(name) = new {
            self.describe(Object::Lock(LockId(id)), ObjectKind::Mutex, name);
        }
        Ok(LockId(id))
    }

    #[inline]
    fn site(&mut self, token: Token<'_>) -> Result<SiteId, Fault> {
        let (id, new) = self.sites.id(token)?;
        if let Some(name) = new {
            self.tables.add_site(Site { file: name.to_owned(), line: 0, column: 0 });
        }
        Ok(SiteId(id))
    }

    #[cold]
    fn describe(&mut self, object: Object, kind: ObjectKind, name: &str) {
        self.tables.describe(object, ObjectInfo { kind, name: Some(name.to_owned()), created: None });
    }
}
