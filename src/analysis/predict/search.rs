//! Exhaustive search: every correct reordering of the events that a question is about.
//!
//! Depth first, with an explicit stack. A state is where each thread stands, and for each cell the write that a read to
//! come still has to see; what else was done does not matter, so states are remembered by these two. What only makes
//! more possible (a release, a read that sees its write now, a write that no one can miss) is done at once; only
//! acquisitions that others want as well, and writes to cells that others write as well, are branches. The recorded
//! order is tried first.
//!
//! A search gives up at so many states, and before its memory passes 2 GiB: [`STATES_MAX`] states take 1 GiB at the moment
//! when their table grows, [`BRANCHES_MAX`] branches another.

use rustc_hash::{FxHashMap, FxHashSet};

use super::clocks::Prefix;
use super::index::{Index, NONE, scatter};
use super::saturate::Order;
use super::slice::{Question, Slice, excludes, has};
use super::word::Kind;

/// States that one search can reach, whatever the budget is.
pub(super) const STATES_MAX: u64 = (7 << 21) - 1;
/// Branches that one search can have open.
const BRANCHES_MAX: usize = 1 << 27;

/// How a search ended.
#[derive(Debug)]
pub(super) enum Found {
    /// The events, in an order that ends where the threads are to stop.
    Witness(Vec<u32>),
    /// There is none.
    Nothing,
    /// The states did not suffice.
    GaveUp,
}

/// What is known of a cell.
#[derive(Clone, Default, Debug)]
struct Cell {
    /// Writes of the slice not done yet.
    writes: u32,
}

/// What is known of a write, or of the state of a cell before the first ([`NONE`]).
#[derive(Clone, Copy, Default, Debug)]
struct Write {
    /// Reads of the slice that have to see it and are not done yet.
    readers: u32,
    /// Those of them that every witness has.
    required: u32,
}

/// A state with branches to try.
struct Frame {
    /// Events done when the state was reached.
    depth: usize,
    /// Branches that were open before: the rest are its own, the last to be tried first.
    below: usize,
}

/// One search.
pub(super) struct Search<'a> {
    index: &'a Index,
    question: &'a Question,
    slice: &'a Slice,
    order: &'a Order,
    done: Prefix,
    /// By cell, the write that a read would see now.
    latest: FxHashMap<u64, u32>,
    cells: FxHashMap<u64, Cell>,
    writes: FxHashMap<(u64, u32), Write>,
    schedule: Vec<u32>,
    /// For each event done, the write that it replaced.
    replaced: Vec<u32>,
    visited: FxHashSet<(u64, u64)>,
    /// States reached.
    pub(super) states: u64,
}

impl<'a> Search<'a> {
    pub(super) fn new(index: &'a Index, question: &'a Question, slice: &'a Slice, order: &'a Order) -> Self {
        let mut search = Self {
            index,
            question,
            slice,
            order,
            done: vec![0; index.threads.len()],
            latest: FxHashMap::default(),
            cells: FxHashMap::default(),
            writes: FxHashMap::default(),
            schedule: Vec::new(),
            replaced: Vec::new(),
            visited: FxHashSet::default(),
            states: 0,
        };
        for (thread, &done) in index.threads.iter().zip(&slice.useful) {
            for &event in &thread.events[..done as usize] {
                let entry = index.entry(event);
                if entry.reads() {
                    let write = search.writes.entry((entry.cell(), entry.link)).or_default();
                    write.readers += 1;
                    write.required += u32::from(has(index, &slice.required, event));
                }
                if entry.writes() {
                    search.cells.entry(entry.cell()).or_default().writes += 1;
                }
            }
        }
        search
    }

    /// Searches until there is a witness, nothing is left, or `limit` states or [`STATES_MAX`] were reached.
    pub(super) fn run(&mut self, limit: u64) -> Found {
        let limit = limit.min(STATES_MAX);
        let mut frames: Vec<Frame> = Vec::new();
        // Threads whose next event is a branch.
        let mut branches: Vec<u32> = Vec::new();
        let mut enter = true;
        loop {
            if enter {
                self.advance();
                if self.is_there() {
                    return Found::Witness(std::mem::take(&mut self.schedule));
                }
                if self.visited.insert(self.state()) {
                    self.states += 1;
                    if self.states > limit || branches.len() + self.done.len() > BRANCHES_MAX {
                        return Found::GaveUp;
                    }
                    frames.push(Frame { depth: self.schedule.len(), below: branches.len() });
                    branches.extend(self.branches());
                }
            }
            let Some(&Frame { depth, below }) = frames.last() else { return Found::Nothing };
            while self.schedule.len() > depth {
                self.undo();
            }
            let branch = if branches.len() > below { branches.pop() } else { None };
            enter = branch.is_some();
            match branch {
                Some(thread) => self.step(thread),
                None => drop(frames.pop()),
            }
        }
    }

    fn is_there(&self) -> bool {
        self.question.stops.iter().all(|&stop| {
            let stop = self.index.entry(stop);
            self.done[stop.thread as usize] == stop.at
        }) && self.question.stops.iter().all(|&stop| self.has_begun(stop))
    }

    /// Is the thread of the event forked, if the trace has its fork?
    fn has_begun(&self, event: u32) -> bool {
        self.index.fork_of(event).is_none_or(|fork| has(self.index, &self.done, fork))
    }

    /// Where the threads stand and which writes still have to be seen, twice scattered: equal for equal states, and
    /// different for different ones but for one case in 2^100.
    fn state(&self) -> (u64, u64) {
        let (mut one, mut two) = (0_u64, 0_u64);
        let mut add = |number: u64| {
            let mixed = scatter(number);
            one = one.wrapping_add(mixed);
            two = two.wrapping_add(scatter(mixed ^ 0x5555_5555_5555_5555));
        };
        for (thread, &done) in (0_u64..).zip(&self.done) {
            add(thread << 32 | u64::from(done));
        }
        for (&cell, &write) in &self.latest {
            if self.write(cell, write).readers > 0 {
                add(scatter(cell | 1 << 63) ^ u64::from(write));
            }
        }
        (one, two)
    }

    fn next(&self, thread: usize) -> Option<u32> {
        let done = self.done[thread];
        if done < self.slice.useful[thread] { self.index.event_at(thread as u32, done) } else { None }
    }

    fn latest(&self, cell: u64) -> u32 {
        self.latest.get(&cell).copied().unwrap_or(NONE)
    }

    fn write(&self, cell: u64, write: u32) -> Write {
        self.writes.get(&(cell, write)).copied().unwrap_or_default()
    }

    /// Can the event come next?
    fn is_enabled(&self, event: u32) -> bool {
        let entry = self.index.entry(event);
        if !self.has_begun(event) || !self.order.allows(self.index, event, &self.done) {
            return false;
        }
        if entry.reads() && self.latest(entry.cell()) != entry.link {
            return false;
        }
        if entry.needs().is_some_and(|needed| !has(self.index, &self.done, needed)) {
            return false;
        }
        if entry.writes() {
            // A required read would never see its write.
            let own = u32::from(entry.reads() && has(self.index, &self.slice.required, event));
            return self.write(entry.cell(), self.latest(entry.cell())).required == own;
        }
        entry.kind != Kind::Acquire || self.is_free(event)
    }

    fn is_free(&self, acquire: u32) -> bool {
        let groups = self.index.groups(self.index.entry(acquire).object);
        !groups.iter().any(|group| {
            let done = self.done[group.thread as usize];
            self.index.open(group.thread, done).any(|open| excludes(self.index, acquire, open))
        })
    }

    /// Does doing the event now take nothing away from what can be done later?
    fn is_harmless(&self, event: u32) -> bool {
        let entry = self.index.entry(event);
        match entry.kind {
            Kind::Acquire => !self.index.groups(entry.object).iter().any(|group| {
                group.thread != entry.thread && !group.mode.compatible(entry.mode) && {
                    let others = self.index.acquires(group);
                    let next = others.partition_point(|&other| has(self.index, &self.done, other));
                    others.get(next).is_some_and(|&next| has(self.index, &self.slice.useful, next))
                }
            }),
            Kind::Write | Kind::Update => {
                let cell = entry.cell();
                let own = u32::from(entry.reads());
                self.write(cell, self.latest(cell)).readers == own
                    && (self.write(cell, event).readers == 0
                        || self.cells.get(&cell).is_none_or(|cell| cell.writes <= 1))
            }
            _ => true,
        }
    }

    /// Does everything that is enabled and harmless.
    fn advance(&mut self) {
        let mut moved = true;
        while moved {
            moved = false;
            for thread in 0..self.done.len() {
                while let Some(event) = self.next(thread)
                    && self.is_enabled(event)
                    && self.is_harmless(event)
                {
                    self.step(thread as u32);
                    moved = true;
                }
            }
        }
    }

    /// The threads whose next event is enabled, the one that is oldest in the recording last.
    fn branches(&self) -> Vec<u32> {
        let next = |thread: u32| self.next(thread as usize).filter(|&event| self.is_enabled(event));
        let mut branches: Vec<(u32, u32)> =
            (0..self.done.len() as u32).filter_map(|thread| Some((next(thread)?, thread))).collect();
        branches.sort_unstable_by(|one, other| other.cmp(one));
        branches.into_iter().map(|(_, thread)| thread).collect()
    }

    /// Does the next event of a thread.
    fn step(&mut self, thread: u32) {
        let event = self.index.threads[thread as usize].events[self.done[thread as usize] as usize];
        let entry = self.index.entry(event);
        self.done[thread as usize] += 1;
        self.schedule.push(event);
        let mut replaced = NONE;
        if entry.reads() {
            self.read(event, false);
        }
        if entry.writes() {
            let cell = entry.cell();
            self.cells.entry(cell).or_default().writes -= 1;
            replaced = self.latest.insert(cell, event).unwrap_or(NONE);
        }
        self.replaced.push(replaced);
    }

    /// Takes back the newest event.
    fn undo(&mut self) {
        let (Some(event), Some(replaced)) = (self.schedule.pop(), self.replaced.pop()) else { return };
        let entry = self.index.entry(event);
        self.done[entry.thread as usize] -= 1;
        if entry.writes() {
            self.cells.entry(entry.cell()).or_default().writes += 1;
            match replaced {
                NONE => self.latest.remove(&entry.cell()),
                write => self.latest.insert(entry.cell(), write),
            };
        }
        if entry.reads() {
            self.read(event, true);
        }
    }

    /// Counts a read as done, or as not done.
    fn read(&mut self, event: u32, back: bool) {
        let entry = self.index.entry(event);
        let required = u32::from(has(self.index, &self.slice.required, event));
        let write = self.writes.entry((entry.cell(), entry.link)).or_default();
        if back {
            (write.readers, write.required) = (write.readers + 1, write.required + required);
        } else {
            (write.readers, write.required) = (write.readers - 1, write.required - required);
        }
    }
}
