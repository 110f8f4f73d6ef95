//! Cycles of the graph that are deadlock patterns.
//!
//! A new record can only close cycles that run through itself, so the search starts with it and looks for the ways back
//! to the node that it leaves, inside one component. It carries one record for every edge of its path, and gives a
//! record up as soon as it can't be part of a deadlock together with one already chosen: same thread, a common gate,
//! ordered by fork and join, or modes that do not wait for each other. Depth-first with an explicit stack.

use petgraph::graph::{EdgeIndex, NodeIndex};
use petgraph::{Incoming, Outgoing};
use rustc_hash::FxHashMap;

use super::contexts::{Context, Contexts};
use super::graph::{OrderGraph, Record};
use crate::event::Mode;

/// Longest cycle looked for.
const LENGTH_MAX: usize = 32;
/// Records looked at for one new record before the search is cut short.
pub(super) const BUDGET: u32 = 100_000;

/// An edge of the path with the record chosen for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hop {
    pub(super) from: NodeIndex,
    pub(super) to: NodeIndex,
    pub(super) record: Record,
}

/// One search, for the cycles through one record.
pub(super) struct Search<'a> {
    pub(super) order: &'a OrderGraph,
    pub(super) contexts: &'a Contexts,
    /// Is a pattern whose parts are ordered by fork and join dropped?
    pub(super) fork_join: bool,
    /// Threads seen so far: no cycle is longer.
    pub(super) threads: usize,
    /// Records that may still be looked at; at first [`BUDGET`].
    pub(super) budget: u32,
    /// The budget ran out, or there are more than [`LENGTH_MAX`] threads and a way back that long.
    pub(super) cut: bool,
}

/// Does a request wait behind a *waiting* writer, where the lock is held in `held` and the two modes are compatible?
///
/// A plain read queues behind a writer that waits, and so does an upgradable one (parking_lot's `WRITER_BIT`); a
/// recursive read doesn't. Beside an upgradable reader no other writer gets as far as to announce itself.
pub(super) fn waits_behind_writer(held: Mode, wanted: Mode) -> bool {
    held.is_shared() && matches!(wanted, Mode::Shared | Mode::Upgradable)
}

/// Can two owners stand at their requests at the same time? Distinct threads, no common gate, and (if `fork_join` is to
/// be looked at) not ordered by fork and join.
pub(super) fn together(fork_join: bool, one: &Context, other: &Context) -> bool {
    one.thread != other.thread && !one.excludes(other) && !(fork_join && one.segment.ordered_with(&other.segment))
}

/// A place in the records of a node's outgoing edges.
struct Cursor {
    edge: Option<EdgeIndex>,
    record: Option<Record>,
}

impl Cursor {
    fn at(order: &OrderGraph, node: NodeIndex) -> Self {
        Self::edge(order, order.graph.first_edge(node, Outgoing))
    }

    fn edge(order: &OrderGraph, edge: Option<EdgeIndex>) -> Self {
        Self { edge, record: edge.map(|edge| order.graph[edge]) }
    }

    /// The next hop; edges into nodes that are not `wanted` are skipped whole.
    fn advance(&mut self, order: &OrderGraph, wanted: impl Fn(NodeIndex) -> bool) -> Option<Hop> {
        loop {
            let edge = self.edge?;
            let (from, to) = order.graph.edge_endpoints(edge)?;
            match self.record {
                Some(record) if wanted(to) => {
                    self.record = order.next_record(&record);
                    return Some(Hop { from, to, record });
                }
                _ => *self = Self::edge(order, order.graph.next_edge(edge, Outgoing)),
            }
        }
    }
}

impl Search<'_> {
    /// Calls `found` with every pattern through `first`: hops in the order of waiting, `first` first.
    pub(super) fn run(&mut self, first: Hop, mut found: impl FnMut(&[Hop])) {
        let distances = self.distances(first);
        if !distances.contains_key(&first.to) {
            return;
        }
        let (mut path, mut cursors) = (vec![first], vec![Cursor::at(self.order, first.to)]);
        while let Some(cursor) = cursors.last_mut() {
            let room = self.length() - path.len();
            // The node can be reached, the way back from it fits, and the path has not been there.
            let useful = |to: NodeIndex| {
                distances.get(&to).is_some_and(|&distance| distance < room)
                    && path[1..].iter().all(|hop| hop.from != to)
            };
            let Some(hop) = cursor.advance(self.order, useful) else {
                cursors.pop();
                path.pop();
                continue;
            };
            let Some(budget) = self.budget.checked_sub(1) else {
                self.cut = true;
                return;
            };
            self.budget = budget;
            if !self.fits(&path, hop) {
                continue;
            }
            path.push(hop);
            if hop.to == first.from {
                if self.waits(hop.record.mode, first) && self.writers_fit(&path) {
                    found(&path);
                }
                path.pop();
            } else {
                cursors.push(Cursor::at(self.order, hop.to));
            }
        }
    }

    fn length(&self) -> usize {
        self.threads.clamp(1, LENGTH_MAX)
    }

    /// How far it is from each node to the start of `first`: breadth-first and backwards, within the component and at
    /// most as far as a cycle can be long. Prunes the search to ways that do come back.
    fn distances(&mut self, first: Hop) -> FxHashMap<NodeIndex, usize> {
        let mut distances = FxHashMap::default();
        distances.insert(first.from, 0);
        let (mut queue, mut next) = (vec![first.from], 0);
        while let Some(&node) = queue.get(next) {
            next += 1;
            let distance = distances[&node] + 1;
            let mut edge = self.order.graph.first_edge(node, Incoming);
            while let Some(at) = edge {
                let (from, _) = self.order.graph.edge_endpoints(at).expect("an edge of the graph");
                if self.order.together(from, first.from) && !distances.contains_key(&from) {
                    if distance >= self.length() {
                        self.cut |= self.threads > LENGTH_MAX;
                        return distances;
                    }
                    let Some(budget) = self.budget.checked_sub(1) else {
                        self.cut = true;
                        return distances;
                    };
                    self.budget = budget;
                    distances.insert(from, distance);
                    queue.push(from);
                }
                edge = self.order.graph.next_edge(at, Incoming);
            }
        }
        distances
    }

    /// Can `hop` be reached together with every hop of the path, and does the last of them wait for it?
    fn fits(&self, path: &[Hop], hop: Hop) -> bool {
        let mine = self.contexts.get(hop.record.context);
        path.last().is_none_or(|last| self.waits(last.record.mode, hop))
            && path.iter().all(|other| together(self.fork_join, mine, self.contexts.get(other.record.context)))
    }

    /// Can a request in mode `wanted` have to wait for the lock that `holder` starts from?
    fn waits(&self, wanted: Mode, holder: Hop) -> bool {
        let held = self.held_mode(holder);
        !held.compatible(wanted) || waits_behind_writer(held, wanted)
    }

    fn held_mode(&self, hop: Hop) -> Mode {
        self.contexts.get(hop.record.context).held[usize::from(hop.record.from)].mode
    }

    /// Wherever a reader waits for a reader, is there a writer that can stand between them? It must be of none of the
    /// cycle's threads (they all stand elsewhere) and fit together with all of them.
    fn writers_fit(&mut self, path: &[Hop]) -> bool {
        (0..path.len()).all(|at| {
            let (waiter, holder) = (path[at], path[(at + 1) % path.len()]);
            !self.held_mode(holder).compatible(waiter.record.mode) || self.writer_between(path, holder.from)
        })
    }

    fn writer_between(&mut self, path: &[Hop], node: NodeIndex) -> bool {
        for writer in self.order.writers(node) {
            let Some(budget) = self.budget.checked_sub(1) else {
                self.cut = true;
                return false;
            };
            self.budget = budget;
            let writer = self.contexts.get(writer.context);
            if path.iter().all(|hop| together(self.fork_join, writer, self.contexts.get(hop.record.context))) {
                return true;
            }
        }
        false
    }
}
