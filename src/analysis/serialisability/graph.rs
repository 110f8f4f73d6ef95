//! The graph of live transactions, and its cycles.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use crate::analysis::happens_before::HeldLock;
use crate::event::{Event, Op, SiteId, ThreadId};

use super::live::{Live, Record, Source};
use super::places::{Place, Places, uses};
use super::{Act, Cycle, Step};

/// What was last done at a place and may still matter.
#[derive(Default, Debug)]
struct Cell {
    write: Option<Record>,
    /// Reads since, the last of each thread.
    reads: Vec<Record>,
}

/// A thread, beside its region.
#[derive(Default, Debug)]
struct Thread {
    /// Of regions.
    depth: u32,
    /// Locks, in the order in which it took them.
    held: Vec<HeldLock>,
    last: Option<Record>,
    /// The operation that started it, until it does something itself.
    started: Option<Record>,
}

/// Passages that are over and still referred to, before records are brought up to date and they are forgotten.
const REMEMBERED: usize = 1 << 10;
/// At most so many times as many, where tidying up takes long because there are many records.
const STRETCH: usize = 1 << 10;

/// Finds the cycles of the transactional happens-before order, with the operations that make them.
///
/// The graph is Velodrome's, with garbage collection, and with operations outside regions merged into the sets of regions
/// that reach them. An edge that closes a cycle is told and not added, so the graph stays free of cycles and the search
/// goes on.
///
/// Memory: linear in the places that were used while a region was under way, times the regions that are under way at
/// once; it does not grow with the length of the stream. While no region is under way, an event costs next to nothing;
/// else a look at the places that it uses, and at the regions that reach what was done there.
#[derive(Debug)]
pub struct ConflictGraph {
    live: Live,
    threads: Vec<Thread>,
    places: Places<Cell>,
    remembered: usize,
    /// Remembered passages at which to tidy up next.
    tidy_at: usize,
    shapes: FxHashSet<Vec<(SiteId, Act)>>,
    found: Vec<Cycle>,
}

impl Default for ConflictGraph {
    fn default() -> Self {
        Self::new()
    }
}

impl ConflictGraph {
    /// No transaction yet.
    #[must_use]
    pub fn new() -> Self {
        Self::remembering(REMEMBERED)
    }

    /// As [`new`](Self::new), with so many passages remembered that are over, before it tidies up. Fewer take less memory
    /// and more time; the findings are the same.
    #[must_use]
    pub fn remembering(passages: usize) -> Self {
        Self {
            live: Live::default(),
            threads: Vec::new(),
            places: Places::default(),
            remembered: passages,
            tidy_at: passages,
            shapes: FxHashSet::default(),
            found: Vec::new(),
        }
    }

    /// Takes the next event.
    #[inline]
    pub fn event(&mut self, ordinal: u64, event: &Event) {
        let lock = matches!(event.op, Op::RegionBegin | Op::Acquired { .. } | Op::Released { .. });
        if self.live.is_idle() && !lock {
            return;
        }
        if let Some(act) = Act::of(event.op) {
            self.act(event.owner.thread, event.site, ordinal, act);
        }
    }

    /// Has the run been serialisable so far?
    #[must_use]
    pub fn is_serialisable(&self) -> bool {
        !self.live.is_broken()
    }

    /// Takes out the cycles through passages that ended since the last call; of each passage the shortest, and no shape
    /// twice.
    pub fn take(&mut self) -> Vec<Cycle> {
        std::mem::take(&mut self.found)
    }

    /// The cycles through passages that have not ended, as [`take`](Self::take) would give them.
    pub fn unfinished(&self) -> impl Iterator<Item = &Cycle> {
        let cycles = self.live.regions().filter(|region| !region.told).flat_map(|region| &region.cycles);
        cycles.filter(|cycle| !self.shapes.contains(&cycle.shape()))
    }

    /// The passage that the thread is in is told of already: its cycles are not wanted.
    pub fn told(&mut self, thread: ThreadId) {
        if let Some(region) = self.live.region_mut(thread) {
            region.told = true;
        }
    }

    fn thread(&mut self, thread: ThreadId) -> &mut Thread {
        if self.threads.len() <= thread.index() {
            self.threads.resize_with(thread.index() + 1, Thread::default);
        }
        &mut self.threads[thread.index()]
    }

    fn act(&mut self, thread: ThreadId, site: SiteId, ordinal: u64, act: Act) {
        let idle = self.live.is_idle();
        let state = self.thread(thread);
        let mut held = state.held.last().copied();
        match act {
            Act::Takes(lock, mode) => state.held.push(HeldLock { lock, mode, site }),
            Act::Releases(lock, mode) => {
                if let Some(at) = state.held.iter().rposition(|held| (held.lock, held.mode) == (lock, mode)) {
                    state.held.remove(at);
                }
                held = state.held.last().copied();
            }
            Act::Enters => {
                state.depth += 1;
                if state.depth == 1 {
                    let last = state.last.take();
                    self.live.enter(thread, site, last.as_ref());
                }
            }
            Act::Leaves if state.depth == 0 => return,
            _ => {}
        }
        if idle && act != Act::Enters {
            return;
        }
        let step = Step { thread, site, ordinal, act, region: self.live.passage(thread), held };
        let record = self.place(step);
        if let Act::Starts(child) = act {
            self.thread(child).started.clone_from(&record);
        }
        let state = self.thread(thread);
        state.last = record;
        if act == Act::Leaves {
            state.depth -= 1;
            if state.depth == 0 {
                self.leave(thread);
            }
        }
    }

    /// Puts a step after all that it conflicts with, and leaves it where others will find it. `None`: nothing under way
    /// reaches it.
    fn place(&mut self, step: Step) -> Option<Record> {
        let mine = match step.region {
            Some(_) => None,
            None => self.before(step.thread),
        };
        let mut arrival = Arrival { live: &mut self.live, step, sources: mine };
        if let Some(started) = self.threads[step.thread.index()].started.take() {
            arrival.after(&started);
        }
        if let Act::Joins(child) = step.act
            && let Some(child_thread) = self.threads.get(child.index())
            // Of a thread that did nothing, its start is what comes before.
            && let Some(last) = child_thread.last.as_ref().or(child_thread.started.as_ref())
            && child != step.thread
        {
            arrival.after(last);
        }
        for place in uses(step.act).filter(|place| place.meets) {
            let Some(cell) = self.places.get(place.place) else { continue };
            cell.write.iter().for_each(|write| arrival.after(write));
            if place.write {
                cell.reads.iter().for_each(|read| arrival.after(read));
            }
        }
        let sources = arrival.sources;
        let record = (step.region.is_some() || sources.is_some()).then_some(Record { step, sources });
        for place in uses(step.act).filter(|place| place.stays) {
            self.stay(place.place, place.write, record.as_ref());
        }
        record
    }

    fn stay(&mut self, place: Place, write: bool, record: Option<&Record>) {
        match record {
            None => {
                if let Some(cell) = self.places.get(place).filter(|_| write) {
                    cell.write = None;
                    cell.reads.clear();
                }
            }
            Some(record) if write => {
                let cell = self.places.at(place);
                cell.write = Some(record.clone());
                cell.reads.clear();
            }
            Some(record) => {
                let reads = &mut self.places.at(place).reads;
                match reads.iter_mut().find(|read| read.step.thread == record.step.thread) {
                    Some(read) => *read = record.clone(),
                    None => reads.push(record.clone()),
                }
            }
        }
    }

    /// What reaches the thread's last operation, and so its next one.
    fn before(&mut self, thread: ThreadId) -> Option<Arc<[Source]>> {
        let last = self.threads[thread.index()].last.as_mut()?;
        self.live.refresh(last).then(|| last.sources.clone()).flatten()
    }

    fn leave(&mut self, thread: ThreadId) {
        let Some(region) = self.live.leave(thread) else { return };
        if !region.told {
            let new = region.cycles.into_iter().filter(|cycle| self.shapes.insert(cycle.shape()));
            self.found.extend(new);
        }
        if self.live.finished() > self.tidy_at {
            self.tidy_at = self.tidy().clamp(self.remembered, self.remembered.saturating_mul(STRETCH));
        }
    }

    /// Brings all records up to date, so that passages that are over can be forgotten. Returns how many records there are.
    fn tidy(&mut self) -> usize {
        let (live, mut records) = (&self.live, 0);
        let keep = |record: &mut Option<Record>| {
            if record.as_mut().is_some_and(|record| !live.refresh(record)) {
                *record = None;
            }
            usize::from(record.is_some())
        };
        for thread in &mut self.threads {
            records += keep(&mut thread.last) + keep(&mut thread.started);
        }
        for cell in self.places.iter_mut() {
            cell.reads.retain_mut(|read| live.refresh(read));
            records += keep(&mut cell.write) + cell.reads.len();
        }
        self.live.forget_finished();
        records
    }
}

/// A step on its way to its place in the order.
struct Arrival<'a> {
    live: &'a mut Live,
    step: Step,
    /// Of a step outside regions: what reaches it.
    sources: Option<Arc<[Source]>>,
}

impl Arrival<'_> {
    fn after(&mut self, earlier: &Record) {
        if self.step.region.is_some() {
            self.live.arrive(earlier, self.step);
        } else {
            self.sources = self.live.arrive_alone(self.sources.take(), earlier, self.step);
        }
    }
}
