//! Edges that are put off.
//!
//! Most edges agree with the topological order as it stands, and then it is certain at once that they close no cycle. Of live
//! requests such edges are put off, until the graph is asked for anything else: in a large graph nothing is in the
//! processor's caches, and what takes the time is to wait for memory. Of edges known beforehand the waits are all one; and most
//! are added in the time in which the next one waits for what it is judged by.

use petgraph::graph::NodeIndex;

use super::contexts::Entry;
use super::graph::Record;
use super::{ContextId, LockOrder};
use crate::event::{LockId, Mode, SiteId};

/// Edges that are put off.
const LATER_MAX: usize = 512;
/// Edges that are added at most while something else is waited for.
#[cfg(any(feature = "detect", test))]
const SOME: usize = 8;
/// Edges ahead for which memory is asked while edges that were put off are added.
const AHEAD: usize = 8;

/// An edge that has to be added, but closes no cycle, nor does any other way of the kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Later {
    pub(super) from: NodeIndex,
    pub(super) to: NodeIndex,
    pub(super) record: Record,
}

impl LockOrder {
    /// Puts the edges of a request off, if it is certain that they have nothing to tell: they close no cycle, and the lock has
    /// no reader who would have to know of a new writer. What the context holds is in `entries`, and no longer afterwards if
    /// so.
    pub(super) fn put_off(
        &mut self,
        context: ContextId,
        target: NodeIndex,
        own: LockId,
        mode: Mode,
        site: SiteId,
    ) -> bool {
        let edge = |entry: &Entry| {
            let from = self.known_node(entry.lock)?;
            let goes_up = entry.life == self.order.graph[from].life && self.order.goes_up(from, target);
            let lifts = self.lifted(from, target).is_none_or(|(from, to)| self.order.goes_up(from, to));
            (goes_up && lifts && entry.lock != own).then_some(from)
        };
        if self.entries.is_empty()
            || self.later.len() + self.entries.len() > LATER_MAX
            || !self.rereads.is_empty() && self.rereads.contains_key(&own)
            || !self.entries.iter().all(|entry| edge(entry).is_some())
        {
            return false;
        }
        let mut entries = std::mem::take(&mut self.entries);
        for (at, entry) in entries.drain(..).enumerate() {
            let from = self.known_node(entry.lock).expect("asked for above");
            let later = Later { from, to: target, record: Record::new(context.0.get(), at as u16, mode, site, 0) };
            self.order.promise(from, target);
            self.ask(&later);
            self.later.push_back(later);
        }
        self.entries = entries;
        true
    }

    /// Adds some of what was put off longest: for who waits for memory anyway.
    #[cfg(any(feature = "detect", test))]
    pub(crate) fn work_off(&mut self) {
        let some = self.later.len().div_ceil(2).min(SOME);
        self.work_off_first(some);
    }

    /// Adds all that was put off.
    pub(super) fn catch_up(&mut self) {
        self.later.iter().take(AHEAD).for_each(|later| self.ask(later));
        self.work_off_first(self.later.len());
    }

    /// Adds those that were put off first.
    fn work_off_first(&mut self, count: usize) {
        let mut hops = std::mem::take(&mut self.hops);
        for _ in 0..count {
            self.later.get(AHEAD).into_iter().for_each(|later| self.ask(later));
            let Some(Later { from, to, record }) = self.later.pop_front() else { break };
            self.add(from, to, record, &mut hops);
            self.lift(from, to, record, &mut hops);
        }
        debug_assert!(hops.iter().all(|hop| !self.order.together(hop.from, hop.to)), "none of these closes a cycle");
        hops.clear();
        self.hops = hops;
    }

    /// Asks for what the edge is added to.
    fn ask(&self, later: &Later) {
        self.order.prefetch_edge(later.from, later.to);
        self.contexts.prefetch_uses(later.record.context);
    }
}
