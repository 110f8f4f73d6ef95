//! [`parking_lot::Condvar`], watched.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::parking_lot::{Mutex as Internal, lock_api};

use super::mutex::MutexGuard;
use super::raw_mutex::RawMutex;
use crate::event::Attempt;
use crate::name::Named;
use crate::record::Place;
use crate::record::condvars::CondvarMeta;
use crate::record::locks;
use crate::record::queue::{self, Waiter};

/// [`parking_lot::Condvar`], watched: same interface, no spurious wake-ups, exact counts.
///
/// The waiters stand in a queue of our own, first come, first notified, so that it is known whose wait a notification ends.
/// A waiter that is notified takes the mutex again like any other thread, where the original may hand it over.
pub struct Condvar(RawCondvar);

/// [`lock_api::WaitTimeoutResult`], which has no public constructor.
#[derive(Debug, PartialEq, Eq, Copy, Clone)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// See [`lock_api::WaitTimeoutResult::timed_out`].
    #[inline]
    #[must_use]
    pub const fn timed_out(self) -> bool {
        self.0
    }
}

/// The raw mutex that a guard holds.
fn raw<'a, T: ?Sized>(guard: &MutexGuard<'a, T>) -> &'a RawMutex {
    // SAFETY: whoever uses it gives it back as it was, while the guard is borrowed.
    unsafe { MutexGuard::mutex(guard).raw() }
}

impl Condvar {
    /// See [`lock_api::Condvar::new`].
    #[inline]
    #[must_use]
    #[track_caller]
    pub const fn new() -> Self {
        Self(RawCondvar::new(Location::caller()))
    }

    /// See [`lock_api::Condvar::raw`].
    #[inline]
    pub fn raw(&self) -> &RawCondvar {
        &self.0
    }

    /// See [`lock_api::Condvar::notify_one`].
    #[track_caller]
    pub fn notify_one(&self) -> bool {
        self.0.notify(false, Location::caller()) != 0
    }

    /// See [`lock_api::Condvar::notify_all`].
    #[track_caller]
    pub fn notify_all(&self) -> usize {
        self.0.notify(true, Location::caller())
    }

    /// See [`lock_api::Condvar::wait`].
    ///
    /// # Panics
    ///
    /// If another thread waits with another mutex.
    #[track_caller]
    pub fn wait<T: ?Sized>(&self, mutex_guard: &mut MutexGuard<'_, T>) {
        self.0.wait_at(raw(mutex_guard), None, Location::caller());
    }

    /// See [`lock_api::Condvar::wait_while`].
    ///
    /// # Panics
    ///
    /// If another thread waits with another mutex.
    #[track_caller]
    pub fn wait_while<T, F>(&self, mutex_guard: &mut MutexGuard<'_, T>, mut condition: F)
    where
        T: ?Sized,
        F: FnMut(&mut T) -> bool,
    {
        while condition(&mut **mutex_guard) {
            self.wait(mutex_guard);
        }
    }

    /// See [`lock_api::Condvar::wait_until`].
    ///
    /// # Panics
    ///
    /// If another thread waits with another mutex.
    #[track_caller]
    pub fn wait_until<T: ?Sized>(&self, mutex_guard: &mut MutexGuard<'_, T>, timeout: Instant) -> WaitTimeoutResult {
        WaitTimeoutResult(!self.0.wait_at(raw(mutex_guard), Some(timeout), Location::caller()))
    }

    /// See [`lock_api::Condvar::wait_for`].
    ///
    /// # Panics
    ///
    /// If another thread waits with another mutex.
    #[track_caller]
    pub fn wait_for<T: ?Sized>(&self, mutex_guard: &mut MutexGuard<'_, T>, timeout: Duration) -> WaitTimeoutResult {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.wait_until(mutex_guard, deadline),
            None => {
                self.wait(mutex_guard);
                WaitTimeoutResult(false)
            }
        }
    }

    /// See [`lock_api::Condvar::wait_while_until`].
    ///
    /// # Panics
    ///
    /// If another thread waits with another mutex.
    #[track_caller]
    pub fn wait_while_until<T, F>(
        &self,
        mutex_guard: &mut MutexGuard<'_, T>,
        mut condition: F,
        timeout: Instant,
    ) -> WaitTimeoutResult
    where
        T: ?Sized,
        F: FnMut(&mut T) -> bool,
    {
        let mut result = WaitTimeoutResult(false);
        while condition(&mut **mutex_guard) {
            if result.timed_out() {
                return result;
            }
            result = self.wait_until(mutex_guard, timeout);
        }
        WaitTimeoutResult(false)
    }

    /// See [`lock_api::Condvar::wait_while_for`].
    ///
    /// # Panics
    ///
    /// If another thread waits with another mutex.
    #[track_caller]
    pub fn wait_while_for<T, F>(
        &self,
        mutex_guard: &mut MutexGuard<'_, T>,
        condition: F,
        timeout: Duration,
    ) -> WaitTimeoutResult
    where
        T: ?Sized,
        F: FnMut(&mut T) -> bool,
    {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.wait_while_until(mutex_guard, condition, deadline),
            None => {
                self.wait_while(mutex_guard, condition);
                WaitTimeoutResult(false)
            }
        }
    }
}

// Its state is consistent whenever its lock is free, whatever panicked; and the original is so.
impl UnwindSafe for RawCondvar {}
impl RefUnwindSafe for RawCondvar {}

impl Default for Condvar {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl Named for Condvar {
    fn set_name(&self, name: &str) {
        self.0.meta.set_name(name);
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Condvar { .. }")
    }
}

/// [`parking_lot::RawCondvar`], watched.
pub struct RawCondvar {
    meta: CondvarMeta,
    waiters: Internal<Waiters>,
}

/// Who waits, and with which mutex: all with the same, known by its address.
struct Waiters {
    mutex: usize,
    queue: VecDeque<Standing>,
}

/// One that waits. Without a time limit, it has told of its wait.
struct Standing {
    waiter: Arc<Waiter>,
    told: bool,
}

impl RawCondvar {
    const fn new(created: Place) -> Self {
        let waiters = Waiters { mutex: 0, queue: VecDeque::new() };
        Self { meta: CondvarMeta::new(created), waiters: Internal::new(waiters) }
    }

    /// Ends the wait of the first, or of all. Returns of how many.
    fn notify(&self, all: bool, place: Place) -> usize {
        let waiters = &mut *self.waiters.lock();
        let count = if all { waiters.queue.len() } else { waiters.queue.len().min(1) };
        let told = waiters.queue.iter().take(count).filter(|standing| standing.told).count();
        self.meta.notified(all, u32::try_from(told).unwrap_or(u32::MAX), place);
        for standing in waiters.queue.drain(..count) {
            standing.waiter.end();
        }
        count
    }

    /// Gives the mutex up, waits for a notification, but not beyond the deadline, and takes the mutex again, which the
    /// current thread holds. True when notified.
    fn wait_at(&self, mutex: &RawMutex, deadline: Option<Instant>, place: Place) -> bool {
        let waiter = Waiter::new();
        let undo = Undo { condvar: self, mutex, waiter: &waiter, place };
        let mut waiters = self.waiters.lock();
        if waiters.mutex != mutex.address() && !waiters.queue.is_empty() {
            std::mem::forget(undo);
            drop(waiters);
            panic!("attempted to use a condition variable with more than one mutex");
        }
        waiters.mutex = mutex.address();
        let standing = Standing { waiter: Arc::clone(&waiter), told: deadline.is_none() };
        queue::push(&mut waiters.queue, standing);
        // The mutex is not held any more, for the recorder, before the wait is told of, and it is free before anyone can
        // miss it: who waits for it is not taken for stuck, because no waiting thread holds it.
        locks::released(mutex.meta());
        let waiting = if deadline.is_none() { self.meta.wait(mutex.meta(), place) } else { None };
        drop(waiters);
        std::mem::forget(undo);
        mutex.unlock_unseen();
        if deadline.is_some() {
            self.meta.wait_until(deadline, place);
        }
        // A notification that comes together with the end of the time counts: it must not be lost.
        let notified = waiter.sleep(deadline) || !self.leave(&waiter);
        drop(waiting);
        self.meta.woken(notified, place);
        let relocking = Relocking;
        mutex.lock_at(place);
        std::mem::forget(relocking);
        notified
    }

    /// Out of the queue. False if the waiter is not there any more, for it was notified.
    fn leave(&self, waiter: &Arc<Waiter>) -> bool {
        let queue = &mut self.waiters.lock().queue;
        let place = queue.iter().position(|standing| Arc::ptr_eq(&standing.waiter, waiter));
        place.and_then(|place| queue.remove(place)).is_some()
    }
}

/// A panic ends the wait before it began (the user may ask for one on a deadlock): the mutex is still locked.
struct Undo<'a> {
    condvar: &'a RawCondvar,
    mutex: &'a RawMutex,
    waiter: &'a Arc<Waiter>,
    place: Place,
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        self.condvar.leave(self.waiter);
        locks::acquired(self.mutex.meta(), Attempt::Blocking, self.place);
    }
}

/// The guard of the mutex is the caller's, so there is no way out of a wait without the mutex.
struct Relocking;

impl Drop for Relocking {
    fn drop(&mut self) {
        // In the middle of a panic: this ends the process.
        panic!("a condvar could not take its mutex again");
    }
}

#[cfg(not(lock_api_0_4))]
// SAFETY: a waiter stands in the queue before the mutex is unlocked, and nobody leaves without having locked it again.
unsafe impl lock_api::RawCondvar for RawCondvar {
    const INIT: Self = Self::new(Location::caller());

    type RawMutex = RawMutex;

    #[track_caller]
    unsafe fn wait(&self, mutex: &RawMutex, _guard: &mut <RawMutex as lock_api::RawMutex>::Guard) {
        self.wait_at(mutex, None, Location::caller());
    }

    #[track_caller]
    fn notify_one(&self) -> bool {
        self.notify(false, Location::caller()) != 0
    }

    #[track_caller]
    fn notify_all(&self) -> usize {
        self.notify(true, Location::caller())
    }
}

#[cfg(not(lock_api_0_4))]
// SAFETY: as for `RawCondvar`.
unsafe impl lock_api::RawCondvarTimed for RawCondvar {
    fn checked_duration_to_instant(timeout: &Duration) -> Option<Instant> {
        Instant::now().checked_add(*timeout)
    }

    #[track_caller]
    unsafe fn wait_until(
        &self,
        mutex: &RawMutex,
        _guard: &mut <RawMutex as lock_api::RawMutex>::Guard,
        timeout: &Instant,
    ) -> bool {
        !self.wait_at(mutex, Some(*timeout), Location::caller())
    }
}
