//! What a thread knows, and which clock component it counts in.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::clock::{Epoch, NEAR, Slot, Time, VectorClock};
use crate::event::Order;

use super::sync::SyncClock;
use super::table::at;

/// A state of knowledge: a slot, a generation of threads there, and a number that changes when its thread learns something.
/// Equal values stand for equal foreign components, and within a generation a later one holds all earlier ones; zero stands
/// for nobody's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Knowledge(u64);

impl Knowledge {
    /// Of no single thread.
    pub(super) const NOBODY: Self = Self(0);
    /// Generation and version. A version too large for its half goes on in the generation, which is harmless: the thread
    /// then learns anew what it published before.
    const STATE_BITS: u32 = 48;
    const VERSION_BITS: u32 = 32;
    /// Generations that a slot is given; the rest is for versions.
    const GENERATIONS: u64 = 1 << 15;

    /// The first knowledge of a slot. Generations start at one, so that no thread's is [`Knowledge::NOBODY`].
    const fn first(slot: Slot) -> Self {
        Self((slot.0 as u64) << Self::STATE_BITS | 1 << Self::VERSION_BITS)
    }

    /// Was it a thread of the same slot and generation?
    #[inline]
    pub(super) const fn is_of_one_with(self, other: Self) -> bool {
        (self.0 ^ other.0) >> Self::VERSION_BITS == 0
    }

    /// Whose, and the rest as a number that is zero for nobody's.
    #[inline]
    const fn parts(self) -> (Slot, u64) {
        (Slot((self.0 >> Self::STATE_BITS) as u16), self.0 & ((1 << Self::STATE_BITS) - 1))
    }

    /// Does knowledge with the number `later` hold that with the number `earlier`, both of one slot?
    #[inline]
    const fn holds(later: u64, earlier: u64) -> bool {
        (later >= earlier) & ((later ^ earlier) >> Self::VERSION_BITS == 0)
    }

    #[inline]
    const fn next(self) -> Self {
        assert!(self.parts().1 != (1 << Self::STATE_BITS) - 1, "vector clock overflow");
        Self(self.0 + 1)
    }

    /// The first knowledge of the slot's next generation, which holds nothing of this one; `None` if there have been too many.
    const fn next_generation(self) -> Option<Self> {
        let generation = self.parts().1 >> Self::VERSION_BITS;
        if generation >= Self::GENERATIONS {
            return None;
        }
        Some(Self(((self.0 >> Self::VERSION_BITS) + 1) << Self::VERSION_BITS))
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
    /// By slot the latest [`Knowledge`] there that was learned whole, as its number; 0 where there is none.
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
    #[inline(always)]
    pub fn access(&mut self) -> Epoch {
        if self.published {
            self.published = false;
            self.epoch = self.epoch.next();
        }
        self.epoch
    }

    /// [`access`](Self::access), if it can't panic.
    #[inline(always)]
    pub(super) fn access_in_place(&mut self) -> Option<Epoch> {
        if self.epoch.time() == Time::MAX {
            return None;
        }
        Some(self.access())
    }

    /// Would an access be at this moment, of an earlier one?
    #[inline(always)]
    pub(super) fn is_at(&self, epoch: Epoch) -> bool {
        !self.published && self.epoch == epoch
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

    /// As [`covers`](Self::covers), where most moments are the thread's own, or none.
    #[inline(always)]
    pub(super) fn covers_own(&self, epoch: Epoch) -> bool {
        epoch.slot() == self.slot() || epoch.is_zero() || self.foreign.covers(epoch)
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
        let (slot, number) = publisher.parts();
        let holds = |&known: &u64| Knowledge::holds(known, number);
        number != 0 && self.learned.get(slot.index()).is_some_and(holds) && self.covers(epoch)
    }

    /// Learns a moment and the clock beside it.
    pub(super) fn learn(&mut self, publisher: Knowledge, epoch: Epoch, rest: &VectorClock) {
        let (slot, number) = publisher.parts();
        if number != 0 {
            let known = at(&mut self.learned, slot.index(), || 0);
            *known = number.max(*known);
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

    /// The clock of a thread that goes on in the slot of this one, which has ended, and knows all that it knew.
    fn succeeded(self) -> Self {
        Self { knowledge: self.knowledge.next(), fences: None, published: true, calm: false, ..self }
    }

    /// The clock of a thread that goes on in the slot of this one, which has ended, and knows nothing but its moments. The
    /// memory is used again. `Err` if that slot has been given too many threads.
    fn replaced(mut self) -> Result<Self, Self> {
        let Some(knowledge) = self.knowledge.next_generation() else { return Err(self) };
        self.foreign.clear();
        self.learned.clear();
        Ok(Self { knowledge, fences: None, published: true, calm: false, ..self })
    }

    /// [`learn`](Self::learn), if that takes no memory; false, and nothing done, if it does.
    #[inline]
    pub(super) fn learn_in_place(&mut self, publisher: Knowledge, epoch: Epoch, rest: &VectorClock) -> bool {
        let (slot, number) = publisher.parts();
        let fits = (number == 0 || slot.index() < self.learned.len())
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
/// # Whose slot may be used again
///
/// The slot of a finished thread goes to a new one only when the thread that starts it covers the last *moment* of the
/// finished one. So the moments of a slot are totally ordered by happens-before, and sharing a component confuses nobody:
///
/// - Time goes on. The new thread's first access ticks, so who covers only moments of the old thread covers none of the new.
/// - Who covers a moment of the new thread learned it from a publication of the new thread, which is after all moments of the
///   old one, and knows what the new one's parent knew: with each of those moments all that the old thread knew at it.
///
/// What the old thread learned after its last access, the parent need not know, and then the new thread doesn't either. It is
/// of the slot's next generation: what the old one published is news to it, and says nothing of what the new one publishes
/// (see [`Knowledge`]). If the parent knows that too, the generation goes on, and an acquire by "the same slot" may skip what
/// the old thread published.
///
/// 100,000 threads started and joined in turn therefore need two components, and so do those that nobody joins, if each has
/// let its last access be known by then.
#[derive(Default, Debug)]
pub struct SlotTable {
    /// Slots given out so far.
    used: u32,
    /// Last state of the finished threads in the first [`NEAR`] slots and in those beyond, newest last. Clocks share what they
    /// know of the latter, so the former are taken first.
    finished: [VecDeque<ThreadClock>; 2],
    /// Slots given out to tasks, and those of them that are free, the one that is longest so first.
    strands: usize,
    spare: VecDeque<ThreadClock>,
}

/// Finished threads that are looked at for the slot of a new one, of each kind.
const LOOKS: usize = NEAR;

/// Most clocks of tasks at a time. Every clock has a component for each, so tasks by tasks is what this bounds.
const STRANDS: usize = 256;
/// Before the first is used again.
const FRESH_STRANDS: usize = 64;

impl SlotTable {
    /// No slot given out.
    #[must_use]
    pub const fn new() -> Self {
        Self { used: 0, finished: [VecDeque::new(), VecDeque::new()], strands: 0, spare: VecDeque::new() }
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
    /// that of any finished thread, all of whose knowledge goes on: nothing that was published before now holds a moment of
    /// theirs, so nothing that may order them is lost when an acquire skips what "the same slot" has published.
    pub fn adopt(&mut self) -> Option<ThreadClock> {
        self.adopt_if(|_| true)
    }

    /// As [`adopt`](Self::adopt), going on with that of a finished thread only if what it knew is `fit`. Looks at the last
    /// few.
    pub fn adopt_if(&mut self, mut fit: impl FnMut(&VectorClock) -> bool) -> Option<ThreadClock> {
        const LOOKED_AT: usize = 16;
        for finished in &mut self.finished {
            let from = finished.len().saturating_sub(LOOKED_AT);
            let found = finished.range(from..).rposition(|old| fit(&old.foreign));
            if let Some(old) = found.and_then(|index| finished.remove(from + index)) {
                return Some(old.succeeded());
            }
        }
        self.root()
    }

    /// A clock for a thread that `parent` starts: it knows what the parent knows. O(components + 256).
    ///
    /// When all slots are taken, it goes on with the clock of the thread that has ended longest since, and counts as knowing
    /// all that the other did, which misses reports and makes none. `None` when there is none such either.
    pub fn fork(&mut self, parent: &mut ThreadClock) -> Option<ThreadClock> {
        let mut child = match self.predecessor(parent).or_else(|| self.root()) {
            Some(clock) => clock,
            None => {
                let [near, far] = &mut self.finished;
                far.pop_front().or_else(|| near.pop_front())?.succeeded()
            }
        };
        parent.mark_published();
        child.foreign.join_foreign(&parent.foreign, child.slot());
        child.foreign.raise(parent.epoch);
        Some(child)
    }

    /// Takes out a finished thread in whose slot one started by `parent` goes on, the newest that will do.
    fn predecessor(&mut self, parent: &ThreadClock) -> Option<ThreadClock> {
        for finished in &mut self.finished {
            let from = finished.len().saturating_sub(LOOKS);
            let known = finished.range(from..).rposition(|old| parent.covers(old.epoch));
            let Some(old) = known.and_then(|index| finished.remove(from + index)) else { continue };
            if parent.knows(old.epoch, &old.foreign) {
                return Some(old.succeeded());
            }
            if let Ok(clock) = old.replaced() {
                return Some(clock);
            }
        }
        None
    }

    /// A clock for a task that knows what `base` holds. Tasks are many, so theirs are 256 at most, and a task may go
    /// on with that of one that has ended: then it counts as knowing all that the other did, which misses reports and makes
    /// none. `None` when all are in use: such a task counts as part of the thread that polls it.
    pub fn strand(&mut self, base: &SyncClock) -> Option<ThreadClock> {
        let fresh = if self.strands < FRESH_STRANDS || self.spare.is_empty() { self.fresh_strand() } else { None };
        let mut clock = match fresh {
            Some(clock) => clock,
            None => self.spare.pop_front()?.succeeded(),
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
        self.finished[usize::from(thread.slot().index() >= NEAR)].push_back(thread);
    }
}
