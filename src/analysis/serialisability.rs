//! Is the run as if every region had run by itself?
//!
//! A *transaction* is an outermost region, from its begin to its end (to the end of the trace, if it has none), or one
//! operation outside any region. Transactions are ordered by the operations in them that *conflict*: two operations of
//! one thread; two accesses to one cell or atomic of which one writes; the release of a lock and a later acquisition in an
//! incompatible mode; the start of a thread and what it does; what a thread does and its join. The run is
//! *conflict-serialisable* if this order has no cycle: then some order of whole transactions, one after the other, gives
//! the same run. A cycle passes through a region, leaves it, and comes back to it: what happened in between belongs
//! neither before the region nor after it.
//!
//! Two ways to tell, each in one pass, checked against each other and against the definition:
//!
//! - [`ConflictGraph`] keeps the graph of live transactions (Flanagan, Freund and Yi, *Velodrome*, PLDI 2008), so that
//!   it can name the operations of a cycle, and goes on after the first.
//! - [`ClockCheck`] keeps vector clocks instead (Mathur and Viswanathan, *AeroDrome*, ASPLOS 2020): the verdict only,
//!   up to the first violation, in memory that depends on the objects and not on what is live.
//!
//! Messages, wake-ups, barriers and initialisations are no conflicts here: a region that asks another thread and waits
//! for its answer is in a dialogue that it has begun itself.

mod clocks;
mod graph;
mod live;
mod places;
mod report;

pub use clocks::ClockCheck;
pub use graph::ConflictGraph;

use crate::analysis::happens_before::HeldLock;
use crate::event::{LockId, Mode, Object, Op, SiteId, ThreadId};

/// What an operation does, as far as conflicts go.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Act {
    /// Begins a region.
    Enters,
    /// Ends a region.
    Leaves,
    /// Reads a cell or atomic.
    Reads(Object),
    /// Writes a cell or atomic, whether it looks or not.
    Writes(Object),
    /// Acquires a lock.
    Takes(LockId, Mode),
    /// Releases a lock.
    Releases(LockId, Mode),
    /// Starts a thread.
    Starts(ThreadId),
    /// Joins a thread.
    Joins(ThreadId),
}

impl Act {
    /// What the operation does; `None` if it conflicts with nothing.
    #[must_use]
    pub const fn of(op: Op) -> Option<Self> {
        Some(match op {
            Op::RegionBegin => Self::Enters,
            Op::RegionEnd => Self::Leaves,
            Op::Read { var } => Self::Reads(Object::Var(var)),
            Op::Write { var } => Self::Writes(Object::Var(var)),
            Op::AtomicLoad { atomic, .. } => Self::Reads(Object::Atomic(atomic)),
            Op::AtomicStore { atomic, .. } | Op::AtomicRmw { atomic, .. } => Self::Writes(Object::Atomic(atomic)),
            Op::Acquired { lock, mode, .. } => Self::Takes(lock, mode),
            Op::Released { lock, mode } => Self::Releases(lock, mode),
            Op::Fork { child } => Self::Starts(child),
            Op::Joined { child } => Self::Joins(child),
            _ => return None,
        })
    }

    /// Is the conflict about data, and not only about who came first?
    const fn is_data(self) -> bool {
        matches!(self, Self::Reads(_) | Self::Writes(_))
    }
}

/// One passage through an outermost region.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Passage {
    /// Passages are numbered from 1 in the order of their begins.
    pub number: u64,
    /// Where it begins.
    pub site: SiteId,
}

/// One operation, in its transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// Who.
    pub thread: ThreadId,
    /// Where.
    pub site: SiteId,
    /// Ordinal in the stream.
    pub ordinal: u64,
    /// What.
    pub act: Act,
    /// The region that it is part of; `None`: a transaction of its own.
    pub region: Option<Passage>,
    /// The lock taken last of those that the thread holds.
    pub held: Option<HeldLock>,
}

/// Two operations of different transactions that conflict, the earlier first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Edge {
    /// The earlier.
    pub from: Step,
    /// The later.
    pub to: Step,
}

impl Edge {
    /// How roundabout the edge is: data says more than locks do.
    const fn cost(&self) -> u32 {
        if self.from.act.is_data() && self.to.act.is_data() { 2 } else { 3 }
    }
}

/// A cycle of transactions.
///
/// The first edge starts, and the last one ends, in the same passage. Where one edge ends and the next starts there is
/// one transaction, or one thread that goes from the one to the other in program order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cycle {
    /// The conflicts, in the order of the cycle; at least two.
    pub edges: Vec<Edge>,
}

impl Cycle {
    /// The operation that closed the cycle, in the region that the cycle is about.
    #[must_use]
    pub fn closing(&self) -> Step {
        self.edges[self.edges.len() - 1].to
    }

    fn cost(&self) -> u32 {
        self.edges.iter().map(Edge::cost).sum()
    }

    /// Same bug, same shape: the sites and what is done there.
    fn shape(&self) -> Vec<(SiteId, Act)> {
        self.edges.iter().flat_map(|edge| [(edge.from.site, edge.from.act), (edge.to.site, edge.to.act)]).collect()
    }
}
