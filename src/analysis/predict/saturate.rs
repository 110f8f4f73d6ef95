//! The order that every witness has to keep, as far as it can be seen without a search.
//!
//! Beside what must come before by itself: of two holds in each other's way, the one that begins before the other ends
//! must end before the other begins; a write that comes after the one that a read saw comes after the read, and one that
//! comes before the read comes before the write that the read saw. Each such step may give rise to others; a circle
//! means that there is no witness. The rules are those of M2 (Pavlogiannis, "Fast, sound, and effectively complete
//! dynamic race prediction", POPL 2020), for the events that every witness has.

use rustc_hash::FxHashMap;

use super::clocks::{Clocks, join};
use super::index::{Index, NONE};
use super::slice::{Question, Refuted, Slice, has};
use crate::analysis::predict::word::Kind;

/// Of more events than this the order is not worked out.
const EVENTS_MAX: usize = 20_000;
/// The clocks of the events may have so many numbers together: 256 MiB.
const NUMBERS_MAX: usize = 1 << 26;
/// Steps of one round; those beyond come up again in the next.
const EDGES_MAX: usize = 1 << 20;
/// Rounds after which it is left as it is: what it says is right, but may not be all.
const ROUNDS_MAX: usize = 100;

/// For each required event, how many events of each thread must come before it.
#[derive(Debug)]
pub(super) struct Order {
    threads: usize,
    /// By thread: the place of its first event.
    offsets: Vec<usize>,
    clocks: Vec<u32>,
    /// The order is known; else it says nothing.
    known: bool,
}

impl Order {
    /// Works out the order, and adds to the slice what it finds to be required.
    pub(super) fn new(index: &Index, clocks: &Clocks, question: &Question, slice: &mut Slice) -> Result<Self, Refuted> {
        let threads = index.threads.len();
        let mut order = Self { threads, offsets: Vec::new(), clocks: Vec::new(), known: false };
        let mut edges: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
        let size = |slice: &Slice| slice.required.iter().map(|&done| done as usize).sum::<usize>();
        for _ in 0..ROUNDS_MAX {
            if size(slice) > EVENTS_MAX.min(NUMBERS_MAX / threads) {
                order.known = false;
                return Ok(order);
            }
            let events = order.run(index, slice, &edges)?;
            let mut writes: FxHashMap<u64, Vec<u32>> = FxHashMap::default();
            for &event in events.iter().filter(|&&event| index.entry(event).writes()) {
                writes.entry(index.entry(event).cell()).or_default().push(event);
            }
            let step = Step { index, order: &order, slice };
            let mut new = Vec::new();
            let mut ends = Vec::new();
            for &event in &events {
                if new.len() >= EDGES_MAX {
                    break;
                }
                let entry = index.entry(event);
                match entry.kind {
                    Kind::Acquire => step.holds(event, &mut new, &mut ends),
                    Kind::Read | Kind::Update => {
                        step.reads(event, writes.get(&entry.cell()).map_or(&[], Vec::as_slice), &mut new)?;
                    }
                    _ => {}
                }
            }
            debug_assert!(question.stops.iter().all(|&stop| !has(index, &slice.required, stop)));
            if new.is_empty() && ends.is_empty() {
                break;
            }
            for (before, after) in new {
                edges.entry(after).or_default().push(before);
            }
            for release in ends {
                slice.require(index, clocks, release)?;
            }
        }
        Ok(order)
    }

    /// Must all of this come before the event: is it done?
    pub(super) fn allows(&self, index: &Index, event: u32, done: &[u32]) -> bool {
        self.clock(index, event).is_none_or(|clock| clock.iter().zip(done).all(|(needed, done)| needed <= done))
    }

    fn clock(&self, index: &Index, event: u32) -> Option<&[u32]> {
        let entry = index.entry(event);
        let thread = entry.thread as usize;
        let place = self.offsets.get(thread)? + entry.at as usize;
        if !self.known || place >= self.offsets[thread + 1] {
            return None;
        }
        Some(&self.clocks[place * self.threads..][..self.threads])
    }

    /// Must `one` come before `other`, or is it the same?
    fn ordered(&self, index: &Index, one: u32, other: u32) -> bool {
        let (one, entry) = (index.entry(one), index.entry(other));
        if one.thread == entry.thread {
            return one.at <= entry.at;
        }
        self.clock(index, other).is_some_and(|clock| clock[one.thread as usize] > one.at)
    }

    /// Computes the clocks from the edges; returns the required events in an order that keeps them.
    fn run(&mut self, index: &Index, slice: &Slice, edges: &FxHashMap<u32, Vec<u32>>) -> Result<Vec<u32>, Refuted> {
        let threads = self.threads;
        self.offsets = std::iter::once(0)
            .chain(slice.required.iter().scan(0, |sum, &done| {
                *sum += done as usize;
                Some(*sum)
            }))
            .collect();
        let total = self.offsets[threads];
        self.clocks = vec![0; total * threads];
        self.known = true;
        let mut done = vec![0_u32; threads];
        let mut events = Vec::with_capacity(total);
        loop {
            let before = events.len();
            for thread in 0..threads {
                while done[thread] < slice.required[thread] {
                    let event = index.threads[thread].events[done[thread] as usize];
                    let extra = edges.get(&event).map_or(&[][..], Vec::as_slice);
                    let entry = index.entry(event);
                    let needs = || extra.iter().copied().chain(entry.needs()).chain(index.fork_of(event));
                    if !needs().all(|other| has(index, &done, other)) {
                        break;
                    }
                    let place = self.offsets[thread] + entry.at as usize;
                    let (earlier, rest) = self.clocks.split_at_mut(place * threads);
                    let mine = &mut rest[..threads];
                    if entry.at > 0 {
                        mine.copy_from_slice(&earlier[(place - 1) * threads..]);
                    }
                    mine[thread] = entry.at;
                    for other in needs() {
                        let theirs = index.entry(other);
                        let at = self.offsets[theirs.thread as usize] + theirs.at as usize;
                        let clock: Vec<u32> = self.clocks[at * threads..][..threads].to_vec();
                        let mine = &mut self.clocks[place * threads..][..threads];
                        join(mine, &clock);
                        mine[theirs.thread as usize] = mine[theirs.thread as usize].max(theirs.at + 1);
                    }
                    done[thread] += 1;
                    events.push(event);
                }
            }
            if events.len() == before {
                break;
            }
        }
        if events.len() < total { Err(Refuted::Forced) } else { Ok(events) }
    }
}

/// One round of the rules.
struct Step<'a> {
    index: &'a Index,
    order: &'a Order,
    slice: &'a Slice,
}

impl Step<'_> {
    fn required(&self, event: u32) -> bool {
        has(self.index, &self.slice.required, event)
    }

    fn edge(&self, before: u32, after: u32, new: &mut Vec<(u32, u32)>) {
        if !self.order.ordered(self.index, before, after) {
            new.push((before, after));
        }
    }

    /// The holds of other threads that must end before this one begins.
    fn holds(&self, acquire: u32, new: &mut Vec<(u32, u32)>, ends: &mut Vec<u32>) {
        let (index, entry) = (self.index, self.index.entry(acquire));
        let release = index.release(acquire).filter(|&release| self.required(release));
        let last = release.unwrap_or(acquire);
        let Some(clock) = self.order.clock(index, last) else { return };
        for group in index.groups(entry.object) {
            if group.thread == entry.thread || group.mode.compatible(entry.mode) {
                continue;
            }
            let others = index.acquires(group);
            // A hold that can't be given back comes last of all.
            if !self.slice.can_end(index, acquire) {
                let required = others.partition_point(|&other| self.required(other));
                if let Some(release) = others[..required].last().and_then(|&other| index.release(other)) {
                    if self.required(release) {
                        self.edge(release, acquire, new)
                    } else {
                        ends.push(release)
                    }
                    continue;
                }
            }
            let begun = others.partition_point(|&other| index.entry(other).at < clock[group.thread as usize]);
            let Some(&other) = others[..begun].last() else { continue };
            match index.release(other) {
                Some(release) if self.required(release) => self.edge(release, acquire, new),
                Some(release) => ends.push(release),
                // It is never given back, so the circle is there already.
                None => new.push((acquire, acquire)),
            }
        }
    }

    /// The writes of its cell around a read and the write that it saw.
    fn reads(&self, read: u32, writes: &[u32], new: &mut Vec<(u32, u32)>) -> Result<(), Refuted> {
        let (index, write) = (self.index, self.index.entry(read).link);
        for &between in writes.iter().filter(|&&event| event != write && event != read) {
            if self.order.ordered(index, between, read) {
                if write == NONE {
                    return Err(Refuted::Forced);
                }
                self.edge(between, write, new);
            } else if write == NONE || self.order.ordered(index, write, between) {
                self.edge(read, between, new);
            }
        }
        Ok(())
    }
}
