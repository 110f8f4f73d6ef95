//! A lock for a few steps, under which no one waits for anything else.
//!
//! Who finds it taken looks again, and soon lets others run: to sleep and be woken costs more than the steps that it
//! waits for, and it is the hot path of atomics, which a program expects to wait for no one.
//!
//! No thread waits for itself: what is done under the lock is done inside the tool, where the hooks of a signal's handler or
//! of a program's allocator do nothing (see [`enter`](super::context::enter)), and a panic gives the lock back.

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering;

use crate::primitive::{AtomicBool, pause};

/// A value that one thread has at a time.
pub(super) struct Spin<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through a guard, of which there is one at a time.
unsafe impl<T: Send> Sync for Spin<T> {}

impl<T> Spin<T> {
    pub(super) const fn new(value: T) -> Self {
        Self { taken: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    #[inline]
    pub(super) fn lock(&self) -> SpinGuard<'_, T> {
        if self.taken.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            self.contended();
        }
        SpinGuard(self)
    }

    #[cold]
    fn contended(&self) {
        let mut rounds = 0;
        while self.taken.load(Ordering::Relaxed)
            || self.taken.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_err()
        {
            pause(&mut rounds);
        }
    }
}

/// The lock is taken until this is dropped.
pub(super) struct SpinGuard<'a, T>(&'a Spin<T>);

impl<T> Deref for SpinGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the lock is taken by this guard.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for SpinGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is taken by this guard.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for SpinGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.0.taken.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod models {
    use std::sync::Arc;

    use super::*;
    use crate::primitive::model::{Plain, check_within, spawn};

    /// Two threads, one of which finds the lock taken: each has the value for itself, and finds what the other made of it.
    /// (Of three, two may look in turn for ever while the one that they wait for does not run.)
    #[test]
    fn one_at_a_time() {
        check_within(3, "one has the lock at a time", || {
            let lock = Arc::new(Spin::new(Plain::new(0)));
            let add = |lock: &Spin<Plain<u32>>| {
                let value = lock.lock();
                value.set(value.get() + 1);
            };
            add(&lock);
            let other = Arc::clone(&lock);
            let other = spawn(move || add(&other));
            add(&lock);
            other.join().unwrap();
            assert_eq!(lock.lock().get(), 3);
        });
    }
}
