//! What must have happened before an event in every reordering that has it: thread order, fork and join, the writes
//! that reads saw, the order of ordered objects. Not locks: their order may change.

use super::Unpredictable;
use super::index::{Index, NONE};

/// How many events of each thread are done. Always closed under thread order, by its form.
pub(super) type Prefix = Vec<u32>;

/// Numbers that the clocks of a trace may have together: 1 GiB.
const NUMBERS_MAX: usize = 1 << 28;

/// For each event the least prefix that has everything which must come before it.
///
/// Between two events that learn something from another thread the clock of a thread stays the same but for its own
/// place, so only the events that learn have one of their own: memory is threads × such events.
#[derive(Debug)]
pub(super) struct Clocks {
    threads: usize,
    /// By event, the number of its clock.
    clock: Vec<u32>,
    pool: Vec<u32>,
}

impl Clocks {
    pub(super) fn new(index: &Index) -> Result<Self, Unpredictable> {
        let threads = index.threads.len();
        let mut clocks = Self { threads, clock: Vec::with_capacity(index.len()), pool: Vec::new() };
        let mut current = vec![NONE; threads];
        let mut joined: Prefix = vec![0; threads];
        for (event, entry) in (0..).zip(&index.entries) {
            let thread = entry.thread as usize;
            let mine = current[thread];
            let fork = index.fork_of(event);
            joined.fill(0);
            if mine != NONE {
                joined.copy_from_slice(clocks.numbers(mine));
            }
            let mut learnt = mine == NONE;
            for other in fork.into_iter().chain(entry.needs()) {
                let (theirs, done) = (index.entry(other).thread as usize, index.entry(other).at + 1);
                if theirs == thread || joined[theirs] >= done {
                    continue;
                }
                learnt = true;
                join(&mut joined, clocks.numbers(clocks.clock[other as usize]));
                joined[theirs] = joined[theirs].max(done);
                // One's own place is known without the clock.
                joined[thread] = 0;
            }
            if learnt {
                if clocks.pool.len() + threads > NUMBERS_MAX {
                    return Err(Unpredictable::TooManyThreads);
                }
                current[thread] = (clocks.pool.len() / threads) as u32;
                clocks.pool.extend_from_slice(&joined);
            }
            clocks.clock.push(current[thread]);
        }
        Ok(clocks)
    }

    fn numbers(&self, clock: u32) -> &[u32] {
        &self.pool[clock as usize * self.threads..][..self.threads]
    }

    /// Adds what must come before `event` to a prefix, without the event itself.
    pub(super) fn before(&self, index: &Index, event: u32, prefix: &mut [u32]) {
        let entry = index.entry(event);
        let last = entry.at.checked_sub(1).and_then(|last| index.event_at(entry.thread, last));
        for other in last.into_iter().chain(index.fork_of(event)) {
            self.with(index, other, prefix);
        }
    }

    /// Adds `event` and what must come before it to a prefix.
    pub(super) fn with(&self, index: &Index, event: u32, prefix: &mut [u32]) {
        let entry = index.entry(event);
        let thread = entry.thread as usize;
        if prefix[thread] <= entry.at {
            join(prefix, self.numbers(self.clock[event as usize]));
            prefix[thread] = prefix[thread].max(entry.at + 1);
        }
    }

    /// How many events of `thread` must come before `event`, or are the event.
    pub(super) fn needed(&self, index: &Index, event: u32, thread: u32) -> u32 {
        let entry = index.entry(event);
        if entry.thread == thread {
            return entry.at + 1;
        }
        self.numbers(self.clock[event as usize])[thread as usize]
    }
}

/// The union of two prefixes, into the first.
pub(super) fn join(into: &mut [u32], other: &[u32]) {
    for (mine, &theirs) in into.iter_mut().zip(other) {
        *mine = (*mine).max(theirs);
    }
}
