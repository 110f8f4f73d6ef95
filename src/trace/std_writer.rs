//! Writes STD text, of what STD text can say.

use std::fmt;
use std::io::{self, Write};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::event::{Attempt, Event, LockId, Mode, Names, Object, Op, Site, SiteId, ThreadId};

use super::error::Rule;
use super::std_check::{Check, Holders};

/// What to do with an event that STD text cannot say exactly.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Policy {
    /// Fail: what is written reads back as the same events, in the numbering of first appearance.
    Refuse,
    /// Leave it out and count it: what is written is well-formed STD text. Of a lock that its holder takes again, only the
    /// outermost acquisition is written; a thread that is joined twice is joined once. A `try_lock` that succeeded counts too,
    /// and is written as `acq`; what a lock guards is written as a variable.
    Omit,
}

/// What a [`StdWriter`] has not written exactly.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Omitted {
    /// Events left out.
    pub dropped: u64,
    /// Events written as something similar.
    pub approximated: u64,
}

/// Why STD text cannot be written.
#[derive(Debug)]
pub enum StdWriteError {
    /// The sink failed.
    Io(io::Error),
    /// Under [`Policy::Refuse`]: STD text has no line for this event, or not in this place.
    Inexpressible(Event),
}

impl fmt::Display for StdWriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Inexpressible(event) => write!(f, "STD text cannot say {:?} here", event.op),
        }
    }
}

impl std::error::Error for StdWriteError {}

impl From<io::Error> for StdWriteError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Writes STD text. Exactly expressible are, of owners that are threads: plain reads and writes, requests, blocking
/// acquisitions and releases of exclusive locks, fork, joined, and regions (`begin` and `end`).
///
/// Locks and variables keep their names where these are fit for STD text and unique, threads where they look like
/// `T1`; else the identifier is the name. Memory is linear in the number of names.
pub struct StdWriter<W> {
    out: W,
    policy: Policy,
    /// As RAPID's own reader wants it.
    rapid: bool,
    check: Check,
    holders: Holders,
    threads: Tokens<ThreadId>,
    locks: Tokens<Object>,
    vars: Tokens<Object>,
    sites: Tokens<SiteId>,
    omitted: Omitted,
}

impl<W: Write> StdWriter<W> {
    /// A writer; `out` should buffer.
    #[must_use]
    pub fn new(out: W, policy: Policy) -> Self {
        Self {
            out,
            policy,
            rapid: false,
            check: Check::default(),
            holders: Holders::default(),
            threads: Tokens::default(),
            locks: Tokens::default(),
            vars: Tokens::default(),
            sites: Tokens::default(),
            omitted: Omitted::default(),
        }
    }

    /// A writer of what RAPID's own reader takes: locations are numbers, and no line says a request.
    #[must_use]
    pub fn for_rapid(out: W, policy: Policy) -> Self {
        Self { rapid: true, ..Self::new(out, policy) }
    }

    /// Writes events; `names` has their names and sites.
    ///
    /// # Errors
    /// Of the sink, and [`StdWriteError::Inexpressible`] under [`Policy::Refuse`].
    pub fn write(&mut self, events: &[Event], names: &(impl Names + ?Sized)) -> Result<(), StdWriteError> {
        for event in events {
            self.event(event, names)?;
        }
        Ok(())
    }

    /// Flushes; what was left out.
    ///
    /// # Errors
    /// Of the sink.
    pub fn finish(mut self) -> io::Result<Omitted> {
        self.out.flush()?;
        Ok(self.omitted)
    }

    fn event(&mut self, event: &Event, names: &(impl Names + ?Sized)) -> Result<(), StdWriteError> {
        let said = line(event).filter(|_| !(self.rapid && matches!(event.op, Op::Request { .. })) && self.fits(event));
        let Some((verb, operand, exact)) = said else {
            if self.policy == Policy::Refuse {
                return Err(StdWriteError::Inexpressible(*event));
            }
            self.omitted.dropped += 1;
            return Ok(());
        };
        if !exact {
            if self.policy == Policy::Refuse {
                return Err(StdWriteError::Inexpressible(*event));
            }
            self.omitted.approximated += 1;
        }
        let out = &mut self.out;
        let thread = self.threads.get(event.owner.thread, || thread_candidate(event.owner.thread, names));
        write!(out, "{thread}|{verb}(")?;
        match operand {
            Operand::None => out.write_all(b"0")?,
            Operand::Thread(child) => {
                out.write_all(self.threads.get(child, || thread_candidate(child, names)).as_bytes())?;
            }
            Operand::Object(object) => {
                let tokens = if let Object::Lock(_) = object { &mut self.locks } else { &mut self.vars };
                let token = tokens.get(object, || {
                    let name = names.object(object).and_then(|info| info.name);
                    name.filter(|name| is_name(name)).unwrap_or_else(|| object.to_string())
                });
                out.write_all(token.as_bytes())?;
            }
            Operand::Data(lock) => {
                let token = self.vars.get(Object::Lock(lock), || format!("data_of_{lock}"));
                out.write_all(token.as_bytes())?;
            }
        }
        if self.rapid {
            writeln!(out, ")|{}", event.site.0)?;
            return Ok(());
        }
        let site = self.sites.get(event.site, || site_candidate(&names.site(event.site)));
        writeln!(out, ")|{site}")?;
        Ok(())
    }

    /// Can the event stand where it would stand?
    fn fits(&mut self, event: &Event) -> bool {
        !self.holders.is_inner(event) && matches!(self.check.event(event), None | Some(Rule::ReadFromUnwrittenMemory))
    }
}

/// What stands between the parentheses.
enum Operand {
    None,
    Thread(ThreadId),
    Object(Object),
    /// A variable that stands for what a lock guards.
    Data(LockId),
}

/// The line of an event: operation, operand, and whether it says exactly the event.
fn line(event: &Event) -> Option<(&'static str, Operand, bool)> {
    if event.owner.task.is_some() || event.owner.future.is_some() {
        return None;
    }
    Some(match event.op {
        Op::Read { var } => ("r", Operand::Object(Object::Var(var)), true),
        Op::Write { var } => ("w", Operand::Object(Object::Var(var)), true),
        Op::DataRead { lock } => ("r", Operand::Data(lock), false),
        Op::DataWrite { lock } => ("w", Operand::Data(lock), false),
        Op::Request { lock, mode: Mode::Exclusive } => ("req", Operand::Object(Object::Lock(lock)), true),
        Op::Acquired { lock, mode: Mode::Exclusive, attempt } => {
            ("acq", Operand::Object(Object::Lock(lock)), attempt == Attempt::Blocking)
        }
        Op::Released { lock, mode: Mode::Exclusive } => ("rel", Operand::Object(Object::Lock(lock)), true),
        Op::Fork { child } => ("fork", Operand::Thread(child), true),
        Op::Joined { child } => ("join", Operand::Thread(child), true),
        Op::RegionBegin => ("begin", Operand::None, true),
        Op::RegionEnd => ("end", Operand::None, true),
        _ => return None,
    })
}

/// The tokens of one sort of identifiers; no two have the same.
struct Tokens<K> {
    tokens: FxHashMap<K, String>,
    used: FxHashSet<String>,
}

impl<K> Default for Tokens<K> {
    fn default() -> Self {
        Self { tokens: FxHashMap::default(), used: FxHashSet::default() }
    }
}

impl<K: Eq + std::hash::Hash + Copy> Tokens<K> {
    fn get(&mut self, key: K, candidate: impl FnOnce() -> String) -> &str {
        let used = &mut self.used;
        self.tokens.entry(key).or_insert_with(|| {
            let candidate = candidate();
            let mut token = candidate.clone();
            let mut copy = 1;
            while !used.insert(token.clone()) {
                copy += 1;
                token = format!("{candidate}_{copy}");
            }
            token
        })
    }
}

fn thread_candidate(thread: ThreadId, names: &(impl Names + ?Sized)) -> String {
    let fits = |name: &String| {
        let digits = name.strip_prefix('T').unwrap_or("");
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.len() < 20
    };
    names.thread_name(thread).filter(fits).unwrap_or_else(|| thread.to_string())
}

fn site_candidate(site: &Site) -> String {
    let text: String = site.to_string().chars().map(|c| if c == '|' || c.is_control() { '_' } else { c }).collect();
    // A place without a name is not the unknown place.
    if text.is_empty() { "_".to_owned() } else { text[..text.floor_char_boundary(1 << 12)].to_owned() }
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '|' | '(' | ')' | '*');
    !name.is_empty() && name.len() < 1 << 12 && name.chars().all(fits)
}
