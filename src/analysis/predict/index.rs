//! A trace in memory, with what binds its events.
//!
//! 32 bytes an event: the entry itself, its place in the list of its thread, and the locks held after it. Every `link`
//! that binds points backward, so the recorded order satisfies its own index whatever the stream was; what does not fit
//! the rules of a lock (held by two at once, given back by another thread or without having been taken, converted while
//! others hold it) makes the lock an *ordered object*: its operations keep their order, which is always sound.

mod build;
mod relax;

pub(super) use build::Builder;

use rustc_hash::FxHashMap;

use super::word::{Kind, Word};
use crate::analysis::lock_order::HeldLock;
use crate::event::{Attempt, LockId, Mode, Names, SiteId, ThreadId};

/// No event, no lock, no stack.
pub(super) const NONE: u32 = u32::MAX;

/// One event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) word: Word,
    pub(super) mode: Mode,
    pub(super) thread: u32,
    /// How many events of the thread come before.
    pub(super) at: u32,
    /// The object's number; what it is, the word says.
    pub(super) object: u32,
    /// Of a read the write, of an acquisition the release and the other way round, of what comes after something that.
    pub(super) link: u32,
    pub(super) site: SiteId,
}

impl Entry {
    /// The event of another thread (or of this one) that must come before this one, if there is one.
    pub(super) const fn needs(&self) -> Option<u32> {
        match self.kind {
            Kind::Read | Kind::Update | Kind::After if self.link != NONE => Some(self.link),
            _ => None,
        }
    }

    pub(super) const fn reads(&self) -> bool {
        matches!(self.kind, Kind::Read | Kind::Update)
    }

    pub(super) const fn writes(&self) -> bool {
        matches!(self.kind, Kind::Write | Kind::Update)
    }

    /// The cell that is read or written; cells, atomics and what locks guard are numbered apart.
    pub(super) const fn cell(&self) -> u64 {
        (self.object as u64) << 8 | self.word.sort() as u64
    }

    /// Do two plain accesses conflict?
    pub(super) fn conflicts(&self, other: &Self) -> bool {
        self.thread != other.thread
            && self.word.is_plain()
            && other.word.is_plain()
            && self.object == other.object
            && (self.word == Word::Write || other.word == Word::Write)
    }
}

/// The events of a thread.
#[derive(Clone, Debug)]
pub(super) struct Thread {
    pub(super) events: Vec<u32>,
    /// The event that started it, if that is known, and its own first event after that.
    fork: u32,
    begin: u32,
}

/// A lock that is held, on top of others.
#[derive(Clone, Copy, Debug)]
struct Node {
    below: u32,
    acquire: u32,
    /// A sum over the locks and modes of the stack: the same for the same set.
    set: u64,
}

/// The acquisitions of one lock by one thread in one mode: a range of [`Index::acquires`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) thread: u32,
    pub(super) mode: Mode,
    start: u32,
    end: u32,
}

/// The whole trace. Events are numbered from 0 in the order of the recording.
#[derive(Debug)]
pub(super) struct Index {
    /// The ordinal of event 0.
    first: u64,
    pub(super) entries: Vec<Entry>,
    pub(super) threads: Vec<Thread>,
    held: Vec<u32>,
    nodes: Vec<Node>,
    /// By lock: the end of its groups, which begin where those of the lock before end.
    lock_ends: Vec<u32>,
    groups: Vec<Group>,
    acquires: Vec<u32>,
    /// By variable: the end of its plain accesses.
    var_ends: Vec<u32>,
    accesses: Vec<u32>,
    /// By barrier: how many threads meet there.
    parties: FxHashMap<u32, u32>,
    /// It is that of a program that ran.
    recorded: bool,
    /// Not all that the recording says binds: see [`Index::relax`].
    relaxed: bool,
}

impl Index {
    /// Is it a recording of a program, and not a trace of events and nothing else?
    pub(super) const fn is_recording(&self) -> bool {
        self.recorded
    }

    /// How many events.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The position of an event in the stream, as the recording counts.
    pub(super) fn ordinal(&self, event: u32) -> u64 {
        self.first + u64::from(event)
    }

    pub(super) fn entry(&self, event: u32) -> &Entry {
        &self.entries[event as usize]
    }

    /// The event of a thread at a position, if there is one.
    pub(super) fn event_at(&self, thread: u32, at: u32) -> Option<u32> {
        self.threads[thread as usize].events.get(at as usize).copied()
    }

    /// The event that must come before this one because it starts its thread, if this is the first to need it.
    pub(super) fn fork_of(&self, event: u32) -> Option<u32> {
        let thread = &self.threads[self.entry(event).thread as usize];
        (thread.begin == event).then_some(thread.fork)
    }

    /// The acquisitions that a thread has open when it has done its first `done` events, newest first.
    pub(super) fn open(&self, thread: u32, done: u32) -> impl Iterator<Item = u32> + '_ {
        let last = done.checked_sub(1).and_then(|last| self.event_at(thread, last));
        let mut node = last.map_or(NONE, |last| self.held[last as usize]);
        std::iter::from_fn(move || {
            let Node { below, acquire, .. } = *self.nodes.get(node as usize)?;
            node = below;
            Some(acquire)
        })
    }

    /// Does a thread hold something when it has done its first `done` events?
    pub(super) fn holds_any(&self, thread: u32, done: u32) -> bool {
        done > 0 && self.event_at(thread, done - 1).is_some_and(|last| self.held[last as usize] != NONE)
    }

    /// What the thread holds just before the event: the same number for the same set of locks and modes.
    pub(super) fn held_set(&self, event: u32) -> u64 {
        let Entry { thread, at, .. } = *self.entry(event);
        let last = at.checked_sub(1).and_then(|last| self.event_at(thread, last));
        last.and_then(|last| self.nodes.get(self.held[last as usize] as usize)).map_or(0, |node| node.set)
    }

    /// The number that [`held_set`](Self::held_set) has for these locks and modes.
    pub(super) fn set_of(&self, held: &[HeldLock]) -> u64 {
        held.iter().map(|held| weight(held.lock.0, held.mode)).fold(0, u64::wrapping_add)
    }

    /// What the thread holds just before the event, oldest first.
    pub(super) fn held(&self, event: u32) -> Vec<HeldLock> {
        let Entry { thread, at, .. } = *self.entry(event);
        let mut held: Vec<HeldLock> = self.open(thread, at).map(|acquire| self.held_lock(acquire)).collect();
        held.reverse();
        held
    }

    fn held_lock(&self, acquire: u32) -> HeldLock {
        let Entry { object, mode, site, word, .. } = *self.entry(acquire);
        let attempt = if word == Word::Try { Attempt::Try } else { Attempt::Blocking };
        HeldLock { lock: LockId(object), mode, site, attempt }
    }

    /// Do two events stand under a common lock that keeps them apart?
    pub(super) fn guarded(&self, one: u32, other: u32) -> bool {
        let (a, b) = (self.entry(one), self.entry(other));
        self.open(a.thread, a.at).any(|mine| {
            self.open(b.thread, b.at).any(|theirs| {
                let (mine, theirs) = (self.entry(mine), self.entry(theirs));
                mine.object == theirs.object && !mine.mode.compatible(theirs.mode)
            })
        })
    }

    /// The release of an acquisition, if it has one.
    pub(super) fn release(&self, acquire: u32) -> Option<u32> {
        Some(self.entry(acquire).link).filter(|&release| release != NONE)
    }

    /// The groups of acquisitions of a lock.
    pub(super) fn groups(&self, lock: u32) -> &[Group] {
        range(&self.groups, &self.lock_ends, lock)
    }

    /// The acquisitions of a group, in the order of the recording.
    pub(super) fn acquires(&self, group: &Group) -> &[u32] {
        &self.acquires[group.start as usize..group.end as usize]
    }

    /// How many variables have plain accesses, at most.
    pub(super) fn vars(&self) -> u32 {
        self.var_ends.len() as u32
    }

    /// The plain accesses of a variable, in the order of the recording.
    pub(super) fn accesses(&self, var: u32) -> &[u32] {
        range(&self.accesses, &self.var_ends, var)
    }

    /// The event in words.
    pub(super) fn say(&self, event: u32, names: &dyn Names) -> String {
        let entry = self.entry(event);
        entry.word.say(entry.object, names)
    }

    /// The thread of an event.
    pub(super) fn thread(&self, event: u32) -> ThreadId {
        ThreadId(self.entry(event).thread)
    }
}

/// What a held lock adds to the number of a set.
fn weight(lock: u32, mode: Mode) -> u64 {
    scatter(u64::from(lock) << 2 | mode as u64)
}

/// A well mixed number (the finaliser of splitmix64), so that sums of them are as good as unique.
pub(super) const fn scatter(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// The part of `all` that belongs to `number`, by the ends of the parts.
fn range<'a, T>(all: &'a [T], ends: &[u32], number: u32) -> &'a [T] {
    let number = number as usize;
    let Some(&end) = ends.get(number) else { return &[] };
    let start = if number == 0 { 0 } else { ends[number - 1] };
    &all[start as usize..end as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_stays_small() {
        // With its place in the list of its thread and the locks held after it: 32 bytes.
        assert_eq!(size_of::<Entry>() + 2 * size_of::<u32>(), 32);
    }
}
