//! [`std::sync::Condvar`], watched.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, LockResult, PoisonError};
use std::time::{Duration, Instant};

use super::mutex::MutexGuard;
use crate::name::Named;
use crate::primitive::Mutex as Internal;
use crate::record::condvars::CondvarMeta;
use crate::record::locks::LockMeta;
use crate::record::queue::{self, Queue, Waiter};

/// [`std::sync::Condvar`], watched: same interface.
///
/// The waiters stand in a queue of our own, first come, first notified, so that it is known whose wait a notification
/// ends, and whether there was one at all. There are no spurious wake-ups.
///
/// One thing differs from the original: a wait *during the unwinding of a panic*, with a guard taken before the panic,
/// poisons the mutex when it gives it up, and not only when its guard is dropped in the end.
pub struct Condvar {
    meta: CondvarMeta,
    waiters: Internal<Waiters>,
}

#[derive(Default)]
struct Waiters {
    queue: Queue,
    /// Those of the queue who have told of their wait, which is one without a time limit.
    told: VecDeque<Arc<Waiter>>,
}

/// [`std::sync::WaitTimeoutResult`], which has no public constructor.
#[derive(Debug, PartialEq, Eq, Copy, Clone)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// See [`std::sync::WaitTimeoutResult::timed_out`].
    #[must_use]
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

type Place = &'static Location<'static>;

impl Condvar {
    /// See [`std::sync::Condvar::new`].
    #[must_use]
    #[inline]
    #[track_caller]
    pub const fn new() -> Self {
        let waiters = Waiters { queue: Queue::new(), told: VecDeque::new() };
        Self { meta: CondvarMeta::new(Location::caller()), waiters: Internal::new(waiters) }
    }

    /// See [`std::sync::Condvar::wait`].
    ///
    /// # Errors
    ///
    /// If the mutex is poisoned when it is taken again.
    #[track_caller]
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        let place = Location::caller();
        let mutex = guard.mutex();
        self.sleep(mutex.meta(), || drop(guard), place);
        mutex.lock_at(place)
    }

    /// See [`std::sync::Condvar::wait_while`].
    ///
    /// # Errors
    ///
    /// If the mutex is poisoned when it is taken again.
    #[track_caller]
    pub fn wait_while<'a, T, F>(&self, mut guard: MutexGuard<'a, T>, mut condition: F) -> LockResult<MutexGuard<'a, T>>
    where
        F: FnMut(&mut T) -> bool,
    {
        while condition(&mut *guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    /// See [`std::sync::Condvar::wait_timeout_ms`].
    ///
    /// # Errors
    ///
    /// If the mutex is poisoned when it is taken again.
    #[deprecated(note = "replaced by `Condvar::wait_timeout`")]
    #[track_caller]
    pub fn wait_timeout_ms<'a, T>(&self, guard: MutexGuard<'a, T>, ms: u32) -> LockResult<(MutexGuard<'a, T>, bool)> {
        let in_time = |(guard, result): (_, WaitTimeoutResult)| (guard, !result.timed_out());
        match self.wait_timeout(guard, Duration::from_millis(u64::from(ms))) {
            Ok(ended) => Ok(in_time(ended)),
            Err(poisoned) => Err(PoisonError::new(in_time(poisoned.into_inner()))),
        }
    }

    /// See [`std::sync::Condvar::wait_timeout`].
    ///
    /// # Errors
    ///
    /// If the mutex is poisoned when it is taken again.
    #[track_caller]
    pub fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        dur: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let place = Location::caller();
        let mutex = guard.mutex();
        let result = WaitTimeoutResult(!self.sleep_for(guard, dur, place));
        match mutex.lock_at(place) {
            Ok(guard) => Ok((guard, result)),
            Err(poisoned) => Err(PoisonError::new((poisoned.into_inner(), result))),
        }
    }

    /// See [`std::sync::Condvar::wait_timeout_while`].
    ///
    /// # Errors
    ///
    /// If the mutex is poisoned when it is taken again.
    #[track_caller]
    pub fn wait_timeout_while<'a, T, F>(
        &self,
        mut guard: MutexGuard<'a, T>,
        dur: Duration,
        mut condition: F,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)>
    where
        F: FnMut(&mut T) -> bool,
    {
        let start = Instant::now();
        loop {
            if !condition(&mut *guard) {
                return Ok((guard, WaitTimeoutResult(false)));
            }
            let Some(left) = dur.checked_sub(start.elapsed()) else {
                return Ok((guard, WaitTimeoutResult(true)));
            };
            guard = self.wait_timeout(guard, left)?.0;
        }
    }

    /// See [`std::sync::Condvar::notify_one`].
    #[track_caller]
    pub fn notify_one(&self) {
        let mut waiters = self.waiters.lock();
        let told = waiters.queue.first().cloned().is_some_and(|first| waiters.forget(&first));
        self.meta.notified(false, u32::from(told), Location::caller());
        waiters.queue.end_first();
    }

    /// See [`std::sync::Condvar::notify_all`].
    #[track_caller]
    pub fn notify_all(&self) {
        let mut waiters = self.waiters.lock();
        let told = waiters.told.drain(..).count();
        self.meta.notified(true, u32::try_from(told).unwrap_or(u32::MAX), Location::caller());
        waiters.queue.end_all();
    }

    /// Gives the mutex up, by `unlock`, and waits for a notification.
    fn sleep(&self, mutex: &LockMeta, unlock: impl FnOnce(), place: Place) {
        let mut standing = Standing { condvar: self, waiter: self.enqueue(), over: false };
        unlock();
        let mut waiters = self.waiters.lock();
        // A wait is told of only now, when the mutex is free again. Whoever was notified meanwhile is on its way.
        let waits = waiters.queue.holds(&standing.waiter);
        let waiting = if waits {
            queue::push(&mut waiters.told, Arc::clone(&standing.waiter));
            self.meta.wait(mutex, place)
        } else {
            None
        };
        drop(waiters);
        standing.waiter.sleep(None);
        drop(waiting);
        standing.over = true;
        if waits { self.meta.woken(true, place) } else { self.meta.woken_at_once(mutex, place) }
    }

    /// Gives the mutex up and waits for a notification or until the time has passed; true when notified.
    fn sleep_for<T>(&self, guard: MutexGuard<'_, T>, time: Duration, place: Place) -> bool {
        let deadline = Instant::now().checked_add(time);
        let waiter = self.enqueue();
        drop(guard);
        self.meta.wait_until(deadline, place);
        // A notification that comes together with the end of the time counts: it must not be lost.
        let notified = waiter.sleep(deadline) || !self.waiters.lock().queue.leave(&waiter);
        self.meta.woken(notified, place);
        notified
    }

    /// The current thread joins the queue; it still holds the mutex.
    fn enqueue(&self) -> Arc<Waiter> {
        let waiter = Waiter::new();
        self.waiters.lock().queue.join(&waiter);
        waiter
    }
}

impl Waiters {
    /// The waiter is not in the queue any more. Had it told of its wait?
    fn forget(&mut self, waiter: &Arc<Waiter>) -> bool {
        let place = self.told.iter().position(|told| Arc::ptr_eq(told, waiter));
        place.map(|place| self.told.remove(place)).is_some()
    }
}

/// A place in the queue, given up when a panic ends the wait (the user may ask for one on a deadlock).
struct Standing<'a> {
    condvar: &'a Condvar,
    waiter: Arc<Waiter>,
    over: bool,
}

impl Drop for Standing<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let mut waiters = self.condvar.waiters.lock();
        waiters.forget(&self.waiter);
        if !waiters.queue.leave(&self.waiter) {
            // Notified at the last moment: the notification is for someone who can use it.
            waiters.queue.end_first();
        }
    }
}

impl UnwindSafe for Condvar {}
impl RefUnwindSafe for Condvar {}

impl Named for Condvar {
    fn set_name(&self, name: &str) {
        self.meta.set_name(name);
    }
}

impl Default for Condvar {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::Named;
    use crate::check::findings_of;
    use crate::record::process;
    use crate::sync::Mutex;
    use crate::thread;

    /// Who is notified before it could tell of its wait has waited all the same: it comes after what it waited for.
    #[test]
    fn a_wait_may_be_over_before_it_is_told_of() {
        if process::is_watched() {
            return;
        }
        let waits = |for_the_change: bool| {
            findings_of(move || {
                let locks = Arc::new((Mutex::new(()).named("left"), Mutex::new(()).named("right")));
                let (condition, done) = (Arc::new((Mutex::new(0), Condvar::new())), Arc::new(AtomicBool::new(false)));
                let mut state = condition.0.lock().unwrap();
                let other = (Arc::clone(&locks), Arc::clone(&condition), Arc::clone(&done));
                let first = thread::spawn(move || {
                    let (locks, condition, done) = other;
                    let left = locks.0.lock().unwrap();
                    drop(locks.1.lock().unwrap());
                    drop(left);
                    *condition.0.lock().unwrap() += 1;
                    condition.1.notify_all();
                    done.store(true, Ordering::Release);
                });
                let is_done = || {
                    while !done.load(Ordering::Acquire) {
                        std::thread::yield_now();
                    }
                };
                if for_the_change {
                    while *state == 0 {
                        let unlock = || {
                            drop(state);
                            is_done();
                        };
                        condition.1.sleep(condition.0.meta(), unlock, Location::caller());
                        state = condition.0.lock().unwrap();
                    }
                    drop(state);
                } else {
                    drop(state);
                    is_done();
                }
                let right = locks.1.lock().unwrap();
                drop(locks.0.lock().unwrap());
                drop(right);
                first.join().unwrap();
            })
            .findings
        };
        assert!(waits(true).is_empty());
        assert_eq!(waits(false).len(), 1, "it has not waited");
    }
}

#[cfg(test)]
mod models {
    use super::*;
    use crate::event::ObjectKind;
    use crate::primitive::model::{check, check_within, spawn};
    use crate::record::context::set_unwatched;

    /// A mutex that loom knows, with tokens to wait for, and a condvar.
    struct Tokens {
        tokens: Internal<usize>,
        meta: LockMeta,
        condvar: Condvar,
    }

    impl Tokens {
        fn new() -> Arc<Self> {
            set_unwatched();
            let meta = LockMeta::new(ObjectKind::Mutex, Location::caller());
            let tokens = Self { tokens: Internal::new(0), meta, condvar: Condvar::new() };
            tokens.condvar.set_name("condvar");
            Arc::new(tokens)
        }

        fn take(&self) {
            let mut tokens = self.tokens.lock();
            while *tokens == 0 {
                self.condvar.sleep(&self.meta, || drop(tokens), Location::caller());
                tokens = self.tokens.lock();
            }
            *tokens -= 1;
        }
    }

    /// The waiter looks first: whenever the notification comes, also without the lock, it is not lost.
    #[test]
    fn a_notification_is_not_lost() {
        check("a notification is not lost", || {
            let shared = Tokens::new();
            let notifier = Arc::clone(&shared);
            let thread = spawn(move || {
                *notifier.tokens.lock() = 1;
                notifier.condvar.notify_one();
            });
            shared.take();
            thread.join().unwrap();
        });
    }

    /// Two waiters and two notifications of one, or one of all: both waiters go on.
    #[test]
    fn each_waiter_gets_a_notification() {
        for all in [false, true] {
            check_within(4, &format!("each waiter gets a notification, to all: {all}"), move || {
                let shared = Tokens::new();
                let waiters = [0; 2].map(|_| {
                    let shared = Arc::clone(&shared);
                    spawn(move || shared.take())
                });
                if all {
                    *shared.tokens.lock() = 2;
                    shared.condvar.notify_all();
                } else {
                    for _ in 0..2 {
                        *shared.tokens.lock() += 1;
                        shared.condvar.notify_one();
                    }
                }
                waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
            });
        }
    }
}
