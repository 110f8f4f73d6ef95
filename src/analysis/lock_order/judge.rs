//! What one request adds to the graph, and what that makes possible.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use petgraph::graph::NodeIndex;
use petgraph::{Incoming, Outgoing};
use rustc_hash::{FxHashMap, FxHashSet};

use super::contexts::{Contexts, Entry};
use super::cycles::{BUDGET, Hop, Search, together, waits_behind_writer};
use super::graph::{Added, OrderGraph, Record};
use super::later::Later;
#[cfg(feature = "detect")]
use super::map::Map;
use super::patterns::{abstract_key, explained, key, site_key, steps};
use super::segments::ForkJoin;
use super::{
    Acquisition, ClassId, ContextId, EdgeView, EdgeWay, Hazard, HeldLock, Moment, Pattern, Place, RecursiveRead,
};
use crate::event::{LockId, Mode, SiteId, ThreadId};

/// Recursive reads of one lock that are kept until a writer comes.
const READS_MAX: usize = 64;
/// Cycles that are reported: where everything is taken in every order there are more than anyone reads, and each takes a
/// kilobyte.
const PATTERNS_MAX: usize = 10_000;
/// Records that the searches look at before each gets less.
const LOOKS_MAX: u64 = 20_000_000;
/// What each gets then: enough for the short cycles.
const BUDGET_LATER: u32 = 500;

/// The second read of a lock by one thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reread {
    // `from` is the first read's place in the held stack, the rest is the second read.
    record: Record,
}

/// The lock-order graph, its fork/join clocks, and the patterns that were found.
///
/// Both homes use it alike: the offline analysis, and the live runtime under one mutex, each behind a [`KnownChains`] of
/// the thread. See the [module](super) for the rules.
///
/// Most edges of live requests are put off, and added while something else is waited for, or before anything else is asked of the
/// graph.
///
/// Costs: a pair of locks seen for the first time takes 0.3 to 0.7 µs, by how much of the graph is in the processor's caches,
/// and 60 to 80 bytes, if no thread held many locks and no cycle is near; a search for cycles looks at most at 100,000
/// records for each new record, and [`LockOrder::is_cut`] says if it wanted more.
///
/// [`KnownChains`]: super::KnownChains
#[derive(Debug)]
pub struct LockOrder {
    fork_join: bool,
    threads: ForkJoin,
    thread_count: usize,
    pub(super) contexts: Contexts,
    pub(super) order: OrderGraph,
    // Locks that have a node. Nodes are made in the order of the ids, which is the order of creation and so mostly the order in
    // which locks are taken: the topological order starts out right.
    locks: u32,
    // For the node of each class, in the order of the nodes: the locks that had one before it.
    between: Vec<u32>,
    classes: FxHashMap<ClassId, NodeIndex>,
    pub(super) rereads: FxHashMap<LockId, Vec<Reread>>,
    // Keys of what was reported.
    patterns: FxHashSet<u64>,
    reads: FxHashSet<(LockId, SiteId, SiteId)>,
    cut: bool,
    /// Cycles reported, and records that all searches together have looked at.
    told: usize,
    looked: u64,
    dropped: u64,
    // Empty between requests; kept for their memory.
    pub(super) entries: Vec<Entry>,
    pub(super) hops: Vec<Hop>,
    // invariant: all go up in the order as it stands, and so do their lifted ones; their contexts are pinned.
    pub(super) later: VecDeque<Later>,
}

impl Default for LockOrder {
    fn default() -> Self {
        Self::new()
    }
}

impl LockOrder {
    /// An empty graph.
    #[must_use]
    pub fn new() -> Self {
        Self {
            fork_join: true,
            threads: ForkJoin::default(),
            thread_count: 0,
            contexts: Contexts::default(),
            order: OrderGraph::default(),
            locks: 0,
            between: Vec::new(),
            classes: FxHashMap::default(),
            rereads: FxHashMap::default(),
            patterns: FxHashSet::default(),
            reads: FxHashSet::default(),
            cut: false,
            told: 0,
            looked: 0,
            dropped: 0,
            entries: Vec::new(),
            hops: Vec::new(),
            later: VecDeque::new(),
        }
    }

    /// An empty graph that keeps patterns whose parts are ordered by fork and join, as SPDOffline (PLDI'23) does.
    #[must_use]
    pub fn ignoring_fork_join() -> Self {
        Self { fork_join: false, ..Self::new() }
    }

    /// Records that `parent` starts `child`. Both begin a new segment: ask [`LockOrder::seed`] for their chain seeds.
    pub fn forked(&mut self, parent: ThreadId, child: ThreadId) {
        self.threads.forked(parent, child);
    }

    /// The present fork/join segment of an owner, for the tasks that it spawns.
    pub fn moment(&mut self, owner: ThreadId) -> Moment {
        Moment(self.threads.segment(owner))
    }

    /// Records that `task` was spawned at this moment of its parent. Told when it is first needed: most tasks never take a
    /// lock below another. Before the parent has anything more judged, it must [advance](Self::advance).
    pub fn begin_after(&mut self, task: ThreadId, base: Option<&Moment>) {
        self.threads.begin_after(task, base.map(|base| &*base.0));
    }

    /// Begins a new segment of an owner, after what it has spawned. Gives its [seed](Self::seed).
    pub fn advance(&mut self, owner: ThreadId) -> u64 {
        self.threads.go_on(owner);
        self.threads.seed(owner)
    }

    /// Records that `parent` saw the end of `child`. `parent` begins a new segment.
    pub fn joined(&mut self, parent: ThreadId, child: ThreadId) {
        self.threads.joined(parent, child);
    }

    /// Moves `thread` (and what it forks from now on) to `session`: requests of different sessions (say, tests of one
    /// process) are never taken to be ordered by fork and join. Begins a new segment.
    pub fn set_session(&mut self, thread: ThreadId, session: u32) {
        self.threads.set_session(thread, session);
    }

    /// The start of every chain key of `thread` in its present fork/join segment: changes whenever the thread forks,
    /// joins or changes its session, and is never given out again.
    pub fn seed(&mut self, thread: ThreadId) -> u64 {
        self.threads.seed(thread)
    }

    /// Tells the class of a living lock. From then on its edges meet the history of its class while it lives, and not
    /// only when it dies; and an edge to a dead lock of the same class is known to be none.
    pub fn set_class(&mut self, lock: LockId, class: ClassId) {
        let node = self.node(lock);
        if self.order.graph[node].class == Some(class) {
            return;
        }
        if self.order.graph[node].class.is_some() || self.classes.contains_key(&class) {
            // What was put off stands for other edges between classes from now on.
            self.catch_up();
        }
        self.order.graph[node].class = Some(class);
    }

    /// Tells where in memory a lock lies, before its first edge: of several locks those that lie in front are mostly taken first
    /// (an array of locks, the fields of a struct; it is how many programs keep an order), so that the topological order
    /// starts out right. `held`: what is held while the lock is asked for.
    pub fn lies_at(&mut self, lock: LockId, address: usize, held: impl Iterator<Item = LockId>) {
        let node = self.node(lock);
        // Room between neighbours for others, and no overflow.
        let place = (address as u64 & ((1 << 47) - 1)) << 15;
        let Self { order, between, locks, .. } = self;
        order.suggest(node, place as i64, held.filter_map(|lock| known_node(*locks, between, lock)));
    }

    /// Judges a request that may wait (never a `try_` or timed one), and returns every hazard that is new with it.
    ///
    /// Call it once for each new chain, before the wait, also for a thread that holds nothing if the lock is a
    /// reader-writer lock and the mode is [`Mode::Exclusive`]: writers matter to the readers. A lock in `held` that is
    /// the one wanted makes no edges (re-entrance; a wait for oneself is another analysis), except for an upgrade.
    pub fn acquire(&mut self, request: &Acquisition<'_>) -> Vec<Hazard> {
        let target = self.node(request.lock);
        self.judge(request, target, Some(request.lock))
    }

    /// Judges a request for a lock so short-lived that it has no node: an edge from everything held to `class`.
    /// `request.lock` is not looked at.
    pub fn class_edge(&mut self, request: &Acquisition<'_>, class: ClassId) -> Vec<Hazard> {
        let target = self.class_node(class);
        self.judge(request, target, None)
    }

    /// The lock is gone; what is known of its order goes over to its class, and may close a cycle there. Its id may be
    /// given to another lock, once no [`KnownChains`](super::KnownChains) holds a chain with it.
    ///
    /// Also fit for a lock that lives on at the end of a session. Cost: its edges.
    pub fn lock_died(&mut self, lock: LockId, class: ClassId) -> Vec<Hazard> {
        let Some(node) = self.known_node(lock) else { return Vec::new() };
        self.catch_up();
        self.order.graph[node].life += 1;
        for reread in self.rereads.remove(&lock).unwrap_or_default() {
            self.contexts.release(reread.record.context);
        }
        let mut edges = Vec::new();
        for direction in [Incoming, Outgoing] {
            while let Some(edge) = self.order.graph.first_edge(node, direction) {
                let (from, to) = self.order.graph.edge_endpoints(edge).expect("an edge of the graph");
                let other = if direction == Incoming { from } else { to };
                edges.push((other, direction == Incoming, self.order.remove_edge(edge)));
            }
        }
        let writers = self.order.remove_writers(node);
        self.order.graph[node].class = None;
        let mut hops = Vec::new();
        for (other, into, records) in edges {
            // Parent → child of one class is legal, and says nothing about the class.
            let ends = (self.class_of(other) != Some(class)).then(|| {
                let tomb = self.class_node(class);
                if into { (other, tomb) } else { (tomb, other) }
            });
            for record in records {
                if let Some((from, to)) = ends {
                    self.add(from, to, record, &mut hops);
                }
                self.contexts.release(record.context);
            }
        }
        for record in writers {
            let tomb = self.class_node(class);
            self.order.add_writer(&mut self.contexts, tomb, record);
            self.contexts.release(record.context);
        }
        let mut hazards = Vec::new();
        hops.into_iter().for_each(|hop| self.search(hop, &mut hazards));
        hazards
    }

    /// Every edge, oldest first. Ways of an edge that were put off come last, each as an edge of its own.
    pub fn edges(&self) -> impl Iterator<Item = EdgeView> + '_ {
        let added = self.order.graph.edge_indices().map(|edge| {
            let (from, to) = self.order.graph.edge_endpoints(edge).expect("an edge of the graph");
            self.edge_view(from, to, self.order.records(edge))
        });
        let later = self.later.iter().flat_map(move |&Later { from, to, record }| {
            let ends = std::iter::once((from, to)).chain(self.lifted(from, to));
            ends.map(move |(from, to)| self.edge_view(from, to, std::iter::once(record)))
        });
        added.chain(later)
    }

    fn edge_view(&self, from: NodeIndex, to: NodeIndex, records: impl Iterator<Item = Record>) -> EdgeView {
        let way = |record: Record| {
            let context = self.contexts.get(record.context);
            let holds = context.held[usize::from(record.from)].report();
            EdgeWay { thread: context.thread, holds, mode: record.mode, site: record.site }
        };
        EdgeView {
            from: self.order.graph[from].place,
            to: self.order.graph[to].place,
            in_cycle: self.order.together(from, to),
            ways: records.map(way).collect(),
        }
    }

    /// Was a search for cycles cut short? (It looks at 100,000 records for each new record, at 500 when all searches together
    /// have looked at twenty million, and at cycles of at most 32 threads; ten thousand cycles are reported.)
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// Records of the edges that were added, not kept, because their edge has 64, 32 by the same thread, or 8 by the same
    /// thread with the same gates and modes.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    #[cfg(test)]
    pub(super) fn contexts_in_use(&self) -> usize {
        self.contexts.len()
    }

    fn node(&mut self, lock: LockId) -> NodeIndex {
        while self.locks <= lock.0 {
            let place = Place::Lock(LockId(self.locks));
            self.order.add_node(place);
            self.locks += 1;
        }
        self.known_node(lock).expect("made above")
    }

    /// The node of a lock, if it has one. Computed, and not looked up in yet another table.
    pub(super) fn known_node(&self, lock: LockId) -> Option<NodeIndex> {
        known_node(self.locks, &self.between, lock)
    }

    fn class_node(&mut self, class: ClassId) -> NodeIndex {
        if let Some(&node) = self.classes.get(&class) {
            return node;
        }
        self.catch_up();
        self.between.push(self.locks);
        let node = self.order.add_node(Place::Class(class));
        self.classes.insert(class, node);
        node
    }

    pub(super) fn class_of(&self, node: NodeIndex) -> Option<ClassId> {
        match self.order.graph[node].place {
            Place::Class(class) => Some(class),
            Place::Lock(_) => self.order.graph[node].class,
        }
    }

    /// Pins what `thread` holds now, so that requests made in it can be told later: a [`ContextId`] stays good until it is
    /// [released](Self::release), whatever the thread has done since.
    pub fn context(&mut self, thread: ThreadId, held: &[HeldLock]) -> ContextId {
        self.thread_count = self.thread_count.max(thread.place() + 1);
        let mut entries = std::mem::take(&mut self.entries);
        entries.extend(held.iter().map(|&HeldLock { lock, mode, site, attempt }| {
            let node = self.node(lock);
            let class = self.order.graph[node].class;
            Entry { lock, life: self.order.graph[node].life, class, site, mode, attempt }
        }));
        let segment = self.threads.segment(thread);
        let context = self.contexts.intern(thread, &segment, &entries);
        entries.clear();
        self.entries = entries;
        ContextId(NonZeroU32::new(context).expect("contexts are counted from 1"))
    }

    /// Pins a pinned context once more.
    pub fn share(&mut self, context: ContextId) {
        self.contexts.share(context.0.get());
    }

    /// Gives up a pin.
    pub fn release(&mut self, context: ContextId) {
        if !self.later.is_empty() && self.contexts.is_last_use(context.0.get()) {
            // It may be the context of an edge that was put off.
            self.catch_up();
        }
        self.contexts.release(context.0.get());
    }

    /// [`LockOrder::acquire`] of a request that was made in a pinned context.
    pub fn acquire_in(&mut self, context: ContextId, lock: LockId, mode: Mode, site: SiteId) -> Vec<Hazard> {
        let target = self.node(lock);
        self.fill(context);
        match self.put_off(context, target, lock, mode, site) {
            true => Vec::new(),
            false => self.judge_in(context.0.get(), target, Some(lock), mode, site, 0),
        }
    }

    /// [`LockOrder::acquire_in`], by the thread itself, while it still holds all of the context: `held`, oldest first.
    pub fn acquire_below(
        &mut self,
        context: ContextId,
        held: impl Iterator<Item = HeldLock>,
        lock: LockId,
        mode: Mode,
        site: SiteId,
    ) -> Vec<Hazard> {
        let target = self.node(lock);
        // What the context has of them need not be looked up: they live.
        let mut entries = std::mem::take(&mut self.entries);
        entries.extend(held.map(|HeldLock { lock, mode, site, attempt }| {
            let life = self.known_node(lock).map_or(0, |node| self.order.graph[node].life);
            Entry { lock, life, class: None, site, mode, attempt }
        }));
        self.entries = entries;
        match self.put_off(context, target, lock, mode, site) {
            true => Vec::new(),
            false => self.judge_in(context.0.get(), target, Some(lock), mode, site, 0),
        }
    }

    /// Where [`LockOrder::acquire_below`] will look, as things stand.
    #[cfg(feature = "detect")]
    pub(crate) fn map(&self) -> Map {
        Map::new(self.order.graph.raw_nodes(), self.between.len())
    }

    /// [`LockOrder::class_edge`] of a request that was made in a pinned context.
    pub fn class_edge_in(&mut self, context: ContextId, class: ClassId, mode: Mode, site: SiteId) -> Vec<Hazard> {
        let target = self.class_node(class);
        self.fill(context);
        self.judge_in(context.0.get(), target, None, mode, site, 0)
    }

    fn fill(&mut self, context: ContextId) {
        self.entries.extend_from_slice(&self.contexts.get(context.0.get()).held);
    }

    fn judge(&mut self, request: &Acquisition<'_>, target: NodeIndex, own: Option<LockId>) -> Vec<Hazard> {
        let context = self.context(request.thread, request.held);
        self.fill(context);
        let hazards = self.judge_in(context.0.get(), target, own, request.mode, request.site, request.event);
        self.release(context);
        hazards
    }

    /// `own`: the lock wanted, if it is a particular one. What the context holds is in `entries`.
    fn judge_in(
        &mut self,
        context: u32,
        target: NodeIndex,
        own: Option<LockId>,
        mode: Mode,
        site: SiteId,
        event: u64,
    ) -> Vec<Hazard> {
        self.catch_up();
        let mut hazards = Vec::new();
        let mut entries = std::mem::take(&mut self.entries);
        let record = |from: usize| Record::new(context, from as u16, mode, site, event);
        let mine = |entry: &Entry| Some(entry.lock) == own;
        let upgrade =
            mode == Mode::Exclusive && entries.iter().any(|entry| mine(entry) && entry.mode == Mode::Upgradable);
        if let (Some(lock), Some(first)) =
            (own, entries.iter().position(|entry| mine(entry) && waits_behind_writer(entry.mode, mode)))
        {
            self.reread(lock, target, Reread { record: record(first) }, &mut hazards);
        }
        if upgrade || !entries.iter().any(mine) {
            let mut hops = std::mem::take(&mut self.hops);
            // The place in the held stack is kept in 16 bits.
            for (at, entry) in entries.iter().enumerate().take(1 << 16).filter(|(_, entry)| !mine(entry)) {
                let node = self.known_node(entry.lock).expect("made with the context");
                let from = match entry.class {
                    _ if entry.life == self.order.graph[node].life => node,
                    // A pinned context can outlive the lock that was held in it: what is kept of that is its class.
                    Some(class) => self.class_node(class),
                    None => continue,
                };
                if own.is_some() || self.class_of(from) != self.class_of(target) {
                    self.add(from, target, record(at), &mut hops);
                }
                self.lift(from, target, record(at), &mut hops);
            }
            if mode == Mode::Exclusive {
                let fresh = !hops.is_empty()
                    || (entries.iter().all(mine)
                        && self.order.add_writer(&mut self.contexts, target, record(0)) == Added::New);
                if fresh {
                    self.writer(own, target, record(0), &mut hops, &mut hazards);
                }
            }
            hops.drain(..).for_each(|hop| self.search(hop, &mut hazards));
            self.hops = hops;
        }
        entries.clear();
        self.entries = entries;
        hazards
    }

    pub(super) fn add(&mut self, from: NodeIndex, to: NodeIndex, record: Record, hops: &mut Vec<Hop>) {
        match self.order.add_record(&mut self.contexts, from, to, record) {
            Added::New => hops.push(Hop { from, to, record }),
            Added::Full => self.dropped += 1,
            Added::Known => {}
        }
    }

    /// Adds an edge between living locks once more between their classes, where these have a history: so that the lock
    /// meets what dead locks of its class did.
    pub(super) fn lift(&mut self, from: NodeIndex, to: NodeIndex, record: Record, hops: &mut Vec<Hop>) {
        if let Some((from, to)) = self.lifted(from, to) {
            self.add(from, to, record, hops);
        }
    }

    /// The edge between classes that an edge stands for besides.
    pub(super) fn lifted(&self, from: NodeIndex, to: NodeIndex) -> Option<(NodeIndex, NodeIndex)> {
        if self.classes.is_empty() {
            return None;
        }
        let lifted =
            |node: NodeIndex| self.class_of(node).and_then(|class| self.classes.get(&class)).copied().unwrap_or(node);
        let (class_from, class_to) = (lifted(from), lifted(to));
        let one_class = self.class_of(from).is_some() && self.class_of(from) == self.class_of(to);
        ((class_from, class_to) != (from, to) && !one_class).then_some((class_from, class_to))
    }

    /// A new writer of `target`: judges the recursive reads that were waiting for one, and searches again from the
    /// requests that can now end up behind it.
    fn writer(
        &mut self,
        own: Option<LockId>,
        target: NodeIndex,
        writer: Record,
        hops: &mut Vec<Hop>,
        hazards: &mut Vec<Hazard>,
    ) {
        if let Some(lock) = own {
            for reread in self.rereads.get(&lock).cloned().unwrap_or_default() {
                self.read_and_write(lock, reread, writer, hazards);
            }
        }
        if self.order.alone(target) {
            return;
        }
        for edge in self.order.incoming(target) {
            let (from, to) = self.order.graph.edge_endpoints(edge).expect("an edge of the graph");
            if self.order.together(from, to) {
                let behind = |record: &Record| waits_behind_writer(Mode::Shared, record.mode);
                hops.extend(self.order.records(edge).filter(behind).map(|record| Hop { from, to, record }));
            }
        }
    }

    fn reread(&mut self, lock: LockId, target: NodeIndex, reread: Reread, hazards: &mut Vec<Hazard>) {
        let kept = self.rereads.entry(lock).or_default();
        if kept.len() < READS_MAX {
            kept.push(reread);
            self.contexts.share(reread.record.context);
        } else {
            self.dropped += 1;
        }
        let writers: Vec<Record> = self.order.writers(target).collect();
        writers.into_iter().for_each(|writer| self.read_and_write(lock, reread, writer, hazards));
    }

    /// A recursive read and a writer: is the writer able to stand between the two reads?
    fn read_and_write(&mut self, lock: LockId, reread: Reread, writer: Record, hazards: &mut Vec<Hazard>) {
        let record = reread.record;
        let (reads, writes) = (self.contexts.get(record.context), self.contexts.get(writer.context));
        let first = reads.held[usize::from(record.from)].report();
        if !together(self.fork_join, reads, writes) || !self.reads.insert((lock, first.site, record.site)) {
            return;
        }
        hazards.push(Hazard::RecursiveRead(RecursiveRead {
            thread: reads.thread,
            held: reads.held.iter().map(Entry::report).collect(),
            lock,
            first,
            mode: record.mode,
            site: record.site,
            event: record.event(),
            writer: writes.thread,
            writer_held: writes.held.iter().map(Entry::report).collect(),
            writer_site: writer.site,
            writer_event: writer.event(),
        }));
    }

    /// Reports every new pattern through `first`.
    fn search(&mut self, first: Hop, hazards: &mut Vec<Hazard>) {
        if !self.order.together(first.from, first.to) {
            return;
        }
        if self.told >= PATTERNS_MAX {
            self.cut = true;
            return;
        }
        let budget = if self.looked < LOOKS_MAX { BUDGET } else { BUDGET_LATER };
        let Self { order, contexts, patterns, classes, told, .. } = self;
        let (fork_join, threads) = (self.fork_join, self.thread_count);
        let mut search = Search { order, contexts, fork_join, threads, budget, cut: false };
        search.run(first, |path| {
            if *told >= PATTERNS_MAX {
                return;
            }
            // A pattern among classes is known by its sites: threads and locks differ from test to test.
            let by_class = path.iter().any(|hop| matches!(order.graph[hop.from].place, Place::Class(_)));
            if by_class && explained(order, contexts, classes, path) {
                return;
            }
            let sites = key(path, |hop| site_key(contexts, hop));
            let new = if by_class {
                patterns.insert(sites)
            } else {
                patterns.insert(sites);
                patterns.insert(key(path, |hop| abstract_key(order, contexts, hop)))
            };
            if new {
                *told += 1;
                hazards.push(Hazard::Cycle(Pattern { steps: steps(order, contexts, path) }));
            }
        });
        self.cut |= search.cut;
        self.looked += u64::from(budget - search.budget);
    }
}

fn known_node(locks: u32, between: &[u32], lock: LockId) -> Option<NodeIndex> {
    let classes = || between.partition_point(|&locks| locks <= lock.0);
    (lock.0 < locks).then(|| NodeIndex::new(lock.index() + classes()))
}
