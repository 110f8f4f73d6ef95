//! [`std::sync::Once`], watched.

use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::OnceState;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::event::Attempt;
use crate::name::Named;
use crate::primitive::{self, Mutex as Internal, MutexGuard};
use crate::record::onces::OnceMeta;
use crate::record::queue::{Queue, Waiter};

/// Tries that the gate gets before the thread is entered as waiting: most waits are shorter than that.
const SPINS: usize = 64;

/// [`std::sync::Once`], watched: same interface, same poisoning.
///
/// A running initialiser holds the once like a mutex. To find it complete costs a look at the thread's own clock; the
/// first time that a thread finds it so, and nothing but the once itself tells it that the initialiser has ended, the call
/// counts as one that might have had to wait for the initialiser with the locks held now.
pub struct Once {
    meta: OnceMeta,
    /// Held by the thread that runs the initialiser, so that the real once never waits.
    gate: Internal<()>,
    /// The last initialiser panicked. Changed under `waiters`.
    poisoned: AtomicBool,
    waiters: Internal<Queue>,
    inner: std::sync::Once,
}

type Place = &'static Location<'static>;

#[allow(clippy::new_without_default, reason = "nor has the original a `Default`")]
impl Once {
    /// See [`std::sync::Once::new`].
    #[inline]
    #[must_use]
    #[track_caller]
    pub const fn new() -> Self {
        Self::new_at(Location::caller())
    }

    /// A once that is part of what was made at `place`.
    #[inline]
    pub(super) const fn new_at(place: Place) -> Self {
        Self {
            meta: OnceMeta::new(place),
            gate: Internal::new(()),
            poisoned: AtomicBool::new(false),
            waiters: Internal::new(Queue::new()),
            inner: std::sync::Once::new(),
        }
    }

    /// See [`std::sync::Once::call_once`].
    ///
    /// # Panics
    ///
    /// With the closure, and if an earlier call's closure has panicked.
    #[inline]
    #[track_caller]
    pub fn call_once<F>(&self, f: F)
    where
        F: FnOnce(),
    {
        let place = Location::caller();
        if self.inner.is_completed() {
            return self.meta.seen(Attempt::Blocking, place);
        }
        self.initialise(place, |once, done| {
            once.call_once(|| {
                f();
                done();
            });
        });
    }

    /// See [`std::sync::Once::call_once_force`].
    ///
    /// # Panics
    ///
    /// With the closure.
    #[inline]
    #[track_caller]
    pub fn call_once_force<F>(&self, f: F)
    where
        F: FnOnce(&OnceState),
    {
        self.force_at(Location::caller(), f);
    }

    /// [`call_once_force`](Self::call_once_force) on behalf of the operation at `place`.
    #[inline]
    pub(super) fn force_at<F>(&self, place: Place, f: F)
    where
        F: FnOnce(&OnceState),
    {
        if self.inner.is_completed() {
            return self.meta.seen(Attempt::Blocking, place);
        }
        self.initialise(place, |once, done| {
            once.call_once_force(|state| {
                f(state);
                done();
            });
        });
    }

    /// See [`std::sync::Once::is_completed`].
    #[inline]
    #[track_caller]
    pub fn is_completed(&self) -> bool {
        self.is_completed_at(Location::caller())
    }

    /// [`is_completed`](Self::is_completed) on behalf of the operation at `place`.
    #[inline]
    pub(super) fn is_completed_at(&self, place: Place) -> bool {
        let mut completed = self.inner.is_completed();
        if !completed {
            // Told before the look that counts: what comes between the two is not hidden by it.
            self.meta.looks(place);
            completed = self.inner.is_completed();
        }
        if completed {
            // It would not have waited.
            self.meta.seen(Attempt::Try, place);
        }
        completed
    }

    /// See [`std::sync::Once::wait`].
    ///
    /// # Panics
    ///
    /// If the initialiser has panicked.
    #[track_caller]
    pub fn wait(&self) {
        self.wait_at(false, Location::caller());
    }

    /// See [`std::sync::Once::wait_force`].
    #[track_caller]
    pub fn wait_force(&self) {
        self.wait_at(true, Location::caller());
    }

    /// Waits until somebody has initialised, on behalf of the operation at `place`.
    pub(super) fn wait_at(&self, despite_poison: bool, place: Place) {
        while !self.inner.is_completed() {
            let waiter = Waiter::new();
            let standing = Standing { once: self, waiter: &waiter };
            let mut waiters = self.waiters.lock();
            if self.inner.is_completed() {
                break;
            }
            if !despite_poison && self.poisoned.load(Ordering::Relaxed) {
                drop(waiters);
                panic!("Once instance has previously been poisoned");
            }
            waiters.join(&waiter);
            let waiting = self.meta.wait(place);
            drop(waiters);
            waiter.sleep(None);
            drop((waiting, standing));
        }
        self.meta.seen(Attempt::Blocking, place);
    }

    /// Runs the initialiser, or waits for the thread that does. `run` calls the real once, which calls `done` after the
    /// user's closure.
    #[cold]
    fn initialise(&self, place: Place, run: impl FnOnce(&std::sync::Once, &dyn Fn())) {
        let gate = self.enter_gate(place);
        if self.inner.is_completed() {
            drop(gate);
            return self.meta.seen(Attempt::Blocking, place);
        }
        // Dropped in the reverse order, also by a panic: the end is told, the lock given back, then the gate opened.
        let held = self.meta.initialise(place);
        drop(self.set_poisoned(false));
        let ended = Ended(self);
        run(&self.inner, &|| self.meta.done(place));
        drop((ended, held, gate));
    }

    /// While an initialiser runs, the once is not poisoned, whatever came before.
    fn set_poisoned(&self, poisoned: bool) -> MutexGuard<'_, Queue> {
        let waiters = self.waiters.lock();
        self.poisoned.store(poisoned, Ordering::Relaxed);
        waiters
    }

    fn enter_gate(&self, place: Place) -> MutexGuard<'_, ()> {
        for _ in 0..primitive::size(SPINS, 1) {
            if let Some(gate) = self.gate.try_lock() {
                return gate;
            }
            std::hint::spin_loop();
        }
        let _waiting = self.meta.request(place);
        self.gate.lock()
    }

    /// Does an initialiser run, and has the last one panicked?
    #[doc(hidden)]
    pub fn running_or_poisoned(&self) -> (bool, bool) {
        (self.gate.is_locked(), self.poisoned.load(Ordering::Relaxed))
    }

    /// The owner has initialised by other means.
    pub(super) fn complete(&mut self) {
        self.inner.call_once_force(|_| {});
    }

    /// The owner takes the value out: the once is as new.
    pub(super) fn reset(&mut self) {
        self.inner = std::sync::Once::new();
        *self.poisoned.get_mut() = false;
        self.meta.reset();
    }
}

/// See [`std::sync::ONCE_INIT`].
#[deprecated(note = "the `Once::new()` function is now preferred")]
#[allow(clippy::declare_interior_mutable_const, reason = "a drop-in has what the original has")]
pub const ONCE_INIT: Once = Once::new();

/// At its end, an initialiser has succeeded or panicked, and who waits is to know.
struct Ended<'a>(&'a Once);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.set_poisoned(!self.0.inner.is_completed()).end_all();
    }
}

/// A place in the queue, given up when a panic ends the wait (the user may ask for one on a deadlock).
struct Standing<'a> {
    once: &'a Once,
    waiter: &'a std::sync::Arc<Waiter>,
}

impl Drop for Standing<'_> {
    fn drop(&mut self) {
        self.once.waiters.lock().leave(self.waiter);
    }
}

impl UnwindSafe for Once {}
impl RefUnwindSafe for Once {}

impl Named for Once {
    fn set_name(&self, name: &str) {
        self.meta.set_name(name);
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[cfg(test)]
mod models {
    use std::sync::Arc;

    use super::*;
    use crate::primitive::model::{check_within, spawn};
    use crate::record::context::set_unwatched;

    /// Two threads want to initialise, a third waits: one does it, and all go on when it is done.
    #[test]
    fn one_initialises_and_all_go_on() {
        check_within(4, "one initialises and all go on", || {
            set_unwatched();
            let shared = Arc::new((Once::new(), Internal::new(0)));
            let [waits, other] = [Arc::clone(&shared), Arc::clone(&shared)];
            let waits = spawn(move || {
                waits.0.wait();
                *waits.1.lock()
            });
            let other = spawn(move || other.0.call_once(|| *other.1.lock() += 1));
            shared.0.call_once(|| *shared.1.lock() += 1);
            assert_eq!(*shared.1.lock(), 1);
            assert_eq!(waits.join().unwrap(), 1);
            other.join().unwrap();
        });
    }
}
