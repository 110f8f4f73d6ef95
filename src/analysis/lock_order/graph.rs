//! The graph itself: nodes, edges with their records, and an order of its components that is kept up to date.
//!
//! Every component has a number, and each edge between two components goes up. An edge that would go down is searched from
//! both its ends in step, between the numbers of the two, as in Haeupler, Kavitha, Mathew, Sen and Tarjan, "Incremental
//! cycle detection, topological ordering, and strong component maintenance" (TALG 8, 2012). If the two searches meet, the
//! edge closes a cycle: the components on it are merged (union-find, and a ring through the members), because a cycle may be
//! legal (guarded by a gate, of one thread) and then stays in the graph. If not, what the one that ends first has found gets
//! new numbers, on the other side of the other end. (The paper moves a part of both sides, for a better worst case. Here
//! one end that nothing precedes, or that precedes nothing, costs O(1), which is what chains of locks need.) Numbers have
//! gaps, so nothing else has to move, and components between which there is no edge may have the same.
//!
//! All walks are iterative. A component is never split again when edges go with a dead lock: it then is a superset of
//! a strongly connected component, which costs searches but loses nothing.

use std::ptr;

use petgraph::graph::{DiGraph, EdgeIndex, NodeIndex};
use petgraph::{Direction, Incoming, Outgoing};

use super::Place;
use super::contexts::{Contexts, IndexTable};
use super::memory::{ask_for_large_pages, prefetch};
use super::node::Node;
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

/// Distance of the places of new nodes.
const SPACE: i64 = 1 << 32;

/// The two ways of a search.
const AHEAD: usize = 0;
const BEHIND: usize = 1;
const DIRECTIONS: [Direction; 2] = [Outgoing, Incoming];

/// A search on its way: for every component that can be reached, forwards or backwards, through components up to a place.
struct Reach {
    way: usize,
    /// The place of the other end; what is beyond it is not looked at.
    bound: i64,
    /// Found ones; those before `done` have been looked at.
    found: Vec<u32>,
    done: usize,
    /// The member of the component at `done` that is looked at, and the next of its edges.
    member: u32,
    edge: Option<EdgeIndex>,
    /// The nearest place beyond the bound that an edge leads to.
    next: Option<i64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// One edge more.
    Edge,
    /// The component that it leads to was found by the other search.
    Met,
    /// There is no edge left.
    End,
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
    // The last place that was given to a new node.
    back: i64,
    // The number of the last search.
    search: u32,
}

impl OrderGraph {
    pub(super) fn add_node(&mut self, place: Place) -> NodeIndex {
        let own = self.graph.node_count();
        self.back += SPACE;
        if own == self.graph.capacity().0 {
            self.graph.reserve_nodes(1);
            let room = self.graph.capacity().0;
            ask_for_large_pages(ptr::slice_from_raw_parts(self.graph.raw_nodes().as_ptr(), room));
        }
        self.graph.add_node(Node::new(own as u32, place, self.back))
    }

    /// Puts a node that never had an edge to a place in the order of the caller's, where it goes above none of `below`.
    pub(super) fn suggest(&mut self, node: NodeIndex, order: i64, mut below: impl Iterator<Item = NodeIndex>) {
        if !self.graph[node].used && below.all(|from| self.node(self.root(from)).order < order) {
            self.graph[node].order = order;
            self.back = self.back.max(order);
        }
    }

    /// Does an edge between the two agree with the order as it stands, each of them alone in its component? Then it closes no
    /// cycle, nor do any number of such edges together, as long as the order stands.
    pub(super) fn goes_up(&self, from: NodeIndex, to: NodeIndex) -> bool {
        self.alone(from) && self.alone(to) && self.graph[from].order < self.graph[to].order
    }

    /// The two are to have an edge.
    pub(super) fn promise(&mut self, from: NodeIndex, to: NodeIndex) {
        self.graph[from].used = true;
        self.graph[to].used = true;
    }

    /// The edge between two nodes. One cache miss when there is none.
    pub(super) fn find_edge(&self, from: NodeIndex, to: NodeIndex) -> Option<EdgeIndex> {
        let same = |edge: u32| self.graph.edge_endpoints(EdgeIndex::new(edge as usize - 1)) == Some((from, to));
        self.edges.find(pair_hash(from, to), same).map(|edge| EdgeIndex::new(edge as usize - 1))
    }

    /// Asks for a node.
    #[inline]
    fn prefetch(&self, node: NodeIndex) {
        if let Some(node) = self.graph.raw_nodes().get(node.index()) {
            prefetch(node);
        }
    }

    /// Asks for what an edge between two nodes is added to, once it was judged: the heads of their lists of edges, which are
    /// behind the weight, and the table.
    #[inline]
    pub(super) fn prefetch_edge(&self, from: NodeIndex, to: NodeIndex) {
        self.edges.prefetch(pair_hash(from, to));
        for weight in [from, to].into_iter().filter_map(|node| self.graph.node_weight(node)) {
            prefetch(ptr::from_ref(weight).wrapping_add(1));
        }
    }

    /// Adds a record to the edge between two nodes, and the edge if need be. A record kept uses its context once more.
    pub(super) fn add_record(
        &mut self,
        contexts: &mut Contexts,
        from: NodeIndex,
        to: NodeIndex,
        record: Record,
    ) -> Added {
        match self.find_edge(from, to) {
            Some(edge) => self.add_way(contexts, edge, record),
            None => {
                self.promise(from, to);
                self.link(from, to);
                self.add_edge(contexts, from, to, record)
            }
        }
    }

    /// Adds an edge for which the order is ready.
    fn add_edge(&mut self, contexts: &mut Contexts, from: NodeIndex, to: NodeIndex, record: Record) -> Added {
        if self.graph.edge_count() == self.graph.capacity().1 {
            self.graph.reserve_edges(1);
            let room = self.graph.capacity().1;
            ask_for_large_pages(ptr::slice_from_raw_parts(self.graph.raw_edges().as_ptr(), room));
        }
        let edge = self.graph.add_edge(from, to, Record { next: 0, ..record });
        self.edges.insert(pair_hash(from, to), edge.index() as u32 + 1);
        contexts.share(record.context);
        Added::New
    }

    /// Adds a record to an edge.
    fn add_way(&mut self, contexts: &mut Contexts, edge: EdgeIndex, record: Record) -> Added {
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
    fn link(&mut self, from: NodeIndex, to: NodeIndex) {
        let (from, to) = (self.root(from), self.root(to));
        let (low, high) = (self.node(to).order, self.node(from).order);
        if from == to || high < low {
            return;
        }
        self.search = self.search.checked_add(1).expect("number of searches overflow");
        let (mut ahead, mut behind) = (self.reach(AHEAD, to, high), self.reach(BEHIND, from, low));
        let done = loop {
            match (self.step(&mut ahead), self.step(&mut behind)) {
                (Step::Met, _) | (_, Step::Met) => break self.close(ahead, behind, high),
                (Step::End, _) => break self.spread(ahead.found, Some(high), ahead.next),
                (_, Step::End) => break self.spread(behind.found, behind.next, Some(low)),
                (Step::Edge, Step::Edge) => {}
            }
        };
        if !done {
            self.renumber();
            self.link(NodeIndex::new(from as usize), NodeIndex::new(to as usize));
        }
    }

    fn reach(&mut self, way: usize, start: u32, bound: i64) -> Reach {
        self.node_mut(start).marks[way] = self.search;
        let edge = self.first_edge(start, way);
        Reach { way, bound, found: vec![start], done: 0, member: start, edge, next: None }
    }

    fn first_edge(&self, node: u32, way: usize) -> Option<EdgeIndex> {
        self.graph.first_edge(NodeIndex::new(node as usize), DIRECTIONS[way])
    }

    /// Looks at one edge more.
    fn step(&mut self, reach: &mut Reach) -> Step {
        let way = reach.way;
        loop {
            let Some(edge) = reach.edge else {
                reach.member = self.node(reach.member).ring;
                if reach.member == reach.found[reach.done] {
                    reach.done += 1;
                    let Some(&root) = reach.found.get(reach.done) else {
                        // Stays at the end.
                        reach.done -= 1;
                        return Step::End;
                    };
                    reach.member = root;
                }
                reach.edge = self.first_edge(reach.member, way);
                continue;
            };
            reach.edge = self.graph.next_edge(edge, DIRECTIONS[way]);
            let (from, to) = self.graph.edge_endpoints(edge).expect("an edge of the graph");
            let other = self.root(if way == AHEAD { to } else { from });
            let search = self.search;
            let node = self.node_mut(other);
            let order = node.order;
            if way == AHEAD && order > reach.bound {
                reach.next = Some(reach.next.map_or(order, |next| next.min(order)));
            } else if way == BEHIND && order < reach.bound {
                reach.next = Some(reach.next.map_or(order, |next| next.max(order)));
            } else if node.marks[way] != search {
                node.marks[way] = search;
                let met = node.marks[1 - way] == search;
                reach.found.push(other);
                if met {
                    return Step::Met;
                }
                self.prefetch(NodeIndex::new(other as usize));
            }
            return Step::Edge;
        }
    }

    /// Components that close a cycle become one, at the place `high` of its last; those that are ahead of it go behind that.
    /// False, and nothing done, if there is no room.
    fn close(&mut self, mut ahead: Reach, mut behind: Reach, high: i64) -> bool {
        for reach in [&mut ahead, &mut behind] {
            while self.step(reach) != Step::End {}
        }
        let search = self.search;
        let is_behind = |graph: &Self, root: u32| graph.node(root).marks[BEHIND] == search;
        let (cycle, ahead_only): (Vec<u32>, Vec<u32>) =
            ahead.found.iter().copied().partition(|&root| is_behind(self, root));
        let done = self.spread(ahead_only, Some(high), ahead.next);
        if done && let Some(root) = self.merge(&cycle) {
            self.node_mut(root).order = high;
        }
        done
    }

    /// Gives components new places between two others, in the order that they have. False, and nothing done, if there is no
    /// room.
    fn spread(&mut self, mut roots: Vec<u32>, above: Option<i64>, below: Option<i64>) -> bool {
        let parts = roots.len() as i64 + 1;
        let open = SPACE.saturating_mul(parts);
        let (above, below) = match (above, below) {
            (Some(above), Some(below)) => (Some(above), Some(below)),
            (Some(above), None) => (Some(above), above.checked_add(open)),
            (None, Some(below)) => (below.checked_sub(open), Some(below)),
            (None, None) => (Some(0), Some(open)),
        };
        let (Some(above), Some(below)) = (above, below) else { return false };
        let Some(space) = below.checked_sub(above).map(|space| space / parts).filter(|&space| space > 0) else {
            return false;
        };
        roots.sort_unstable_by_key(|&root| self.node(root).order);
        for (&root, part) in roots.iter().zip(1..) {
            self.node_mut(root).order = above + space * part;
        }
        true
    }

    /// Makes room everywhere. O(n log n) for n nodes, after dozens of searches that took half of the same room each.
    #[cold]
    fn renumber(&mut self) {
        let mut roots: Vec<u32> =
            (0..self.graph.node_count() as u32).filter(|&node| self.node(node).parent == node).collect();
        roots.sort_by_key(|&root| self.node(root).order);
        self.back = 0;
        for root in roots {
            self.back += SPACE;
            self.node_mut(root).order = self.back;
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
            for run in 0..40 {
                let (mut order, mut contexts) = (OrderGraph::default(), Contexts::default());
                let segment = ForkJoin::default().segment(ThreadId(0));
                let context = contexts.intern(ThreadId(0), &segment, &[]);
                for lock in 0..nodes {
                    order.add_node(Place::Lock(LockId(lock as u32)));
                }
                if run % 2 == 0 {
                    // Without room between them, or with as little as that.
                    order
                        .graph
                        .node_weights_mut()
                        .zip(0..)
                        .for_each(|(node, place)| node.order = place * (run % 4 + 1));
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
