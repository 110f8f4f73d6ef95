//! Edges that are put off.
//!
//! Most edges agree with the topological order as it stands, and then it is certain at once that they close no cycle. Of live
//! requests such edges are put off, to be added some hundred at a time, before anything else is asked of the graph: in a
//! large graph nothing is in the processor's caches, and what takes the time is to wait for memory; of many edges known
//! beforehand the waits are all one.

use petgraph::graph::NodeIndex;

use super::contexts::Entry;
use super::graph::Record;
use super::{ContextId, LockOrder};
use crate::event::{LockId, Mode, SiteId};

/// Edges that are put off.
const LATER_MAX: usize = 512;
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
            let goes_up = entry.life == self.order.life(from) && self.order.goes_up(from, target);
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
            let record = Record::new(context.0.get(), at as u16, mode, site, 0);
            self.later.push(Later { from, to: target, record });
            self.order.promise(from, target);
        }
        self.entries = entries;
        true
    }

    /// Adds what was put off.
    pub(super) fn catch_up(&mut self) {
        if self.later.is_empty() {
            return;
        }
        let mut later = std::mem::take(&mut self.later);
        let mut hops = std::mem::take(&mut self.hops);
        let ask = |this: &Self, later: &Later| this.order.prefetch_edge(later.from, later.to);
        later.iter().take(AHEAD).for_each(|later| ask(self, later));
        for (at, &Later { from, to, record }) in later.iter().enumerate() {
            later.get(at + AHEAD).into_iter().for_each(|later| ask(self, later));
            self.add(from, to, record, &mut hops);
            self.lift(from, to, record, &mut hops);
        }
        debug_assert!(hops.iter().all(|hop| !self.order.together(hop.from, hop.to)), "none of these closes a cycle");
        later.clear();
        hops.clear();
        (self.later, self.hops) = (later, hops);
    }
}
