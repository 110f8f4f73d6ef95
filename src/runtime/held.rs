//! What locks of tasks are made of in crates other than tokio: a lock of the original's without a value, so that its queue and
//! its wake-ups are the original's, what the recorder keeps beside it, and the value.
//!
//! The originals can't be used whole: an owned guard would have to borrow from the [`Arc`] that it keeps.

use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::Place;
use super::leaf::{Leaf, Target};
use super::semaphores::{Hold, SemaphoreMeta};
use crate::event::{Attempt, Mode};

/// A lock or a semaphore, with or without its value.
pub trait Lock {
    /// What is known of it.
    fn meta(&self) -> &SemaphoreMeta;
}

/// Who keeps a lock alive while it is held: a reference or an [`Arc`].
pub trait Keeper: Deref<Target: Lock> {
    /// May the guard outlive the future in which it was made?
    const OWNED: bool;
}

impl<L: Lock + ?Sized> Keeper for &L {
    const OWNED: bool = false;
}

impl<L: Lock + ?Sized> Keeper for Arc<L> {
    const OWNED: bool = true;
}

/// A lock that is held, until this is dropped, by the original's guard `G`.
pub struct Held<L: Keeper, G> {
    // In this order: the guard may borrow from what `lock` keeps alive.
    guard: G,
    hold: Hold,
    lock: L,
}

impl<L: Keeper, G> Held<L, G> {
    /// Of what the original has just given.
    #[inline]
    pub fn new(lock: L, guard: G, mode: Mode, attempt: Attempt, place: Place) -> Self {
        let hold = lock.meta().acquired(1, mode, attempt, L::OWNED, place);
        Self { guard, hold, lock }
    }

    /// What is held.
    pub fn lock(&self) -> &L {
        &self.lock
    }

    /// The user reads or writes what is guarded. `owns`: it owns something.
    #[inline]
    #[track_caller]
    pub fn accessed(&self, write: bool, owns: bool) {
        self.lock.meta().accessed(&self.hold, write, owns, Location::caller());
    }

    /// The parts, which are given back by nobody.
    fn into_parts(self) -> (L, G, Hold) {
        let whole = ManuallyDrop::new(self);
        // SAFETY: each field is read once, and the whole is not used again, nor dropped.
        unsafe {
            (
                std::ptr::read(&raw const whole.lock),
                std::ptr::read(&raw const whole.guard),
                std::ptr::read(&raw const whole.hold),
            )
        }
    }

    /// The hold of a writer becomes one of a reader, with nobody in between.
    pub fn downgrade<R>(self, downgrade: impl FnOnce(G) -> R) -> Held<L, R> {
        let (lock, guard, mut hold) = self.into_parts();
        lock.meta().downgraded(&mut hold);
        Held { guard: downgrade(guard), hold, lock }
    }

    /// It stays held for ever.
    pub fn forget(self, forget: impl FnOnce(G)) {
        let (lock, guard, hold) = self.into_parts();
        lock.meta().forgotten(&hold);
        forget(guard);
    }
}

impl<L: Keeper, G> Drop for Held<L, G> {
    #[inline]
    fn drop(&mut self) {
        self.lock.meta().released(&self.hold);
    }
}

impl<L: Keeper, G> fmt::Debug for Held<L, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}

/// A future that takes a lock, by the original's future `F`.
pub struct Acquire<L, F> {
    // In this order: the future may borrow from what `lock` keeps alive.
    wait: Option<Leaf<F>>,
    /// None: it has been taken.
    lock: Option<L>,
    mode: Mode,
    place: Place,
}

impl<L: Keeper, F: Future> Acquire<L, F> {
    /// Asked for at `place`. Nothing happens before the first poll.
    pub const fn new(lock: L, mode: Mode, place: Place) -> Self {
        Self { wait: None, lock: Some(lock), mode, place }
    }

    /// What is taken, until it has been.
    pub const fn lock(&self) -> Option<&L> {
        self.lock.as_ref()
    }

    /// Where it was asked for.
    pub const fn place(&self) -> Place {
        self.place
    }

    /// As [`Future::poll`]: takes it with `attempt` if that is possible at once, else waits for `begin`.
    ///
    /// # Panics
    ///
    /// After it has been taken.
    pub fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        attempt: impl FnOnce(&L) -> Option<F::Output>,
        begin: impl FnOnce(&L) -> (F, Target),
    ) -> Poll<Held<L, F::Output>> {
        // SAFETY: `wait` is pinned with `self`: it is never moved, only made and dropped in its place. The rest does not care.
        let this = unsafe { self.get_unchecked_mut() };
        let lock = this.lock.as_ref().expect("a future that takes a lock is polled after it has taken it");
        if this.wait.is_none() {
            if let Some(guard) = attempt(lock) {
                return Poll::Ready(this.taken(guard));
            }
            let (future, target) = begin(lock);
            this.wait = Some(Leaf::new(future, target, this.place));
        }
        let wait = this.wait.as_mut().expect("it has just been made");
        // SAFETY: as above.
        let guard = ready!(unsafe { Pin::new_unchecked(wait) }.poll(cx));
        this.wait = None;
        Poll::Ready(this.taken(guard))
    }

    #[inline]
    fn taken(&mut self, guard: F::Output) -> Held<L, F::Output> {
        let lock = self.lock.take().expect("it has been looked at");
        Held::new(lock, guard, self.mode, Attempt::Blocking, self.place)
    }
}

impl<L, F> fmt::Debug for Acquire<L, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").field("was_acquired", &self.lock.is_none()).finish_non_exhaustive()
    }
}
