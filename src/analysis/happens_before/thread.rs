//! What a thread knows, and which clock component it counts in.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::clock::{Epoch, Slot, Time, VectorClock};
use crate::event::Order;

use super::sync::SyncClock;
use super::table::at;

/// A state of knowledge: a slot, and a number that changes when a thread in that slot learns something. Equal values
/// stand for equal foreign components; zero stands for nobody's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Knowledge(u64);

impl Knowledge {
    /// Of no single thread.
    pub(super) const NOBODY: Self = Self(0);
    const VERSION_BITS: u32 = 48;

    /// The first knowledge of a slot. Versions start at one, so that no thread's is [`Knowledge::NOBODY`].
    const fn first(slot: Slot) -> Self {
        Self((slot.0 as u64) << Self::VERSION_BITS | 1)
    }

    /// Was it a thread in this slot?
    #[inline]
    pub(super) const fn is_of(self, slot: Slot) -> bool {
        (self.0 >> Self::VERSION_BITS) as u16 == slot.0 && self.0 != 0
    }

    /// Whose, and how many times that slot had learned something.
    #[inline]
    const fn parts(self) -> (Slot, u64) {
        (Slot((self.0 >> Self::VERSION_BITS) as u16), self.0 << (64 - Self::VERSION_BITS))
    }

    #[inline]
    const fn next(self) -> Self {
        assert!(self.0 << (64 - Self::VERSION_BITS) != u64::MAX << (64 - Self::VERSION_BITS), "vector clock overflow");
        Self(self.0 + 1)
    }
}

/// How many there are who want to know whether threads learn from one another by way of a third. While it is not 0, a thread
/// that learns something begins a new moment, unless it is [calm](ThreadClock::calm): who learns from it then, learns of that
/// moment. Else a thread begins moments by its own accesses alone, and one that has none passes on unnoticed what it knows.
pub static ATTENTION: AtomicUsize = AtomicUsize::new(0);

/// The clock of a thread: its own time, and what it knows of the others.
///
/// Time is *lazy*: it advances at the first checked access after a publication, not at the publication. So accesses
/// with one epoch are never separated by a publication, which is all that the race rule needs: whoever covers the epoch
/// learned it from a publication after the last of them. A program without cells never ticks, all its clocks stay
/// empty, and nothing is ever copied.
///
/// The other half of the same invariant: whoever covers the epoch of an access knows everything that the thread knew at
/// that access.
#[derive(Debug)]
pub struct ThreadClock {
    epoch: Epoch,
    knowledge: Knowledge,
    /// The own component is always zero here; it is in `epoch`.
    foreign: VectorClock,
    /// By slot the latest version of its [`Knowledge`] that was learned whole, shifted; 0 where there is none. A slot's later
    /// knowledge holds its earlier.
    learned: Vec<u64>,
    /// Absent until a fence or a relaxed load has something to remember.
    pub(super) fences: Option<Box<Fences>>,
    published: bool,
    /// See [`ThreadClock::calm`].
    calm: bool,
}

/// What fences need of a thread (C++20 31.4, the fence rules of the C++ and Rust memory model).
#[derive(Default, Debug)]
pub(super) struct Fences {
    /// The thread at its last release fence: what its later relaxed stores publish.
    pub(super) release: SyncClock,
    /// What its relaxed loads have read: what its next acquire fence learns.
    pub(super) pending: SyncClock,
}

impl ThreadClock {
    /// The clock of the first thread in `slot`.
    const fn first(slot: Slot) -> Self {
        Self {
            epoch: Epoch::new(slot, Time::ZERO),
            knowledge: Knowledge::first(slot),
            foreign: VectorClock::new(),
            learned: Vec::new(),
            fences: None,
            // Time zero is nobody's access.
            published: true,
            calm: false,
        }
    }

    /// The component in which the thread counts.
    #[inline]
    #[must_use]
    pub const fn slot(&self) -> Slot {
        self.epoch.slot()
    }

    /// The current moment, without advancing it.
    #[inline]
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// What the thread knows of the other slots.
    #[inline]
    #[must_use]
    pub const fn foreign(&self) -> &VectorClock {
        &self.foreign
    }

    #[inline]
    pub(super) const fn knowledge(&self) -> Knowledge {
        self.knowledge
    }

    /// The moment of a checked access: a new one if the thread has published since the last.
    ///
    /// # Panics
    /// With "vector clock overflow" after 2^48 - 1 moments.
    #[inline]
    pub fn access(&mut self) -> Epoch {
        if self.published {
            self.published = false;
            self.epoch = self.epoch.next();
        }
        self.epoch
    }

    /// Learning is no moment of its own for this thread, whoever pays [attention](ATTENTION).
    pub fn calm(&mut self) {
        self.calm = true;
    }

    /// Does everything up to this moment happen before what the thread does next?
    #[inline]
    #[must_use]
    pub fn covers(&self, epoch: Epoch) -> bool {
        // Both sides always: which one holds is anybody's guess, and a wrong guess costs more than the second look.
        (epoch.slot() == self.slot()) | self.foreign.covers(epoch)
    }

    /// Somebody may see the thread's clock from now on: the next access is at a new moment.
    #[inline]
    pub(super) fn mark_published(&mut self) {
        if !self.published {
            self.published = true;
        }
    }

    /// Is there nothing to tell: no access yet, and nothing learned?
    #[inline]
    #[must_use]
    pub fn is_trivial(&self) -> bool {
        self.epoch.is_zero() && self.foreign.is_zero()
    }

    /// Is this moment known, and what its slot knew in this state?
    #[inline]
    pub(super) fn has_learned(&self, publisher: Knowledge, epoch: Epoch) -> bool {
        let (slot, version) = publisher.parts();
        version != 0 && self.learned.get(slot.index()).is_some_and(|&known| known >= version) && self.covers(epoch)
    }

    /// Learns a moment and the clock beside it.
    pub(super) fn learn(&mut self, publisher: Knowledge, epoch: Epoch, rest: &VectorClock) {
        let (slot, version) = publisher.parts();
        if version != 0 {
            let known = at(&mut self.learned, slot.index(), || 0);
            *known = version.max(*known);
        }
        let own = self.slot();
        let mut news = self.foreign.join_foreign(rest, own);
        if epoch.slot() != own {
            news |= self.foreign.raise(epoch);
        }
        if news {
            self.knowledge = self.knowledge.next();
            if !self.calm && ATTENTION.load(Ordering::Relaxed) != 0 {
                self.published = true;
                self.access();
            }
        }
    }

    /// [`learn`](Self::learn), if that takes no memory; false, and nothing done, if it does.
    #[inline]
    pub(super) fn learn_in_place(&mut self, publisher: Knowledge, epoch: Epoch, rest: &VectorClock) -> bool {
        let (slot, version) = publisher.parts();
        let fits = (version == 0 || slot.index() < self.learned.len())
            && self.foreign.has_components_of(rest)
            && (epoch.slot() == self.slot() || self.foreign.has_component(epoch));
        if fits {
            self.learn(publisher, epoch, rest);
        }
        fits
    }

    /// Does the thread know this clock already?
    pub(super) fn knows(&self, epoch: Epoch, rest: &VectorClock) -> bool {
        self.covers(epoch) && rest.leq_foreign(&self.foreign, Some(self.slot()))
    }

    /// A fence. An acquire fence learns what relaxed loads before it have read; a release fence is what relaxed stores
    /// after it publish; the others are both, in this order. Sequential consistency adds no happens-before edge.
    pub fn fence(&mut self, order: Order) {
        let Some(mut fences) = self.fences.take().or_else(|| (!self.is_trivial()).then(Box::default)) else {
            // Nothing was read, and the snapshot would be empty, which is what no fence means.
            return;
        };
        if order.acquires() {
            fences.pending.acquire(self);
            fences.pending.clear();
        }
        if order.releases() {
            fences.release.publish(self);
        }
        self.fences = Some(fences);
    }
}

/// Gives clock components to threads.
///
/// The slot of a finished thread goes to a new thread only when the one that starts it already knows *everything* the
/// finished one did and knew. Then the order between the two is real, so sharing a component loses nothing: who covers a
/// moment of the new thread learned it from a publication of the new thread, which is after all moments of the old one;
/// who covers only moments of the old thread covers none of the new, because the new one's first access ticks. And a
/// [`SyncClock`] last published by the old thread holds nothing that the new one does not know, so that an acquire by
/// "the same slot" may skip it. 100,000 threads started and joined in turn therefore need two components.
#[derive(Default, Debug)]
pub struct SlotTable {
    /// Slots given out so far.
    used: u32,
    /// Last state of the finished threads, newest last.
    finished: Vec<ThreadClock>,
    /// Slots given out to tasks, and those of them that are free, the one that is longest so first.
    strands: usize,
    spare: VecDeque<ThreadClock>,
}

/// Most clocks of tasks at a time. Every clock has a component for each, so tasks by tasks is what this bounds.
const STRANDS: usize = 256;
/// Before the first is used again.
const FRESH_STRANDS: usize = 64;

impl SlotTable {
    /// No slot given out.
    #[must_use]
    pub const fn new() -> Self {
        Self { used: 0, finished: Vec::new(), strands: 0, spare: VecDeque::new() }
    }

    /// Slots given out so far: the most components that a clock can have.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.used as usize
    }

    /// Has no slot been given out?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// A clock for a thread that nobody is known to have started; always a fresh slot. `None` when all 65,536 are taken:
    /// such a thread cannot be followed.
    pub fn root(&mut self) -> Option<ThreadClock> {
        let slot = Slot(u16::try_from(self.used).ok()?);
        self.used += 1;
        Some(ThreadClock::first(slot))
    }

    /// As [`root`](Self::root), for a thread whose accesses are compared with those of its descendants only. The slot may be
    /// that of any finished thread: nothing that was published before now holds a moment of theirs, so nothing that may
    /// order them is lost when an acquire skips what "the same slot" has published.
    pub fn adopt(&mut self) -> Option<ThreadClock> {
        self.adopt_if(|_| true)
    }

    /// As [`adopt`](Self::adopt), going on with that of a finished thread only if what it knew is `fit`. Looks at the last
    /// few.
    pub fn adopt_if(&mut self, mut fit: impl FnMut(&VectorClock) -> bool) -> Option<ThreadClock> {
        const LOOKED_AT: usize = 16;
        let mut last = self.finished.iter().enumerate().rev().take(LOOKED_AT);
        let found = last.find(|(_, old)| fit(&old.foreign)).map(|(index, _)| index);
        match found.map(|index| self.finished.remove(index)) {
            Some(old) => {
                Some(ThreadClock { knowledge: old.knowledge.next(), fences: None, published: true, calm: false, ..old })
            }
            None => self.root(),
        }
    }

    /// A clock for a thread that `parent` starts: it knows what the parent knows. O(finished threads + components).
    /// `None` as in [`root`](Self::root).
    pub fn fork(&mut self, parent: &mut ThreadClock) -> Option<ThreadClock> {
        let reusable = self.finished.iter().rposition(|old| parent.knows(old.epoch, &old.foreign));
        let mut child = match reusable {
            Some(index) => {
                let old = self.finished.swap_remove(index);
                ThreadClock { knowledge: old.knowledge.next(), fences: None, published: true, calm: false, ..old }
            }
            None => self.root()?,
        };
        parent.mark_published();
        child.foreign.clone_from(&parent.foreign);
        child.foreign.forget(child.slot());
        child.foreign.raise(parent.epoch);
        Some(child)
    }

    /// A clock for a task that knows what `base` holds. Tasks are many, so theirs are 256 at most, and a task may go
    /// on with that of one that has ended: then it counts as knowing all that the other did, which misses reports and makes
    /// none. `None` when all are in use: such a task counts as part of the thread that polls it.
    pub fn strand(&mut self, base: &SyncClock) -> Option<ThreadClock> {
        let fresh = if self.strands < FRESH_STRANDS || self.spare.is_empty() { self.fresh_strand() } else { None };
        let mut clock = match fresh {
            Some(clock) => clock,
            None => {
                let old = self.spare.pop_front()?;
                ThreadClock { knowledge: old.knowledge.next(), fences: None, published: true, calm: false, ..old }
            }
        };
        base.acquire(&mut clock);
        Some(clock)
    }

    fn fresh_strand(&mut self) -> Option<ThreadClock> {
        if self.strands == STRANDS {
            return None;
        }
        self.strands += 1;
        self.root()
    }

    /// Takes back the clock of a task that does nothing more.
    pub fn end_strand(&mut self, task: ThreadClock) {
        self.spare.push_back(task);
    }

    /// Takes back the clock of a thread that does nothing more. Whoever waits for its end must have been given a
    /// [`SyncClock`] that it published last.
    pub fn finish(&mut self, mut thread: ThreadClock) {
        thread.fences = None;
        self.finished.push(thread);
    }
}
