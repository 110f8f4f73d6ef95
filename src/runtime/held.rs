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
use super::semaphores::{Hold, SemaphoreMeta};
use crate::event::{Attempt, Mode};

/// A lock or a semaphore, with or without its value.
pub trait Lock {
    /// What is known of it.
    fn meta(&self) -> &SemaphoreMeta;
}

/// Who keeps a lock alive while it is held: a reference or an [`Arc`].
pub trait Keeper: Deref<Target: Lock> {
    /// Who keeps it alive once it is held.
    type Kept: Keeper;
    /// May the guard outlive the future in which it was made?
    const OWNED: bool;

    /// From now on it is held.
    fn keep(self) -> Self::Kept;
}

impl<L: Lock + ?Sized> Keeper for &L {
    type Kept = Self;
    const OWNED: bool = false;

    fn keep(self) -> Self {
        self
    }
}

impl<L: Lock + ?Sized> Keeper for Arc<L> {
    type Kept = Self;
    const OWNED: bool = true;

    fn keep(self) -> Self {
        self
    }
}

/// The [`Arc`] of a future that makes one of its own only when it has taken the lock.
#[derive(Debug)]
pub struct Lent<'a, L: ?Sized>(pub &'a Arc<L>);

impl<L: ?Sized> Deref for Lent<'_, L> {
    type Target = L;

    fn deref(&self) -> &L {
        self.0
    }
}

impl<L: Lock + ?Sized> Keeper for Lent<'_, L> {
    type Kept = Arc<L>;
    const OWNED: bool = true;

    fn keep(self) -> Arc<L> {
        Arc::clone(self.0)
    }
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

    /// The original's guard.
    pub fn guard_mut(&mut self) -> &mut G {
        &mut self.guard
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

    /// The same hold by another guard.
    pub fn map<H>(self, map: impl FnOnce(G) -> H) -> Held<L, H> {
        let (lock, guard, hold) = self.into_parts();
        Held { guard: map(guard), hold, lock }
    }

    /// The same hold of the same lock, which is kept alive by another.
    pub fn kept_by<K: Keeper>(self, keep: impl FnOnce(L) -> K) -> Held<K, G> {
        let (lock, guard, hold) = self.into_parts();
        Held { guard, hold, lock: keep(lock) }
    }

    /// The hold becomes a weaker one, with nobody in between.
    pub fn downgrade<H>(self, mode: Mode, downgrade: impl FnOnce(G) -> H) -> Held<L, H> {
        let (lock, guard, mut hold) = self.into_parts();
        lock.meta().downgraded(&mut hold, mode);
        Held { guard: downgrade(guard), hold, lock }
    }

    /// The hold of an upgradable reader has become that of a writer, with nobody in between, by the original's `guard`.
    pub fn upgraded<H>(self, guard: H, attempt: Attempt, place: Place) -> Held<L, H> {
        let (lock, upgradable, hold) = self.into_parts();
        lock.meta().released(&hold);
        drop(upgradable);
        Held::new(lock, guard, Mode::Exclusive, attempt, place)
    }

    /// The same if that is possible at once.
    ///
    /// # Errors
    ///
    /// The hold as it is.
    pub fn try_upgrade<H>(self, upgrade: impl FnOnce(G) -> Result<H, G>, place: Place) -> Result<Held<L, H>, Self> {
        let (lock, guard, hold) = self.into_parts();
        match upgrade(guard) {
            Ok(guard) => Ok(Held { guard: (), hold, lock }.upgraded(guard, Attempt::Try, place)),
            Err(guard) => Err(Held { guard, hold, lock }),
        }
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

/// A future that takes a lock, and waits for it by `F`: the original's future, in a [`Leaf`](super::leaf::Leaf).
pub struct Acquire<L, F> {
    // In this order: the future may borrow from what `lock` keeps alive.
    wait: Option<F>,
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

    /// As [`Future::poll`]: takes it with `attempt` if that is possible at once, else waits for `begin`, which is told where it
    /// was asked for.
    ///
    /// # Panics
    ///
    /// After it has been taken.
    pub fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        attempt: impl FnOnce(&L) -> Option<F::Output>,
        begin: impl FnOnce(&L, Place) -> F,
    ) -> Poll<Held<L::Kept, F::Output>> {
        // SAFETY: `wait` is pinned with `self`: it is never moved, only made and dropped in its place. The rest does not care.
        let this = unsafe { self.get_unchecked_mut() };
        let lock = this.lock.as_ref().expect("a future that takes a lock is polled after it has taken it");
        if this.wait.is_none() {
            if let Some(guard) = attempt(lock) {
                return Poll::Ready(this.taken(guard));
            }
            this.wait = Some(begin(lock, this.place));
        }
        let wait = this.wait.as_mut().expect("it has just been made");
        // SAFETY: as above.
        let guard = ready!(unsafe { Pin::new_unchecked(wait) }.poll(cx));
        this.wait = None;
        Poll::Ready(this.taken(guard))
    }

    #[inline]
    fn taken(&mut self, guard: F::Output) -> Held<L::Kept, F::Output> {
        let lock = self.lock.take().expect("it has been looked at");
        Held::new(lock.keep(), guard, self.mode, Attempt::Blocking, self.place)
    }
}

impl<L, F> fmt::Debug for Acquire<L, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").field("was_acquired", &self.lock.is_none()).finish_non_exhaustive()
    }
}
