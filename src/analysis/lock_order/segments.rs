//! Fork/join clocks: which requests the start and end of threads order.
//!
//! A vector clock that only forks and joins advance. A thread's entry is a *slot*, and a forked thread takes over the
//! slot of a dead one when its parent's clock covers the dead one's last time: the slot's line of times stays totally
//! ordered, so that a program which starts and joins threads for ever needs as many slots as it has threads at a time.

use std::sync::Arc;

use super::chains::extend;
use crate::event::{LockId, Mode, ThreadId};

/// How many freed slots a fork looks at before it opens a new one.
const SLOTS_TRIED: usize = 8;

/// A stretch of one thread between two forks or joins: everything in it is ordered alike.
#[derive(Debug)]
pub(super) struct Segment {
    /// Start of the chain keys of this segment; no two segments share one.
    pub(super) seed: u64,
    session: u32,
    slot: u32,
    epoch: u32,
    // The times of other slots that precede this segment, without trailing zeros.
    clock: Box<[u32]>,
}

impl Segment {
    /// The session (say, the test of a process) that it belongs to.
    pub(super) fn session(&self) -> u32 {
        self.session
    }

    /// Does fork and join put one before the other? Never across sessions. O(1).
    pub(super) fn ordered_with(&self, other: &Self) -> bool {
        self.session == other.session && (self.covers(other) || other.covers(self))
    }

    fn covers(&self, other: &Self) -> bool {
        self.clock.get(other.slot as usize).is_some_and(|&time| time >= other.epoch)
    }
}

#[derive(Default, Debug)]
struct Thread {
    slot: u32,
    epoch: u32,
    session: u32,
    seed: u64,
    clock: Vec<u32>,
    // The present segment, made when a request first needs it.
    segment: Option<Arc<Segment>>,
}

/// The fork/join clocks of all threads.
#[derive(Default, Debug)]
pub(super) struct ForkJoin {
    // By thread; none before the first and after the last event.
    threads: Vec<Option<Box<Thread>>>,
    // The last time of each slot.
    slots: Vec<u32>,
    // Slots of joined threads.
    free: Vec<u32>,
    segments: u64,
}

impl ForkJoin {
    /// `parent` starts `child`: what `parent` did so far precedes all that `child` does.
    pub(super) fn forked(&mut self, parent: ThreadId, child: ThreadId) {
        let (mut clock, epoch, slot, session) = {
            let parent = self.thread(parent);
            (parent.clock.clone(), parent.epoch, parent.slot, parent.session)
        };
        raise(&mut clock, slot, epoch);
        let child_slot = self.open_slot(&clock);
        let child_epoch = self.slots[child_slot as usize];
        let seed = self.next_seed(child);
        let thread = Thread { slot: child_slot, epoch: child_epoch, session, seed, clock, segment: None };
        *self.place(child) = Some(Box::new(thread));
        // The parent goes on in a later time than the one that its child has seen.
        let later = epoch.checked_add(1).expect("fork/join clock overflow");
        self.slots[slot as usize] = later;
        self.advance(parent, |parent| parent.epoch = later);
    }

    /// `parent` saw the end of `child`: all that `child` did precedes what `parent` does from now on.
    pub(super) fn joined(&mut self, parent: ThreadId, child: ThreadId) {
        if parent == child {
            return;
        }
        let Some(child) = self.place(child).take() else { return };
        self.free.push(child.slot);
        self.advance(parent, |parent| {
            for (slot, &time) in child.clock.iter().enumerate() {
                raise(&mut parent.clock, slot as u32, time);
            }
            raise(&mut parent.clock, child.slot, child.epoch);
        });
    }

    /// `task` begins after the segment `base` of its parent. (Not told with the fork: most tasks never take a lock.)
    pub(super) fn begin_after(&mut self, task: ThreadId, base: Option<&Segment>) {
        let (clock, session) = match base {
            Some(base) => {
                let mut clock = base.clock.to_vec();
                raise(&mut clock, base.slot, base.epoch);
                (clock, base.session)
            }
            None => (Vec::new(), 0),
        };
        let slot = self.open_slot(&clock);
        let (epoch, seed) = (self.slots[slot as usize], self.next_seed(task));
        *self.place(task) = Some(Box::new(Thread { slot, epoch, session, seed, clock, segment: None }));
    }

    /// The owner goes on in a new segment, which what it has spawned so far does not come after.
    pub(super) fn go_on(&mut self, owner: ThreadId) {
        let slot = self.thread(owner).slot;
        let later = self.thread(owner).epoch.checked_add(1).expect("fork/join clock overflow");
        self.slots[slot as usize] = later;
        self.advance(owner, |owner| owner.epoch = later);
    }

    /// Moves a thread to a session.
    pub(super) fn set_session(&mut self, thread: ThreadId, session: u32) {
        self.advance(thread, |thread| thread.session = session);
    }

    /// Start of the chain keys of the thread's present segment.
    pub(super) fn seed(&mut self, thread: ThreadId) -> u64 {
        self.thread(thread).seed
    }

    /// The thread's present segment.
    pub(super) fn segment(&mut self, thread: ThreadId) -> Arc<Segment> {
        let thread = self.thread(thread);
        let Thread { slot, epoch, session, seed, .. } = *thread;
        let clock = &thread.clock;
        let make = || Arc::new(Segment { seed, session, slot, epoch, clock: clock.as_slice().into() });
        Arc::clone(thread.segment.get_or_insert_with(make))
    }

    fn advance(&mut self, thread: ThreadId, change: impl FnOnce(&mut Thread)) {
        let seed = self.next_seed(thread);
        let thread = self.thread(thread);
        change(thread);
        thread.seed = seed;
        thread.segment = None;
    }

    fn next_seed(&mut self, thread: ThreadId) -> u64 {
        self.segments += 1;
        extend(self.segments, LockId(thread.0), Mode::Exclusive)
    }

    /// A slot whose whole line precedes `clock`, advanced to a time that no one has seen.
    fn open_slot(&mut self, clock: &[u32]) -> u32 {
        let covered = |&slot: &u32| clock.get(slot as usize).is_some_and(|&time| time >= self.slots[slot as usize]);
        let reusable = (0..self.free.len()).rev().take(SLOTS_TRIED).find(|&at| covered(&self.free[at]));
        if let Some(at) = reusable {
            let slot = self.free.swap_remove(at);
            let time = &mut self.slots[slot as usize];
            *time = time.checked_add(1).expect("fork/join clock overflow");
            return slot;
        }
        self.slots.push(1);
        (self.slots.len() - 1) as u32
    }

    fn place(&mut self, thread: ThreadId) -> &mut Option<Box<Thread>> {
        if self.threads.len() <= thread.place() {
            self.threads.resize_with(thread.place() + 1, || None);
        }
        &mut self.threads[thread.place()]
    }

    /// The thread; one that nobody forked starts with an empty clock.
    fn thread(&mut self, thread: ThreadId) -> &mut Thread {
        if self.place(thread).is_none() {
            let slot = self.open_slot(&[]);
            let seed = self.next_seed(thread);
            let epoch = self.slots[slot as usize];
            *self.place(thread) = Some(Box::new(Thread { slot, epoch, seed, ..Thread::default() }));
        }
        self.place(thread).as_mut().expect("made above")
    }
}

/// Raises one entry of a clock to at least `time`.
fn raise(clock: &mut Vec<u32>, slot: u32, time: u32) {
    let slot = slot as usize;
    if clock.len() <= slot {
        clock.resize(slot + 1, 0);
    }
    clock[slot] = clock[slot].max(time);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forks_and_joins_order_segments() {
        let mut threads = ForkJoin::default();
        let [main, one, two, three] = [0, 1, 2, 3].map(ThreadId);
        let before = threads.segment(main);
        threads.forked(main, one);
        threads.forked(main, two);
        let (first, second) = (threads.segment(one), threads.segment(two));
        assert!(before.ordered_with(&first) && second.ordered_with(&before));
        assert!(!first.ordered_with(&second));
        assert!(!threads.segment(main).ordered_with(&second));
        threads.joined(main, one);
        assert!(threads.segment(main).ordered_with(&first));
        threads.forked(main, three);
        let third = threads.segment(three);
        assert!(third.ordered_with(&first), "forked after the join");
        assert!(!third.ordered_with(&second));
        assert_eq!(threads.slots.len(), 3, "the slot of the joined thread is used again");
    }

    #[test]
    fn sessions_are_not_ordered() {
        let mut threads = ForkJoin::default();
        let [main, one, two] = [0, 1, 2].map(ThreadId);
        threads.forked(main, one);
        threads.set_session(one, 1);
        let first = threads.segment(one);
        threads.joined(main, one);
        threads.forked(main, two);
        assert!(!threads.segment(two).ordered_with(&first));
    }

    #[test]
    fn many_threads_need_few_slots() {
        let mut threads = ForkJoin::default();
        for child in 1..10_000 {
            threads.forked(ThreadId(0), ThreadId(child));
            threads.joined(ThreadId(0), ThreadId(child));
        }
        assert_eq!(threads.slots.len(), 2);
    }
}
