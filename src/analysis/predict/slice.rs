//! What a question is about: the events that every answer needs, and those that any answer can need.

use super::clocks::{Clocks, Prefix};
use super::index::Index;

/// Why no correct reordering does it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Refuted {
    /// One of the operations needs the other to be done: by thread order, fork and join, the values that were read, or
    /// the order of an object whose operations stay in order.
    Ordered,
    /// They stand under one lock.
    Guarded,
    /// What each read saw and the locks together force an order that has a circle.
    Forced,
    /// All reorderings of the events that matter were searched; the number of states.
    Searched(u64),
}

/// Can these threads stop just before these events, all at once?
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) stops: Vec<u32>,
}

/// The part of the trace that a question is about.
///
/// A witness restricted to `useful` is a witness still: `useful` is closed under what must come before, and has the
/// release of each hold that another hold in it excludes, unless no witness can have that release.
#[derive(Debug)]
pub(super) struct Slice {
    /// What every witness has.
    pub(super) required: Prefix,
    /// What a witness may have to have.
    pub(super) useful: Prefix,
    /// What a witness can have at all.
    allowed: Prefix,
}

impl Slice {
    pub(super) fn new(index: &Index, clocks: &Clocks, question: &Question) -> Result<Self, Refuted> {
        let mut required: Prefix = vec![0; index.threads.len()];
        for &stop in &question.stops {
            clocks.before(index, stop, &mut required);
        }
        let passed = |&stop: &u32| required[index.entry(stop).thread as usize] > index.entry(stop).at;
        if question.stops.iter().any(passed) {
            return Err(Refuted::Ordered);
        }
        let allowed = allowed(index, clocks, question);
        let mut slice = Self { useful: Prefix::new(), required, allowed };
        slice.settle(index, clocks)?;
        Ok(slice)
    }

    /// Adds an event, and what must come before it, to what every witness has.
    pub(super) fn require(&mut self, index: &Index, clocks: &Clocks, event: u32) -> Result<(), Refuted> {
        if !self.allows(index, event) {
            return Err(Refuted::Guarded);
        }
        clocks.with(index, event, &mut self.required);
        self.settle(index, clocks)
    }

    /// Can a witness have the event?
    pub(super) fn allows(&self, index: &Index, event: u32) -> bool {
        has(index, &self.allowed, event)
    }

    /// Can a witness give this hold back?
    pub(super) fn can_end(&self, index: &Index, acquire: u32) -> bool {
        index.release(acquire).is_some_and(|release| self.allows(index, release))
    }

    /// How many events a search may have to do with.
    pub(super) fn len(&self) -> usize {
        self.useful.iter().map(|&done| done as usize).sum()
    }

    /// Of two holds in each other's way, of which one can't be given back, the other must be.
    fn settle(&mut self, index: &Index, clocks: &Clocks) -> Result<(), Refuted> {
        'again: loop {
            let open = open(index, &self.required);
            for (place, &one) in open.iter().enumerate() {
                for &other in &open[place + 1..] {
                    if !excludes(index, one, other) {
                        continue;
                    }
                    let end = match (self.can_end(index, one), self.can_end(index, other)) {
                        (false, false) => return Err(Refuted::Guarded),
                        (true, true) => continue,
                        (true, false) => one,
                        (false, true) => other,
                    };
                    let release = index.release(end).expect("it can be given back");
                    clocks.with(index, release, &mut self.required);
                    continue 'again;
                }
            }
            break;
        }
        self.useful.clone_from(&self.required);
        loop {
            let ends: Vec<u32> = open(index, &self.useful)
                .into_iter()
                .filter(|&hold| self.can_end(index, hold) && is_contended(index, &self.useful, hold))
                .filter_map(|hold| index.release(hold))
                .collect();
            if ends.is_empty() {
                return Ok(());
            }
            ends.into_iter().for_each(|release| clocks.with(index, release, &mut self.useful));
        }
    }
}

/// Has the prefix this event?
pub(super) fn has(index: &Index, prefix: &[u32], event: u32) -> bool {
    let entry = index.entry(event);
    entry.at < prefix[entry.thread as usize]
}

/// Are these two holds, of different threads, in each other's way?
pub(super) fn excludes(index: &Index, one: u32, other: u32) -> bool {
    let (one, other) = (index.entry(one), index.entry(other));
    one.object == other.object && one.thread != other.thread && !one.mode.compatible(other.mode)
}

/// The holds that are open where the threads stand.
fn open(index: &Index, prefix: &[u32]) -> Vec<u32> {
    (0..).zip(prefix).flat_map(|(thread, &done)| index.open(thread, done)).collect()
}

/// Has the prefix a hold of another thread that this one excludes?
fn is_contended(index: &Index, prefix: &[u32], hold: u32) -> bool {
    let entry = index.entry(hold);
    index.groups(entry.object).iter().any(|group| {
        group.thread != entry.thread
            && !group.mode.compatible(entry.mode)
            && index.acquires(group).first().is_some_and(|&first| has(index, prefix, first))
    })
}

/// The events that need none of the stops.
fn allowed(index: &Index, clocks: &Clocks, question: &Question) -> Prefix {
    let without = |event: &u32| {
        question.stops.iter().all(|&stop| {
            let stop = index.entry(stop);
            clocks.needed(index, *event, stop.thread) <= stop.at
        })
    };
    index.threads.iter().map(|thread| thread.events.partition_point(without) as u32).collect()
}
