//! Deadlocks that could be: cycles in the order in which locks are taken.
//!
//! A request for lock `B` while `A` is held makes an edge `A → B`, from every held lock and not only the newest, so that
//! the order `A` before `C` outlives a lock `B` in between. An edge remembers in what *contexts* it came about: thread,
//! stack of held locks with their modes, fork/join clock, sites. A cycle of edges is a [`Pattern`] if one context for
//! each edge can be chosen so that (Goodlock's conditions, as in Bensalem and Havelund, "Dynamic deadlock analysis of
//! multi-threaded programs", 2005, and the abstract patterns of "Sound Dynamic Deadlock Prediction in Linear Time",
//! PLDI 2023):
//!
//! 1. no two are of one thread;
//! 2. no two hold one lock in modes that exclude each other: no common *gate*. Two readers of one lock are no gate;
//! 3. no two are ordered by fork and join;
//! 4. each waits for the next: the mode in which the lock is held excludes the mode in which it is wanted; or a plain or
//!    upgradable read of a lock held by a reader stands behind a *writer* that waits. That writer has to exist: an
//!    exclusive request for the lock, anywhere in the run, by a thread outside the cycle, to which 1 to 3 apply as
//!    well. So a cycle of readers is silent while no writer can come between. A recursive read never waits for a
//!    waiting writer, and beside an upgradable reader no writer gets as far as to wait in the readers' way.
//!
//! `try_` and timed requests make no edge into their lock, but what they took is held and makes edges out of it. A lock
//! taken again by its owner makes no edge. A plain read of a lock that the thread reads already is a [`RecursiveRead`]
//! as soon as another thread writes (2 and 3 apply), earlier or later.
//!
//! When a lock dies its edges go over to its *class*, the site that made it, so that the orders of different tests meet.
//! Between locks of one class there is no such edge: parent before child is legal.
//!
//! Each distinct chain of held locks is judged once ([`KnownChains`]), so only the first sites and the first event of a
//! chain are kept. The limits: 64 contexts an edge, 32 of one thread, 8 that differ only in sites, order and segment, 32 threads in a
//! cycle, and 100,000 contexts looked at for a new one; [`LockOrder::dropped`] and [`LockOrder::is_cut`] tell when they
//! were met.

mod chains;
mod contexts;
mod cycles;
mod graph;
mod judge;
mod later;
#[cfg(feature = "detect")]
mod map;
mod memory;
mod node;
mod offline;
mod patterns;
mod report;
mod segments;
#[cfg(test)]
mod tests;

pub use chains::{KnownChains, extend};
pub use judge::LockOrder;
#[cfg(feature = "detect")]
pub(crate) use map::Map;
#[cfg(feature = "detect")]
pub(crate) use memory::{Zero, Zeroed, prefetch};
pub use offline::LockOrderAnalysis;

use std::num::NonZeroU32;
use std::sync::Arc;

use crate::event::{Attempt, LockId, Mode, SiteId, ThreadId};

/// The class of a lock: the site that made it.
pub type ClassId = SiteId;

/// A fork/join segment of an owner, as [`LockOrder::moment`] gives it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Moment(Arc<segments::Segment>);

/// A thread, its fork/join segment and the locks that it held, pinned in the graph; see [`LockOrder::context`]. Never 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ContextId(pub NonZeroU32);

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
    /// The lock.
    pub lock: LockId,
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

impl Hazard {
    /// Position in the stream of the request that completed it; `None` when live.
    #[must_use]
    pub fn event(&self) -> Option<u64> {
        let event = match self {
            Self::Cycle(pattern) => pattern.steps.iter().map(|step| step.event).max().unwrap_or(0),
            Self::RecursiveRead(read) => read.event.max(read.writer_event),
        };
        (event > 0).then_some(event)
    }
}

/// One edge of the graph, for pictures of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EdgeView {
    /// Held.
    pub from: Place,
    /// Wanted while it was held.
    pub to: Place,
    /// Are both ends on a cycle of the graph? (Not every cycle is a deadlock.)
    pub in_cycle: bool,
    /// How the edge came about, oldest not necessarily first; capped at 64.
    pub ways: Vec<EdgeWay>,
}

/// One way in which an edge came about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EdgeWay {
    /// Who.
    pub thread: ThreadId,
    /// The entry of the held stack that the edge starts from.
    pub holds: HeldLock,
    /// How the other lock was wanted.
    pub mode: Mode,
    /// Where.
    pub site: SiteId,
}
