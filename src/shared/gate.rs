//! As that of the recorder, for a program that is not watched: cells are never left open.

use std::sync::atomic::{AtomicUsize, Ordering};

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
