//! What an object of synchronisation carries from one thread to the next.

use std::hint::cold_path;

use crate::clock::{Epoch, VectorClock};

use super::thread::{Knowledge, ThreadClock};

/// The clock of a lock, a message, a once, a token: what was published there.
///
/// It remembers whose clock it is and at which state of knowledge. When the same thread publishes again without having
/// learned anything, only its own time is new, and nothing is copied; when the last publisher acquires, there is
/// nothing to join. A lock that one thread uses costs a compare and a store.
#[derive(Debug)]
pub struct SyncClock {
    /// Whose foreign components `rest` are; [`Knowledge::NOBODY`] when several clocks were joined.
    publisher: Knowledge,
    /// The publisher's own component; [`Epoch::NONE`] when there is no single publisher.
    epoch: Epoch,
    /// Boxed, since most locks pass on nothing; absent while it would be empty.
    rest: Option<Box<VectorClock>>,
}

const NOTHING: &VectorClock = &VectorClock::new();

impl SyncClock {
    /// Nothing published. Does not allocate.
    #[must_use]
    pub const fn new() -> Self {
        Self { publisher: Knowledge::NOBODY, epoch: Epoch::NONE, rest: None }
    }

    /// Would an acquire learn nothing, whoever does it?
    #[inline]
    #[must_use]
    pub fn is_trivial(&self) -> bool {
        self.epoch.is_zero() && self.rest.as_ref().is_none_or(|rest| rest.is_zero())
    }

    /// The moment of the last publication, if it was one thread's.
    #[inline(always)]
    pub(super) const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Is this exactly what the thread would publish now? Cheap and one-sided: false says nothing.
    #[inline]
    pub(super) fn is_now(&self, thread: &ThreadClock) -> bool {
        self.publisher == thread.knowledge() && self.epoch == thread.epoch()
    }

    /// Replaces what was published by what the thread knows now: the release of a mutex.
    #[inline]
    pub fn publish(&mut self, thread: &mut ThreadClock) {
        thread.mark_published();
        if self.publisher == thread.knowledge() {
            self.epoch = thread.epoch();
        } else {
            self.replace(thread);
        }
    }

    /// Adds what the thread knows to what was published: the release of a reader, the arrival at a barrier.
    #[inline]
    pub fn publish_join(&mut self, thread: &mut ThreadClock) {
        if self.publisher.is_of_one_with(thread.knowledge()) {
            // The thread's own earlier clock is part of what it knows now.
            self.publish(thread);
        } else {
            self.add(thread);
        }
    }

    /// Teaches the thread what was published.
    #[inline]
    pub fn acquire(&self, thread: &mut ThreadClock) {
        if !self.publisher.is_of_one_with(thread.knowledge()) && !self.is_trivial() && !self.was_learned_by(thread) {
            self.teach(thread);
        }
    }

    /// [`acquire`](Self::acquire), if that takes no memory; false, and nothing done, if it does. Where two threads hand a
    /// lock on it is free from the second time on.
    #[inline(always)]
    #[must_use]
    pub fn acquire_in_place(&self, thread: &mut ThreadClock) -> bool {
        self.publisher.is_of_one_with(thread.knowledge())
            || self.was_learned_by(thread)
            || self.is_bare()
            || thread.learn_in_place(self.publisher, self.epoch, self.rest())
    }

    /// [`publish`](Self::publish), if that takes no memory; false, and nothing done, if it does.
    #[inline(always)]
    #[must_use]
    pub fn publish_in_place(&mut self, thread: &mut ThreadClock) -> bool {
        self.publish_again(thread) || self.publish_other_in_place(thread)
    }

    /// As [`publish_in_place`](Self::publish_in_place), of a clock that another thread has published.
    #[inline(always)]
    #[must_use]
    pub fn publish_other_in_place(&mut self, thread: &mut ThreadClock) -> bool {
        let fits = match &mut self.rest {
            Some(rest) => rest.copy_in_place(thread.foreign()),
            None => thread.foreign().is_zero(),
        };
        if fits {
            thread.mark_published();
            self.publisher = thread.knowledge();
            self.epoch = thread.epoch();
        }
        fits
    }

    /// Has the thread acquired this before, or more of the same publisher? Cheap and one-sided: false says nothing.
    #[inline]
    pub(super) fn was_learned_by(&self, thread: &ThreadClock) -> bool {
        thread.has_learned(self.publisher, self.epoch)
    }

    /// Is an acquire by the thread free, since the thread itself published last, and has learned nothing since? One-sided: false
    /// says nothing.
    #[inline(always)]
    #[must_use]
    pub fn acquired_by_last(&self, thread: &ThreadClock) -> bool {
        self.publisher == thread.knowledge()
    }

    /// [`publish`](Self::publish), if that needs no copy; false, and nothing done, if it does.
    #[inline(always)]
    pub fn publish_again(&mut self, thread: &mut ThreadClock) -> bool {
        if self.publisher == thread.knowledge() {
            // Stores only what changes: a store before an unlock is waited for. (What was published at this epoch is marked.)
            if self.epoch != thread.epoch() {
                cold_path();
                self.epoch = thread.epoch();
                thread.mark_published();
            }
            true
        } else {
            false
        }
    }

    /// [`publish`](Self::publish), if nobody else is known, neither here nor to the thread; false, and nothing done, if not.
    /// One-sided: it may be so all the same.
    #[inline(always)]
    pub fn publish_alone(&mut self, thread: &mut ThreadClock) -> bool {
        if self.rest.is_some() || !thread.foreign().is_bare() {
            return false;
        }
        self.publisher = thread.knowledge();
        self.epoch = thread.epoch();
        thread.mark_published();
        true
    }

    /// Would an acquire learn nothing, whoever does it? One-sided: false says nothing.
    #[inline(always)]
    #[must_use]
    pub fn is_bare(&self) -> bool {
        self.epoch.is_zero() && self.rest.is_none()
    }

    /// Was it published by a single thread?
    #[inline(always)]
    #[must_use]
    pub fn is_anybodys(&self) -> bool {
        self.publisher != Knowledge::NOBODY
    }

    /// Was nothing ever published? One-sided: false says nothing.
    #[inline(always)]
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.publisher == Knowledge::NOBODY && self.epoch == Epoch::NONE && self.rest.is_none()
    }

    /// Forgets what was published and keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.publisher = Knowledge::NOBODY;
        self.epoch = Epoch::NONE;
        if let Some(rest) = &mut self.rest {
            rest.clear();
        }
    }

    /// Becomes a copy of `other`.
    pub(super) fn assign(&mut self, other: &Self) {
        if self.publisher != other.publisher || self.publisher == Knowledge::NOBODY {
            self.publisher = other.publisher;
            self.copy_rest(other.rest());
        }
        self.epoch = other.epoch;
    }

    /// Adds what `other` holds.
    pub(super) fn absorb(&mut self, other: &Self) {
        if other.is_trivial() {
            return;
        }
        if self.is_trivial() {
            self.assign(other);
        } else if self.publisher != other.publisher || self.publisher == Knowledge::NOBODY {
            self.mix();
            let rest = self.rest.get_or_insert_default();
            rest.join(other.rest());
            rest.raise(other.epoch);
        } else if self.epoch.time() < other.epoch.time() {
            self.epoch = other.epoch;
        }
    }

    /// Is it a clock that the thread itself published, or one whose place it has taken and all of whose knowledge it has?
    #[inline]
    pub(super) fn is_by(&self, thread: &ThreadClock) -> bool {
        self.publisher.is_of_one_with(thread.knowledge())
    }

    #[inline(never)]
    fn replace(&mut self, thread: &ThreadClock) {
        self.publisher = thread.knowledge();
        self.epoch = thread.epoch();
        self.copy_rest(thread.foreign());
    }

    #[inline(never)]
    fn add(&mut self, thread: &mut ThreadClock) {
        thread.mark_published();
        if thread.knows(self.epoch, self.rest()) {
            self.replace(thread);
        } else {
            self.mix();
            let rest = self.rest.get_or_insert_default();
            rest.join(thread.foreign());
            rest.raise(thread.epoch());
        }
    }

    #[inline(never)]
    fn teach(&self, thread: &mut ThreadClock) {
        thread.learn(self.publisher, self.epoch, self.rest());
    }

    fn rest(&self) -> &VectorClock {
        self.rest.as_deref().unwrap_or(NOTHING)
    }

    /// Keeps the memory that is there, and allocates none for nothing.
    fn copy_rest(&mut self, foreign: &VectorClock) {
        match &mut self.rest {
            Some(rest) => (**rest).clone_from(foreign),
            None if foreign.is_zero() => {}
            None => self.rest = Some(Box::new(foreign.clone())),
        }
    }

    /// Gives up the single publisher: its component goes to the others.
    fn mix(&mut self) {
        if !self.epoch.is_zero() {
            self.rest.get_or_insert_default().raise(self.epoch);
        }
        self.publisher = Knowledge::NOBODY;
        self.epoch = Epoch::NONE;
    }
}

impl Default for SyncClock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::super::thread::SlotTable;
    use super::*;

    /// The price that the fast paths are for: no cell, no clock.
    #[test]
    fn without_accesses_nothing_is_published() {
        let mut slots = SlotTable::new();
        let mut one = slots.root().unwrap();
        let mut other = slots.fork(&mut one).unwrap();
        let mut lock = SyncClock::new();
        for _ in 0..3 {
            for thread in [&mut one, &mut other] {
                lock.acquire(thread);
                lock.publish(thread);
            }
        }
        assert!(lock.is_trivial() && one.is_trivial() && other.is_trivial());
    }

    /// A publisher that has learned nothing since leaves the copied components alone; one that has replaces them.
    #[test]
    fn knowledge_is_copied_only_when_it_changed() {
        let mut slots = SlotTable::new();
        let (mut one, mut other) = (slots.root().unwrap(), slots.root().unwrap());
        let (mut lock, mut message) = (SyncClock::new(), SyncClock::new());
        let first = other.access();
        message.publish(&mut other);
        message.acquire(&mut one);
        lock.publish(&mut one);
        let state = one.knowledge();
        message.acquire(&mut one);
        let own = one.access();
        lock.publish(&mut one);
        assert_eq!((one.knowledge(), lock.publisher, lock.epoch), (state, state, own), "nothing new was learned");
        let second = other.access();
        message.publish(&mut other);
        message.acquire(&mut one);
        assert_ne!(one.knowledge(), state);
        assert_eq!(lock.rest().iter().collect::<Vec<_>>(), [first]);
        lock.publish(&mut one);
        assert_eq!(lock.rest().iter().collect::<Vec<_>>(), [second]);
    }

    /// Two threads that hand a lock on need memory for their first turns, and then none; what they know is the same.
    #[test]
    fn a_lock_is_handed_on_in_place() {
        let mut slots = SlotTable::new();
        let mut threads = [slots.root().unwrap(), slots.root().unwrap()];
        let mut lock = SyncClock::new();
        for turn in 0..6 {
            let thread = &mut threads[turn % 2];
            let in_place = lock.acquire_in_place(thread);
            assert_eq!(in_place, !(1..=3).contains(&turn), "what the other did first takes a component");
            if !in_place {
                lock.acquire(thread);
            }
            let done = thread.access();
            let in_place = lock.publish_in_place(thread);
            assert_eq!(in_place, turn != 1 && turn != 2, "and so does its copy");
            if !in_place {
                lock.publish(thread);
            }
            let knows = |thread: &ThreadClock| (lock.publisher, lock.epoch) == (thread.knowledge(), done);
            assert!(knows(&threads[turn % 2]) && lock.rest() == threads[turn % 2].foreign());
        }
    }

    /// To acquire the same again, or less, is nothing to do; what the publisher did or learned since is news.
    #[test]
    fn what_was_learned_is_known() {
        let mut slots = SlotTable::new();
        let (mut one, mut other, mut third) = (slots.root().unwrap(), slots.root().unwrap(), slots.root().unwrap());
        let (mut lock, mut message) = (SyncClock::new(), SyncClock::new());
        one.access();
        lock.publish(&mut one);
        assert!(!lock.was_learned_by(&other));
        lock.acquire(&mut other);
        assert!(lock.was_learned_by(&other));
        let far = third.access();
        message.publish(&mut third);
        message.acquire(&mut one);
        lock.publish(&mut one);
        assert!(!lock.was_learned_by(&other), "the publisher has learned something");
        lock.acquire(&mut other);
        assert!(lock.was_learned_by(&other) && other.covers(far));
        let near = one.access();
        lock.publish(&mut one);
        assert!(!lock.was_learned_by(&other), "the publisher has done something");
        lock.acquire(&mut other);
        assert!(lock.was_learned_by(&other) && other.covers(near) && !message.was_learned_by(&other));
    }

    /// The slot goes on: who knows what was done in it before does not know what is done now.
    #[test]
    fn a_slot_is_taken_over() {
        let mut slots = SlotTable::new();
        let (mut old, mut other) = (slots.root().unwrap(), slots.root().unwrap());
        let mut lock = SyncClock::new();
        let before = old.access();
        lock.publish(&mut old);
        lock.acquire(&mut other);
        slots.finish(old);
        let mut new = slots.adopt().unwrap();
        let now = new.access();
        assert_eq!((slots.len(), now.slot()), (2, before.slot()));
        assert!(other.covers(before) && !other.covers(now) && !new.covers(other.access()));
        assert_ne!(slots.adopt().unwrap().slot(), now.slot(), "it is in use");
    }

    /// Who is told of a thread's last access may start another in its slot, which knows nothing of what the old one learned
    /// since: to it and to others, that is news.
    #[test]
    fn a_slot_is_taken_over_without_what_was_known_there() {
        let mut slots = SlotTable::new();
        let (mut main, mut far, mut other) = (slots.root().unwrap(), slots.root().unwrap(), slots.root().unwrap());
        let (mut message, mut done, mut lock) = (SyncClock::new(), SyncClock::new(), SyncClock::new());
        let distant = far.access();
        message.publish(&mut far);
        let mut old = slots.fork(&mut main).unwrap();
        let before = old.access();
        done.publish(&mut old);
        message.acquire(&mut old);
        lock.publish(&mut old);
        slots.finish(old);
        assert_ne!(slots.fork(&mut main).unwrap().slot(), before.slot(), "its access is not known yet");
        done.acquire(&mut main);
        let mut new = slots.fork(&mut main).unwrap();
        let now = new.access();
        assert_eq!(now.slot(), before.slot());
        assert!(new.covers(before) && !new.covers(distant) && !main.covers(now));
        let mut news = SyncClock::new();
        news.publish(&mut new);
        news.acquire(&mut other);
        assert!(other.covers(before) && other.covers(now) && !other.covers(distant));
        for thread in [&mut other, &mut new] {
            lock.acquire(thread);
            assert!(thread.covers(distant));
        }
    }

    /// Threads that nobody waits for need no component each, as long as what they did is known; but a slot that has been given
    /// to very many is given to no other.
    #[test]
    fn threads_that_are_left_alone_do_not_add_up() {
        let mut slots = SlotTable::new();
        let (mut main, mut far) = (slots.root().unwrap(), slots.root().unwrap());
        let (mut message, mut done) = (SyncClock::new(), SyncClock::new());
        for round in 0..100_000 {
            assert!(slots.len() <= 3 + round / 30_000);
            let mut thread = slots.fork(&mut main).unwrap();
            let now = thread.access();
            assert!(!main.covers(now) && !far.covers(now));
            done.publish(&mut thread);
            let distant = far.access();
            message.publish(&mut far);
            message.acquire(&mut thread);
            slots.finish(thread);
            done.acquire(&mut main);
            assert!(main.covers(now) && !main.covers(distant));
        }
        assert_eq!(slots.len(), 6);
    }
}
