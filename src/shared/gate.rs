//! As that of the recorder, for a program that is not watched: cells are never left open.

#[cfg(not(feature = "detect"))]
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

// In a program that is watched there is only the model of this.
#[cfg(feature = "detect")]
use crate::primitive::AtomicUsize;

/// Nobody is inside.
const FREE: usize = 0;

/// [`FREE`], or the mark of the thread that is inside.
pub(super) struct Gate(AtomicUsize);

/// Why a thread is not let in.
pub(super) enum Refused {
    /// It is inside.
    Nested,
    /// Another one is.
    Taken,
}

impl Gate {
    pub(super) const fn new() -> Self {
        Self(AtomicUsize::new(FREE))
    }

    /// Lets the thread of this mark in, if nobody is inside.
    #[inline(always)]
    pub(super) fn take_free(&self, me: usize) -> bool {
        self.0.compare_exchange(FREE, me, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// As [`take_free`](Self::take_free), and says why not.
    pub(super) fn try_take(&self, me: usize) -> Result<(), Refused> {
        match self.user() {
            // Only this thread can have stored its own mark, so a relaxed load sees it.
            user if user == me => Err(Refused::Nested),
            FREE if self.take_free(me) => Ok(()),
            _ => Err(Refused::Taken),
        }
    }

    /// The thread leaves.
    #[inline(always)]
    pub(super) fn give(&self, _open: bool) {
        self.0.store(FREE, Ordering::Release);
    }

    /// The mark of the one that is inside, or 0.
    pub(super) fn user(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A mark of the current thread that no other living thread has, and that is no small number.
#[inline(always)]
pub(super) fn me() -> usize {
    thread_local! {
        static MARK: u64 = const { 0 };
    }
    MARK.with(|mark| std::ptr::from_ref(mark).addr())
}

#[cfg(all(test, feature = "detect"))]
mod models {
    use std::sync::Arc;

    use super::*;
    use crate::primitive::model::{Plain, check, spawn};

    /// Two threads that try to get in, and one that has been inside: who gets in is alone, and finds what those before left.
    #[test]
    fn one_is_inside_without_a_detector() {
        check("one is inside without a detector", || {
            let shared = Arc::new((Gate::new(), Plain::new(0)));
            let add = |(gate, value): &(Gate, Plain<u32>), me: usize| {
                let inside = gate.try_take(me).is_ok();
                if inside {
                    assert!(matches!(gate.try_take(me), Err(Refused::Nested)));
                    value.set(value.get() + 1);
                    gate.give(false);
                }
                u32::from(inside)
            };
            assert_eq!(add(&shared, 8), 1);
            let other = Arc::clone(&shared);
            let other = spawn(move || add(&other, 16));
            let here = add(&shared, 24);
            let there = other.join().unwrap();
            assert!(here + there > 0);
            assert_eq!((shared.1.get(), shared.0.user()), (1 + here + there, FREE));
        });
    }
}
