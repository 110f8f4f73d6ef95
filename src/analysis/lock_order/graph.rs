//! The graph itself: nodes, edges with their records, and an order of its components that is kept up to date.
//!
//! The order is that of Pearce and Kelly, "A dynamic topological sort algorithm for directed acyclic graphs"
//! (JEA 11, 2006), over the condensation: when an edge closes a cycle, the components on it are merged (union-find, and
//! a ring through the members), because a cycle may be legal (guarded by a gate, of one thread) and then stays in the
//! graph. An edge whose ends are in order already costs O(1); another one costs the part of the graph between its ends.
//! All walks are iterative. A component is never split again when edges go with a dead lock: it then is a superset of
//! a strongly connected component, which costs searches but loses nothing.

use petgraph::graph::{DiGraph, EdgeIndex, NodeIndex};
use petgraph::{Incoming, Outgoing};

use super::contexts::{Contexts, IndexTable, prefetch};
use super::{ClassId, Place};
use crate::event::{Mode, SiteId};

/// Records of one edge by the same thread, with the same gates and modes: they differ in sites and segments only.
const ALIKE_MAX: usize = 8;
/// Records of one edge by the same thread, so that one thread can't fill it.
const THREAD_MAX: usize = 32;
/// Records of one edge.
const RECORDS_MAX: usize = 64;

/// One way in which an edge came about: 20 bytes, the first one inline in the edge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Record {
    /// Thread, segment and held stack.
    pub(super) context: u32,
    // The next record in `more`, plus 1; 0 at the end.
    next: u32,
    /// Where the lock was requested.
    pub(super) site: SiteId,
    event_low: u32,
    event_high: u8,
    /// How the lock was requested.
    pub(super) mode: Mode,
    /// The entry of the held stack that the edge starts from.
    pub(super) from: u16,
}

impl Record {
    pub(super) fn new(context: u32, from: u16, mode: Mode, site: SiteId, event: u64) -> Self {
        let event = event.min((1 << 40) - 1);
        Self { context, next: 0, site, event_low: event as u32, event_high: (event >> 32) as u8, mode, from }
    }

    pub(super) fn event(&self) -> u64 {
        u64::from(self.event_high) << 32 | u64::from(self.event_low)
    }

    fn same(&self, other: &Self) -> bool {
        (self.context, self.from, self.mode) == (other.context, other.from, other.mode)
    }
}

/// A lock, or the dead locks of a class.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    /// The class of a living lock, if it was told.
    pub(super) class: Option<ClassId>,
    // Union-find over the components; a root is its own parent.
    parent: u32,
    // Place in the topological order; only a root's counts.
    order: i64,
    // The next member of the component, in a ring.
    ring: u32,
    // Writers that held nothing else: records in `more`, plus 1; 0 when none.
    writers: u32,
}

/// What became of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Added {
    /// It was known.
    Known,
    /// There are too many like it.
    Full,
    /// It is new.
    New,
}

/// The lock-order graph with its incremental topological order.
#[derive(Default, Debug)]
pub(super) struct OrderGraph {
    pub(super) graph: DiGraph<Node, Record>,
    // Edges by their ends; the index is the edge's plus 1.
    edges: IndexTable,
    more: Vec<Record>,
    free: Vec<u32>,
    // The first and the last place given out beyond those of the nodes' creation.
    front: i64,
    back: i64,
    // Marks of the searches: a node is marked when its entry is the number of the search.
    ahead: Vec<u32>,
    behind: Vec<u32>,
    search: u32,
}

impl OrderGraph {
    pub(super) fn add_node(&mut self, place: Place) -> NodeIndex {
        let own = self.graph.node_count() as u32;
        self.back += 1;
        self.graph.add_node(Node { place, class: None, parent: own, order: self.back, ring: own, writers: 0 })
    }

    /// The edge between two nodes. One cache miss when there is none.
    pub(super) fn find_edge(&self, from: NodeIndex, to: NodeIndex) -> Option<EdgeIndex> {
        let same = |edge: u32| self.graph.edge_endpoints(EdgeIndex::new(edge as usize - 1)) == Some((from, to));
        self.edges.find(pair_hash(from, to), same).map(|edge| EdgeIndex::new(edge as usize - 1))
    }

    /// Asks for a node.
    #[inline]
    pub(super) fn prefetch(&self, node: NodeIndex) {
        if let Some(node) = self.graph.node_weight(node) {
            prefetch(node);
            prefetch(&node.writers);
        }
    }

    /// Asks for what says whether there is an edge between two nodes.
    #[inline]
    pub(super) fn prefetch_edge(&self, from: NodeIndex, to: NodeIndex) {
        self.edges.prefetch(pair_hash(from, to));
    }

    /// Adds a record to the edge between two nodes, and the edge if need be. A record kept uses its context once more.
    pub(super) fn add_record(
        &mut self,
        contexts: &mut Contexts,
        from: NodeIndex,
        to: NodeIndex,
        record: Record,
    ) -> Added {
        let record = Record { next: 0, ..record };
        let Some(edge) = self.find_edge(from, to) else {
            self.link(from, to);
            let edge = self.graph.add_edge(from, to, record);
            self.edges.insert(pair_hash(from, to), edge.index() as u32 + 1);
            contexts.share(record.context);
            return Added::New;
        };
        let (mut alike, mut by_thread, mut all) = (0, 0, 0);
        let holdings = contexts.get(record.context);
        for known in self.records(edge) {
            if known.same(&record) {
                return Added::Known;
            }
            all += 1;
            let context = contexts.get(known.context);
            by_thread += usize::from(context.thread == holdings.thread);
            alike += usize::from(known.mode == record.mode && context.same_holdings(holdings));
        }
        if alike >= ALIKE_MAX || by_thread >= THREAD_MAX || all >= RECORDS_MAX {
            return Added::Full;
        }
        contexts.share(record.context);
        let next = self.graph[edge].next;
        self.graph[edge].next = self.keep(Record { next, ..record });
        Added::New
    }

    /// Adds a writer that held nothing that would make an edge. A record kept uses its context once more.
    pub(super) fn add_writer(&mut self, contexts: &mut Contexts, node: NodeIndex, record: Record) -> Added {
        let (mut alike, mut all) = (0, 0);
        let thread = contexts.get(record.context).thread;
        for known in self.chain(self.graph[node].writers) {
            if known.same(&record) {
                return Added::Known;
            }
            all += 1;
            alike += usize::from(contexts.get(known.context).thread == thread);
        }
        if alike >= ALIKE_MAX || all >= RECORDS_MAX {
            return Added::Full;
        }
        contexts.share(record.context);
        let next = self.graph[node].writers;
        self.graph[node].writers = self.keep(Record { next, ..record });
        Added::New
    }

    /// The records of an edge.
    pub(super) fn records(&self, edge: EdgeIndex) -> impl Iterator<Item = Record> + '_ {
        let first = self.graph[edge];
        std::iter::once(first).chain(self.chain(first.next))
    }

    /// The record after `record` on its edge.
    pub(super) fn next_record(&self, record: &Record) -> Option<Record> {
        record.next.checked_sub(1).map(|at| self.more[at as usize])
    }

    /// Every request for the lock in exclusive mode.
    pub(super) fn writers(&self, node: NodeIndex) -> impl Iterator<Item = Record> + '_ {
        let incoming = self.incoming(node).flat_map(|edge| self.records(edge));
        incoming.filter(|record| record.mode == Mode::Exclusive).chain(self.chain(self.graph[node].writers))
    }

    pub(super) fn incoming(&self, node: NodeIndex) -> impl Iterator<Item = EdgeIndex> + '_ {
        std::iter::successors(self.graph.first_edge(node, Incoming), |&edge| self.graph.next_edge(edge, Incoming))
    }

    /// Takes an edge out, and its records with it; the caller has their contexts' uses.
    pub(super) fn remove_edge(&mut self, edge: EdgeIndex) -> Vec<Record> {
        let records: Vec<Record> = self.records(edge).collect();
        self.discard(self.graph[edge].next);
        let (from, to) = self.graph.edge_endpoints(edge).expect("an edge of the graph");
        self.edges.remove(pair_hash(from, to), edge.index() as u32 + 1);
        // petgraph moves the last edge into the gap.
        let last = EdgeIndex::new(self.graph.edge_count() - 1);
        self.graph.remove_edge(edge);
        if last != edge {
            let (from, to) = self.graph.edge_endpoints(edge).expect("the moved edge");
            self.edges.renumber(pair_hash(from, to), last.index() as u32 + 1, edge.index() as u32 + 1);
        }
        records
    }

    /// Takes the writers of a node out; the caller has their contexts' uses.
    pub(super) fn remove_writers(&mut self, node: NodeIndex) -> Vec<Record> {
        let first = std::mem::take(&mut self.graph[node].writers);
        let records = self.chain(first).collect();
        self.discard(first);
        records
    }

    /// Are both in one component?
    pub(super) fn together(&self, one: NodeIndex, other: NodeIndex) -> bool {
        self.root(one) == self.root(other)
    }

    /// Is the node alone in its component?
    pub(super) fn alone(&self, node: NodeIndex) -> bool {
        self.graph[node].ring == node.index() as u32
    }

    fn chain(&self, first: u32) -> impl Iterator<Item = Record> + '_ {
        let at = |place: u32| place.checked_sub(1).map(|at| self.more[at as usize]);
        std::iter::successors(at(first), move |record| at(record.next))
    }

    /// Puts a record into `more`; returns its place plus 1.
    fn keep(&mut self, record: Record) -> u32 {
        if let Some(place) = self.free.pop() {
            self.more[place as usize] = record;
            return place + 1;
        }
        self.more.push(record);
        self.more.len() as u32
    }

    fn discard(&mut self, first: u32) {
        let mut place = first;
        while let Some(at) = place.checked_sub(1) {
            self.free.push(at);
            place = self.more[at as usize].next;
        }
    }

    /// Without path compression, so that a search can ask; [`OrderGraph::merge`] points every member at the root.
    fn root(&self, node: NodeIndex) -> u32 {
        let mut at = node.index() as u32;
        while self.node(at).parent != at {
            at = self.node(at).parent;
        }
        at
    }

    fn node(&self, node: u32) -> &Node {
        &self.graph[NodeIndex::new(node as usize)]
    }

    fn node_mut(&mut self, node: u32) -> &mut Node {
        &mut self.graph[NodeIndex::new(node as usize)]
    }

    /// Makes the order ready for the edge `from → to`, which is not there yet.
    ///
    /// A deviation from the paper: a node that nothing precedes goes to the front for nothing, and one that precedes
    /// nothing to the back. A chain of locks made in the opposite order would otherwise cost the square of its length.
    fn link(&mut self, from: NodeIndex, to: NodeIndex) {
        let ends = (from, to);
        let (from, to) = (self.root(from), self.root(to));
        let (low, high) = (self.node(to).order, self.node(from).order);
        if from == to || high < low {
            return;
        }
        if self.alone(ends.0) && self.graph.first_edge(ends.0, Incoming).is_none() {
            self.front -= 1;
            self.graph[ends.0].order = self.front;
            return;
        }
        if self.alone(ends.1) && self.graph.first_edge(ends.1, Outgoing).is_none() {
            self.back += 1;
            self.graph[ends.1].order = self.back;
            return;
        }
        self.search = self.search.checked_add(1).expect("number of searches overflow");
        self.ahead.resize(self.graph.node_count(), 0);
        self.behind.resize(self.graph.node_count(), 0);
        let ahead = self.reach(to, |graph, root| graph.node(root).order <= high, true);
        let behind = self.reach(from, |graph, root| graph.node(root).order >= low, false);
        self.reorder(ahead, behind);
    }

    /// Every component that can be reached from `start` (forwards, or backwards) through components that are `within`.
    fn reach(&mut self, start: u32, within: impl Fn(&Self, u32) -> bool, forwards: bool) -> Vec<u32> {
        let search = self.search;
        let mut found = vec![start];
        self.marks(forwards)[start as usize] = search;
        let mut next = 0;
        while let Some(&root) = found.get(next) {
            next += 1;
            let mut member = root;
            loop {
                let direction = if forwards { Outgoing } else { Incoming };
                let mut edge = self.graph.first_edge(NodeIndex::new(member as usize), direction);
                while let Some(at) = edge {
                    let (from, to) = self.graph.edge_endpoints(at).expect("an edge of the graph");
                    let other = self.root(if forwards { to } else { from });
                    if self.marks(forwards)[other as usize] != search && within(self, other) {
                        self.marks(forwards)[other as usize] = search;
                        found.push(other);
                    }
                    edge = self.graph.next_edge(at, direction);
                }
                member = self.node(member).ring;
                if member == root {
                    break;
                }
            }
        }
        found
    }

    fn marks(&mut self, forwards: bool) -> &mut Vec<u32> {
        if forwards { &mut self.ahead } else { &mut self.behind }
    }

    /// Gives the places of both sets out anew: first what is behind, then what is on a cycle as one component, then
    /// what is ahead. Sets behind only move down and sets ahead only up, so nothing outside the two sees a change.
    fn reorder(&mut self, mut ahead: Vec<u32>, mut behind: Vec<u32>) {
        let search = self.search;
        let cycle: Vec<u32> = ahead.iter().copied().filter(|&root| self.behind[root as usize] == search).collect();
        let mut places: Vec<i64> = ahead.iter().chain(&behind).map(|&root| self.node(root).order).collect();
        places.sort_unstable();
        places.dedup();
        ahead.retain(|&root| self.behind[root as usize] != search);
        behind.retain(|&root| self.ahead[root as usize] != search);
        for set in [&mut ahead, &mut behind] {
            set.sort_unstable_by_key(|&root| self.node(root).order);
        }
        for (&root, &place) in behind.iter().zip(&places) {
            self.node_mut(root).order = place;
        }
        if let Some(root) = self.merge(&cycle) {
            self.node_mut(root).order = places[behind.len()];
        }
        for (&root, &place) in ahead.iter().rev().zip(places.iter().rev()) {
            self.node_mut(root).order = place;
        }
    }

    /// Makes one component of several, and returns its root. O(members of all but the largest): each member changes
    /// its root O(log n) times.
    fn merge(&mut self, roots: &[u32]) -> Option<u32> {
        let (&first, rest) = roots.split_first()?;
        let mut root = first;
        for &other in rest {
            // The two rings are walked in step, and the one that ends first moves: union by size without a size.
            let (mut one, mut two) = (self.node(root).ring, self.node(other).ring);
            while one != root && two != other {
                (one, two) = (self.node(one).ring, self.node(two).ring);
            }
            let (keep, moved) = if two == other { (root, other) } else { (other, root) };
            let mut member = moved;
            loop {
                self.node_mut(member).parent = keep;
                member = self.node(member).ring;
                if member == moved {
                    break;
                }
            }
            let (after_keep, after_moved) = (self.node(keep).ring, self.node(moved).ring);
            self.node_mut(keep).ring = after_moved;
            self.node_mut(moved).ring = after_keep;
            root = keep;
        }
        Some(root)
    }
}

#[inline]
fn pair_hash(from: NodeIndex, to: NodeIndex) -> u32 {
    let pair = (from.index() as u64) << 32 | to.index() as u64;
    let mixed = pair.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xd6e8_feb8_6659_fd93) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use petgraph::algo::tarjan_scc;

    use super::*;
    use crate::analysis::lock_order::segments::ForkJoin;
    use crate::event::{LockId, ThreadId};

    /// The components are tarjan's, and every edge between two of them goes up in the order.
    fn check(order: &OrderGraph) {
        for component in tarjan_scc(&order.graph) {
            assert!(component.iter().all(|&node| order.together(node, component[0])));
            let mut ring = vec![component[0]];
            while order.graph[*ring.last().unwrap()].ring != component[0].index() as u32 {
                ring.push(NodeIndex::new(order.graph[*ring.last().unwrap()].ring as usize));
            }
            assert_eq!(ring.len(), component.len());
        }
        for edge in order.graph.edge_indices() {
            let (from, to) = order.graph.edge_endpoints(edge).unwrap();
            let (from, to) = (order.root(from), order.root(to));
            assert!(from == to || order.node(from).order < order.node(to).order);
        }
    }

    #[test]
    fn components_and_order_agree_with_tarjan() {
        let mut random = 7u64;
        let mut below = |limit: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % limit
        };
        for nodes in [2, 3, 5, 9, 14, 30] {
            for _ in 0..40 {
                let (mut order, mut contexts) = (OrderGraph::default(), Contexts::default());
                let segment = ForkJoin::default().segment(ThreadId(0));
                let context = contexts.intern(ThreadId(0), &segment, &[]);
                for lock in 0..nodes {
                    order.add_node(Place::Lock(LockId(lock as u32)));
                }
                for _ in 0..2 * nodes {
                    let (from, to) = (below(nodes), below(nodes));
                    let [from, to] = [from, to].map(|node| NodeIndex::new(node as usize));
                    if from != to {
                        let record = Record::new(context, 0, Mode::Exclusive, SiteId::UNKNOWN, 0);
                        order.add_record(&mut contexts, from, to, record);
                        check(&order);
                    }
                }
            }
        }
    }
}
