//! Deadlocks that could be: cycles in the order in which locks are taken.

mod chains;

pub use chains::{KnownChains, extend};

use crate::event::{Attempt, LockId, Mode, SiteId, ThreadId};

/// The class of a lock: the site that made it.
pub type ClassId = SiteId;

/// One entry of an owner's stack of held locks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct HeldLock {
    /// The lock.
    pub lock: LockId,
    /// How it is held.
    pub mode: Mode,
    /// Where it was taken.
    pub site: SiteId,
    /// How it was taken.
    pub attempt: Attempt,
}

/// A request that may wait: what [`LockOrder::acquire`] judges.
#[derive(Clone, Copy, Debug)]
pub struct Acquisition<'a> {
    /// Who asks.
    pub thread: ThreadId,
    /// Everything that the thread holds, oldest first, as [`HeldLock`]s.
    pub held: &'a [HeldLock],
    /// The lock wanted.
    pub lock: LockId,
    /// How it is wanted.
    pub mode: Mode,
    /// Where.
    pub site: SiteId,
    /// Position of the request in the stream, counted from 1; 0 when live. Kept to 40 bits.
    pub event: u64,
}

/// A node of the lock-order graph.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Place {
    /// A lock that lives.
    Lock(LockId),
    /// The dead locks of a class.
    Class(ClassId),
}

/// One owner of a cycle: it holds what the step before it waits for, and waits for what the next one holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// Who.
    pub thread: ThreadId,
    /// Everything held at the request, oldest first.
    pub held: Vec<HeldLock>,
    /// The entry of `held` that the previous step waits for.
    pub holds: HeldLock,
    /// `holds.lock` as the graph knows it now: its class once it is dead.
    pub holds_place: Place,
    /// What it waits for.
    pub wants: Place,
    /// How.
    pub mode: Mode,
    /// Where.
    pub site: SiteId,
    /// Position of the request in the stream; 0 when live.
    pub event: u64,
}

/// An abstract deadlock pattern, with one instance of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern {
    /// The steps in the order of waiting; the last waits for what the first holds.
    pub steps: Vec<Step>,
}

/// A second read of a lock by a thread that reads it already, and a writer that can queue up in between.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecursiveRead {
    /// The reader.
    pub thread: ThreadId,
    /// Everything that it held at the second read.
    pub held: Vec<HeldLock>,
    /// The first read.
    pub first: HeldLock,
    /// The mode of the second read.
    pub mode: Mode,
    /// Where the second read was requested.
    pub site: SiteId,
    /// Position of that request in the stream; 0 when live.
    pub event: u64,
    /// Who writes.
    pub writer: ThreadId,
    /// What the writer held.
    pub writer_held: Vec<HeldLock>,
    /// Where the writer asked for the lock.
    pub writer_site: SiteId,
    /// Position of the writer's request in the stream; 0 when live.
    pub writer_event: u64,
}

/// What the lock order shows to be possible.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Hazard {
    /// A cycle of waits.
    Cycle(Pattern),
    /// A reader that can end up behind a writer that waits for it.
    RecursiveRead(RecursiveRead),
}

/// The lock-order graph.
#[derive(Default, Debug)]
pub struct LockOrder {}

impl LockOrder {
    /// An empty graph.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Records that `parent` starts `child`. Both begin a new segment: ask [`LockOrder::seed`] for their chain seeds.
    pub fn forked(&mut self, _parent: ThreadId, _child: ThreadId) {}

    /// Records that `parent` saw the end of `child`. `parent` begins a new segment.
    pub fn joined(&mut self, _parent: ThreadId, _child: ThreadId) {}

    /// Moves `thread` (and what it forks from now on) to `session`: requests of different sessions (say, tests of one
    /// process) are never taken to be ordered by fork and join. Begins a new segment.
    pub fn set_session(&mut self, _thread: ThreadId, _session: u32) {}

    /// The start of every chain key of `thread` in its present fork/join segment.
    pub fn seed(&mut self, thread: ThreadId) -> u64 {
        extend(0, LockId(thread.0), Mode::Exclusive)
    }

    /// Judges a request that may wait, and returns every hazard that is new with it.
    pub fn acquire(&mut self, _request: &Acquisition<'_>) -> Vec<Hazard> {
        Vec::new()
    }

    /// Judges a request for a lock so short-lived that it has no node: an edge from everything held to `class`.
    /// `request.lock` is not looked at.
    pub fn class_edge(&mut self, _request: &Acquisition<'_>, _class: ClassId) -> Vec<Hazard> {
        Vec::new()
    }

    /// The lock is gone; what is known of its order goes over to its class. Its id may be given to another lock.
    pub fn lock_died(&mut self, _lock: LockId, _class: ClassId) -> Vec<Hazard> {
        Vec::new()
    }
}
