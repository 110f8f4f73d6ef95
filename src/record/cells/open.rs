//! As [`Spin`](crate::record::spin::Spin), a lock for a few steps, which can be left open as well: then threads look at the
//! value side by side.

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};

use super::gate::{Beside, Gate};
use super::readers::Slot;
use crate::primitive::pause;

/// What is in the gate while a thread has the lock: which one, nobody asks.
const TAKEN: usize = 2;

/// A value that one thread has at a time, or several for a look.
pub(super) struct Open<T> {
    gate: Gate,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through a guard, of which there is one at a time, or by shared references.
unsafe impl<T: Send + Sync> Sync for Open<T> {}

impl<T> Open<T> {
    pub(super) const fn new(value: T) -> Self {
        Self { gate: Gate::new(), value: UnsafeCell::new(value) }
    }

    #[inline(always)]
    pub(super) fn lock(&self) -> OpenGuard<'_, T> {
        if !self.gate.take_free(TAKEN) {
            self.contended();
        }
        OpenGuard(self)
    }

    #[cold]
    #[inline(never)]
    fn contended(&self) {
        let mut rounds = 0;
        while self.gate.try_take(TAKEN).is_err() {
            pause(&mut rounds);
        }
    }

    /// Is it worth trying to look beside others?
    #[inline(always)]
    pub(super) fn is_open(&self) -> bool {
        self.gate.is_open()
    }

    /// A look at the value, if it was left open, by the thread whose slot it is.
    #[inline(always)]
    pub(super) fn look(&self, slot: &'static Slot) -> Option<Look<'_, T>> {
        let beside = self.gate.read_beside(slot)?;
        // SAFETY: the gate is open, so until `beside` is dropped there are no references but shared ones.
        Some(Look { value: unsafe { &*self.value.get() }, _beside: beside })
    }
}

/// The lock is taken until this is dropped.
pub(super) struct OpenGuard<'a, T>(&'a Open<T>);

impl<T> OpenGuard<'_, T> {
    /// Gives the lock back, and lets threads look at the value side by side until it is taken again.
    #[inline]
    pub(super) fn leave_open(self) {
        self.0.gate.give(true);
        std::mem::forget(self);
    }
}

impl<T> Deref for OpenGuard<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the lock is taken by this guard.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for OpenGuard<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is taken by this guard.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for OpenGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.gate.give(false);
    }
}

/// A look at the value, beside those of other threads, until this is dropped.
pub(super) struct Look<'a, T> {
    value: &'a T,
    _beside: Beside,
}

impl<T> Deref for Look<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        self.value
    }
}
