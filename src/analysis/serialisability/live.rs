//! The regions under way, and which operations they reach.
//!
//! Only a transaction under way can still be entered by an edge, so every new cycle passes through one. Of a transaction
//! that is over, all that matters is which regions under way reach it: it is kept as that set, its *sources*. What no
//! region under way reaches is garbage.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::event::{SiteId, ThreadId};

use super::{Cycle, Edge, Passage, Step};

/// Cycles kept of one passage; they are equally short and of different shapes.
const CYCLES: usize = 8;

/// The edges from a region to an operation.
#[derive(Clone, Default, Debug)]
struct Path {
    edges: Option<Arc<[Edge]>>,
    cost: u32,
}

impl Path {
    fn edges(&self) -> &[Edge] {
        self.edges.as_deref().unwrap_or_default()
    }

    /// This path, then another one.
    fn then(&self, next: &Self) -> Self {
        match (&self.edges, &next.edges) {
            (_, None) => self.clone(),
            (None, _) => next.clone(),
            (Some(first), Some(second)) => {
                Self { edges: Some(first.iter().chain(&**second).copied().collect()), cost: self.cost + next.cost }
            }
        }
    }

    fn step(&self, edge: Edge) -> Self {
        Self { edges: Some(self.edges().iter().copied().chain([edge]).collect()), cost: self.cost + edge.cost() }
    }
}

/// A region that reaches something; it was under way when this was written.
#[derive(Clone, Debug)]
pub(super) struct Source {
    thread: ThreadId,
    number: u64,
    path: Path,
}

/// Is the region among the sources, by a path that costs at most so much?
fn has(sources: &[Source], number: u64, cost: u32) -> bool {
    sources.iter().any(|source| source.number == number && source.path.cost <= cost)
}

/// Adds a source, or replaces it if it is now reached by a cheaper path.
fn put(sources: &mut Vec<Source>, new: Source) {
    match sources.iter_mut().find(|source| source.number == new.number) {
        Some(known) if known.path.cost <= new.path.cost => {}
        Some(known) => *known = new,
        None => sources.push(new),
    }
}

/// An operation that others may come after.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) step: Step,
    /// What reaches its transaction; `None`: ask the region that it is part of.
    pub(super) sources: Option<Arc<[Source]>>,
}

/// A region under way.
#[derive(Debug)]
pub(super) struct Region {
    passage: Passage,
    /// Other regions that reach this one.
    sources: Vec<Source>,
    /// The cheapest cycles through it.
    pub(super) cycles: Vec<Cycle>,
    /// Someone else tells of this passage.
    pub(super) told: bool,
}

/// All that is under way.
#[derive(Default, Debug)]
pub(super) struct Live {
    /// By thread.
    regions: Vec<Option<Region>>,
    /// What reaches a passage that is over, if anything does.
    finished: FxHashMap<u64, Vec<Source>>,
    /// Passages so far.
    begun: u64,
    /// Passages up to this one are over, and nothing under way reaches them.
    dead: u64,
    active: usize,
    broken: bool,
}

impl Live {
    /// Is no region under way?
    pub(super) const fn is_idle(&self) -> bool {
        self.active == 0
    }

    /// Has there been a cycle?
    pub(super) const fn is_broken(&self) -> bool {
        self.broken
    }

    /// How many passages that are over are still remembered.
    pub(super) fn finished(&self) -> usize {
        self.finished.len()
    }

    pub(super) fn region(&self, thread: ThreadId) -> Option<&Region> {
        self.regions.get(thread.place())?.as_ref()
    }

    pub(super) fn region_mut(&mut self, thread: ThreadId) -> Option<&mut Region> {
        self.regions.get_mut(thread.place())?.as_mut()
    }

    pub(super) fn regions(&self) -> impl Iterator<Item = &Region> {
        self.regions.iter().flatten()
    }

    pub(super) fn passage(&self, thread: ThreadId) -> Option<Passage> {
        self.region(thread).map(|region| region.passage)
    }

    fn numbered(&self, thread: ThreadId, number: u64) -> Option<&Region> {
        self.region(thread).filter(|region| region.passage.number == number)
    }

    /// A passage begins, after what the thread did last.
    pub(super) fn enter(&mut self, thread: ThreadId, site: SiteId, last: Option<&Record>) {
        let sources = last.map_or_else(Vec::new, |last| self.sources(last));
        self.begun += 1;
        self.active += 1;
        if self.regions.len() <= thread.place() {
            self.regions.resize_with(thread.place() + 1, || None);
        }
        let passage = Passage { number: self.begun, site };
        self.regions[thread.place()] = Some(Region { passage, sources, cycles: Vec::new(), told: false });
    }

    /// The thread's passage ends.
    pub(super) fn leave(&mut self, thread: ThreadId) -> Option<Region> {
        let region = self.regions.get_mut(thread.place())?.take()?;
        self.active -= 1;
        if self.active == 0 {
            self.dead = self.begun;
            self.finished.clear();
            return Some(region);
        }
        let sources = self.expand(&region.sources, &Path::default());
        if !sources.is_empty() {
            self.finished.insert(region.passage.number, sources);
        }
        Some(region)
    }

    /// The regions under way behind `sources`, each with a path that goes on with `rest`.
    fn expand(&self, sources: &[Source], rest: &Path) -> Vec<Source> {
        let mut out = Vec::new();
        let mut work = vec![(sources, rest.clone())];
        let mut seen: Vec<u64> = Vec::new();
        while let Some((sources, rest)) = work.pop() {
            for source in sources.iter().filter(|source| source.number > self.dead) {
                let &Source { thread, number, ref path } = source;
                if self.numbered(thread, number).is_some() {
                    if !has(&out, number, path.cost + rest.cost) {
                        put(&mut out, Source { thread, number, path: path.then(&rest) });
                    }
                } else if let Some(behind) = self.finished.get(&number)
                    && !seen.contains(&number)
                {
                    seen.push(number);
                    work.push((behind, path.then(&rest)));
                }
            }
        }
        out
    }

    /// The regions under way that reach the record's transaction, or are it.
    fn sources(&self, record: &Record) -> Vec<Source> {
        match (&record.sources, record.step.region) {
            (Some(sources), _) => self.expand(sources, &Path::default()),
            (None, Some(passage)) if passage.number > self.dead => {
                let itself = Source { thread: record.step.thread, number: passage.number, path: Path::default() };
                self.expand(&[itself], &Path::default())
            }
            (None, _) => Vec::new(),
        }
    }

    /// Brings a record up to date; false if nothing under way reaches it.
    pub(super) fn refresh(&self, record: &mut Record) -> bool {
        let under_way = |thread, number| self.numbered(thread, number).is_some();
        let fresh = match (&record.sources, record.step.region) {
            (Some(sources), _) => sources.iter().all(|source| under_way(source.thread, source.number)),
            (None, Some(passage)) => under_way(record.step.thread, passage.number),
            (None, None) => false,
        };
        if !fresh {
            record.sources = Some(self.sources(record).into());
        }
        record.sources.as_ref().is_none_or(|sources| !sources.is_empty())
    }

    /// Forgets the passages that are over, all records being up to date.
    pub(super) fn forget_finished(&mut self) {
        for index in 0..self.regions.len() {
            if let Some(region) = &self.regions[index] {
                let sources = self.expand(&region.sources, &Path::default());
                self.regions[index].as_mut().expect("it is there").sources = sources;
            }
        }
        self.finished.clear();
    }

    /// `step`, which no region holds, comes after `record`: what reaches it beside `mine`.
    pub(super) fn arrive_alone(
        &self,
        mine: Option<Arc<[Source]>>,
        record: &Record,
        step: Step,
    ) -> Option<Arc<[Source]>> {
        let edge = Edge { from: record.step, to: step };
        let mut all: Option<Vec<Source>> = None;
        for source in self.sources(record) {
            let known = mine.as_deref().unwrap_or_default();
            if !has(all.as_deref().unwrap_or(known), source.number, source.path.cost + edge.cost()) {
                let path = source.path.step(edge);
                put(all.get_or_insert_with(|| known.to_vec()), Source { path, ..source });
            }
        }
        all.map(Arc::from).or(mine)
    }

    /// `step`, part of a region, comes after `record`: an edge, or the cycle that it would close.
    pub(super) fn arrive(&mut self, record: &Record, step: Step) {
        let Some(passage) = step.region.filter(|_| step.region != record.step.region) else { return };
        let edge = Edge { from: record.step, to: step };
        for source in self.sources(record) {
            let Some(region) = self.region(step.thread) else { return };
            // What reaches the region already is not reached by it.
            if has(&region.sources, source.number, source.path.cost + edge.cost()) {
                continue;
            }
            let way = self.way(passage.number, &source);
            let Some(region) = self.region_mut(step.thread) else { return };
            let path = source.path.step(edge);
            match way {
                None => put(&mut region.sources, Source { path, ..source }),
                Some(way) => {
                    keep_cycle(&mut region.cycles, Cycle { edges: way.then(&path).edges().to_vec() });
                    self.broken = true;
                }
            }
        }
    }

    /// A path from the region `number` to another one under way.
    fn way(&self, number: u64, to: &Source) -> Option<Path> {
        if to.number == number {
            return Some(Path::default());
        }
        let mut work = vec![(to.thread, to.number, Path::default())];
        let mut seen = vec![to.number];
        while let Some((thread, at, rest)) = work.pop() {
            let Some(region) = self.numbered(thread, at).filter(|region| !region.sources.is_empty()) else { continue };
            for source in self.expand(&region.sources, &rest) {
                if source.number == number {
                    return Some(source.path);
                }
                if !seen.contains(&source.number) {
                    seen.push(source.number);
                    work.push((source.thread, source.number, source.path));
                }
            }
        }
        None
    }
}

/// Keeps the cycle if it is one of the cheapest.
fn keep_cycle(cycles: &mut Vec<Cycle>, cycle: Cycle) {
    let (cost, best) = (cycle.cost(), cycles.first().map_or(u32::MAX, Cycle::cost));
    if cost < best {
        cycles.clear();
    }
    if cost <= best && cycles.len() < CYCLES && cycles.iter().all(|known| known.shape() != cycle.shape()) {
        cycles.push(cycle);
    }
}
