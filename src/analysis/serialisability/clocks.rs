//! The verdict by vector clocks, in one pass.

use rustc_hash::FxHashSet;

use crate::clock::{Epoch, Slot, Time, VectorClock};
use crate::event::{Event, ThreadId};

use super::Act;
use super::places::{Place, Places, uses};

/// What is known of a place: of the last write, and of the reads since.
#[derive(Default, Debug)]
struct Cell {
    write: VectorClock,
    writer: Option<ThreadId>,
    reads: VectorClock,
    /// The same, but of each reader only what others had done: whether a reader *other than this thread* knows of it.
    foreign: VectorClock,
}

/// A region under way.
#[derive(Debug)]
struct Region {
    begin: Epoch,
    /// The thread has learnt something since.
    learnt: bool,
    /// Places whose clocks know of the begin.
    reached: FxHashSet<Place>,
}

#[derive(Default, Debug)]
struct Thread {
    clock: VectorClock,
    /// Given at the first region.
    slot: Option<Slot>,
    depth: u32,
    region: Option<Region>,
    /// By whom and with what it was started, until it does something itself.
    started: Option<(ThreadId, VectorClock)>,
}

/// Tells whether a run is conflict-serialisable.
///
/// A clock counts the regions that each thread has begun. A region that learns of its own begin from another thread is
/// on a cycle. What a region learns is passed on when it ends, to all that know of its begin.
///
/// Memory: three clocks for each place, one for each thread. Time: O(threads with regions) for each event, and for each
/// end of a region that learnt something the places that know of it. After the first violation the clocks mean nothing,
/// and events are ignored.
///
/// A trace may end within regions; a cycle through several of them may be told only when they end: see
/// [`finish`](Self::finish).
#[derive(Default, Debug)]
pub struct ClockCheck {
    threads: Vec<Thread>,
    /// Those with a region under way.
    active: Vec<ThreadId>,
    places: Places<Cell>,
    slots: u16,
    violation: Option<u64>,
}

impl ClockCheck {
    /// Nothing seen yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next event.
    ///
    /// # Panics
    /// If 65,535 threads have begun regions.
    #[inline]
    pub fn event(&mut self, ordinal: u64, event: &Event) {
        if self.violation.is_none()
            && let Some(act) = Act::of(event.op)
            && self.act(event.owner.thread, act)
        {
            self.violation = Some(ordinal);
        }
    }

    /// The ordinal of the event that showed the violation, if one was shown so far.
    #[must_use]
    pub const fn violation(&self) -> Option<u64> {
        self.violation
    }

    /// Was the run serialisable? Takes the regions under way as ended.
    #[must_use]
    pub fn finish(mut self) -> bool {
        self.violation.is_none() && self.active.clone().into_iter().all(|thread| !self.leave(thread))
    }

    fn thread(&mut self, thread: ThreadId) -> &mut Thread {
        if self.threads.len() <= thread.index() {
            self.threads.resize_with(thread.index() + 1, Thread::default);
        }
        &mut self.threads[thread.index()]
    }

    /// True for a violation.
    fn act(&mut self, thread: ThreadId, act: Act) -> bool {
        let depth = self.thread(thread).depth;
        match act {
            Act::Enters if depth == 0 => self.enter(thread),
            Act::Leaves if depth == 0 => return false,
            _ => {}
        }
        let state = &mut self.threads[thread.index()];
        let started = state.started.take();
        let mut broken = started.is_some_and(|(_, clock)| state.learn(&clock));
        match act {
            Act::Enters => state.depth += 1,
            Act::Leaves => {
                state.depth -= 1;
                return broken || (state.depth == 0 && self.leave(thread));
            }
            Act::Starts(child) => {
                let clock = state.clock.clone();
                self.thread(child).started = Some((thread, clock));
            }
            Act::Joins(child) if child != thread => {
                if let Some(child) = self.threads.get(child.index()) {
                    // Of a thread that did nothing, its start is what comes before.
                    let started = child.started.as_ref().filter(|(parent, _)| *parent != thread);
                    for clock in
                        [Some(child.clock.clone()), started.map(|(_, clock)| clock.clone())].into_iter().flatten()
                    {
                        broken |= self.threads[thread.index()].learn(&clock);
                    }
                }
            }
            _ => broken |= self.touch(thread, act),
        }
        broken
    }

    fn enter(&mut self, thread: ThreadId) {
        let state = &mut self.threads[thread.index()];
        let slots = &mut self.slots;
        let slot = *state.slot.get_or_insert_with(|| {
            *slots = slots.checked_add(1).expect("fewer than 65,536 threads with regions");
            Slot(*slots)
        });
        let begin = Epoch::new(slot, Time::new(state.clock.get(slot).get() + 1));
        state.clock.raise(begin);
        state.region = Some(Region { begin, learnt: false, reached: FxHashSet::default() });
        self.active.push(thread);
    }

    fn touch(&mut self, thread: ThreadId, act: Act) -> bool {
        let state = &mut self.threads[thread.index()];
        for place in uses(act).filter(|place| place.meets) {
            let Some(cell) = self.places.get(place.place) else { continue };
            if cell.writer != Some(thread) && state.learn(&cell.write) {
                return true;
            }
            if place.write {
                if state.region.as_ref().is_some_and(|region| cell.foreign.covers(region.begin)) {
                    return true;
                }
                state.learn_quietly(&cell.reads);
            }
        }
        for place in uses(act).filter(|place| place.stays) {
            let cell = self.places.at(place.place);
            let state = &self.threads[thread.index()];
            if place.write {
                cell.write.clone_from(&state.clock);
                cell.writer = Some(thread);
                cell.reads.clear();
                cell.foreign.clear();
            } else {
                cell.reads.join(&state.clock);
                match state.slot {
                    Some(own) => cell.foreign.join_foreign(&state.clock, own),
                    None => cell.foreign.join(&state.clock),
                };
            }
            self.reach(thread, place.place);
        }
        false
    }

    /// The place knows what the thread knows: it has to be told when a region ends of which the thread knows.
    fn reach(&mut self, thread: ThreadId, place: Place) {
        for index in 0..self.active.len() {
            let region = self.active[index].index();
            let begin = self.threads[region].region.as_ref().map(|region| region.begin);
            if begin.is_some_and(|begin| self.threads[thread.index()].clock.covers(begin))
                && let Some(region) = &mut self.threads[region].region
            {
                region.reached.insert(place);
            }
        }
    }

    /// Passes on what the region has learnt. True for a violation.
    fn leave(&mut self, thread: ThreadId) -> bool {
        let state = &mut self.threads[thread.index()];
        let Some(Region { begin, learnt, reached }) = state.region.take() else { return false };
        self.active.retain(|active| *active != thread);
        if !learnt {
            // Who knows of the begin knows all.
            return false;
        }
        let clock = state.clock.clone();
        for (index, other) in self.threads.iter_mut().enumerate() {
            if index != thread.index() && other.clock.covers(begin) && other.learn(&clock) {
                return true;
            }
            if let Some((_, started)) = other.started.as_mut().filter(|(_, started)| started.covers(begin)) {
                started.join(&clock);
            }
        }
        for place in reached {
            let cell = self.places.at(place);
            if cell.write.covers(begin) {
                cell.write.join(&clock);
            }
            if cell.reads.covers(begin) {
                cell.reads.join(&clock);
            }
            if cell.foreign.covers(begin) {
                cell.foreign.join(&clock);
            } else if cell.reads.covers(begin) {
                cell.foreign.join_foreign(&clock, begin.slot());
            }
            self.reach(thread, place);
        }
        false
    }
}

impl Thread {
    /// Learns from another thread; true if that knows of the region that the thread is in.
    fn learn(&mut self, clock: &VectorClock) -> bool {
        let broken = self.region.as_ref().is_some_and(|region| clock.covers(region.begin));
        self.learn_quietly(clock);
        broken
    }

    fn learn_quietly(&mut self, clock: &VectorClock) {
        let news = self.clock.join(clock);
        if let Some(region) = &mut self.region {
            region.learnt |= news;
        }
    }
}
