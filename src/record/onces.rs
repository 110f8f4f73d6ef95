//! Hooks of one-time initialisation.
//!
//! A running initialiser holds the once like a lock, so it is one: taken exclusively by the thread that initialises. Then
//! re-entry is a self-deadlock, and two onces crosswise, or a once and a lock, are a cycle that is foreseen by the rules of
//! locks. It is called a wait cycle: a once is no lock.
//!
//! *A once that is complete* needs no lock. But the thread that finds it so, with locks held, might have had to wait for
//! the initialiser if it had come earlier, and that wait belongs into the order. Might it? Not if the end of the
//! initialiser happens before the call by any other way than the once itself: initialised by the parent before the fork,
//! by the sender before the message. Therefore a thread takes the once for reading (and gives it back at once) the first
//! time that it sees it complete without having known, and never again, for then it knows. This rests on the clocks: with
//! races not watched, a complete once says nothing about the order.
//!
//! *In a trace* the state of the once is what its lock guards: the initialiser looks at it and changes it, and whoever sees
//! it complete, or not, has looked. A look that finds it complete is told once for each owner, also where the owner knew by
//! other ways: in another order of the events those may be none.

use std::sync::OnceLock;

use super::Place;
use super::config;
use super::context::{Context, Entered, enter};
use super::locks::{self, RwMeta};
use super::queue;
use super::waits::Waiting;
use crate::analysis::happens_before::SyncClock;
use crate::analysis::wait_for::Wait;
use crate::clock::Epoch;
use crate::event::{Attempt, Mode, ObjectKind, Op};

/// What a once keeps beside its state.
pub(crate) struct OnceMeta {
    lock: RwMeta,
    done: OnceLock<Done>,
}

/// The end of the initialiser.
struct Done {
    /// A moment of its own: who covers it knows all that the initialising thread knew.
    epoch: Epoch,
    clock: SyncClock,
}

impl OnceMeta {
    pub(crate) const fn new(created: Place) -> Self {
        Self { lock: RwMeta::new(ObjectKind::Once, created), done: OnceLock::new() }
    }

    /// Gives the once a name for reports.
    pub(crate) fn set_name(&self, name: &str) {
        self.lock.lock.set_name(name);
    }

    /// Before waiting for whoever runs the initialiser.
    pub(crate) fn request(&self, place: Place) -> Option<Waiting> {
        locks::request(&self.lock.lock, Mode::Exclusive, false, place)
    }

    /// The current thread is about to run the initialiser. It holds the once until the value is dropped.
    pub(crate) fn initialise(&self, place: Place) -> Initialising<'_> {
        self.lock.acquired(Mode::Exclusive, Attempt::Blocking, place);
        self.looks(place);
        Initialising(self)
    }

    /// The current thread is about to look whether the once is complete, or has looked in a way in which that cannot change
    /// meanwhile.
    pub(crate) fn looks(&self, place: Place) {
        if config::is_recording()
            && let Some(mut inside) = enter()
        {
            let lock = self.lock.lock.lock_id(&mut inside);
            inside.emit(Op::DataRead { lock }, place);
        }
    }

    /// The initialiser has ended well, and no one can see that yet.
    pub(crate) fn done(&self, place: Place) {
        let Some(mut inside) = enter() else { return };
        if inside.modes.record() {
            let lock = self.lock.lock.lock_id(&mut inside);
            inside.emit(Op::DataWrite { lock }, place);
        }
        let epoch = inside.clock.access();
        let mut clock = SyncClock::new();
        clock.publish(&mut inside.clock);
        // Never set before: a once is completed once, and `reset` clears it.
        let _ = self.done.set(Done { epoch, clock });
    }

    /// The current thread sees the once complete. `attempt`: would the call have waited for a running initialiser?
    #[inline]
    pub(crate) fn seen(&self, attempt: Attempt, place: Place) {
        let (Some(mut inside), Some(done)) = (enter(), self.done.get()) else { return };
        let known = inside.modes.races() && inside.clock.covers(done.epoch);
        if inside.modes.record() {
            self.tell(&mut inside, done, place);
        }
        if !known && (inside.modes.races() || inside.modes.record()) {
            self.learn(inside, done, attempt, place);
        }
    }

    #[cold]
    fn tell(&self, inside: &mut Context, done: &Done, place: Place) {
        let owner = inside.owner();
        if inside.seen.insert((owner, done.epoch)) {
            let lock = self.lock.lock.lock_id(inside);
            inside.emit(Op::DataRead { lock }, place);
        }
    }

    #[cold]
    fn learn(&self, mut inside: Entered, done: &Done, attempt: Attempt, place: Place) {
        done.clock.acquire(&mut inside.clock);
        drop(inside);
        self.lock.acquired(Mode::Shared, attempt, place);
        self.lock.released(Mode::Shared);
    }

    /// The current thread stands in the queue of those who wait for somebody to initialise the once, and enters its wait.
    pub(crate) fn wait(&self, place: Place) -> Option<Waiting> {
        let lock = self.lock.lock.lock_id(&mut *enter()?);
        queue::enter_wait(Wait::Once(lock), place)
    }

    /// The owner takes the value out: the once is as new.
    pub(crate) fn reset(&mut self) {
        self.done = OnceLock::new();
    }
}

/// The current thread runs the initialiser until this is dropped.
pub(crate) struct Initialising<'a>(&'a OnceMeta);

impl Drop for Initialising<'_> {
    fn drop(&mut self) {
        self.0.lock.released(Mode::Exclusive);
    }
}
