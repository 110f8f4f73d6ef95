//! What of a task changes in one step.

use std::sync::atomic::Ordering;

use crate::primitive::AtomicU64;

/// The lower half of a [`Word`].
pub(crate) mod flags {
    /// Woken since its last poll began.
    pub(crate) const SCHEDULED: u32 = 1;
    /// The wait graph has it as one that waits, or was woken and has not been polled since.
    pub(crate) const ENTERED: u32 = 2;
    /// The wait graph knows it.
    pub(crate) const KNOWN: u32 = 4;
    /// It has ended.
    pub(crate) const ENDED: u32 = 8;
    /// It was asked to stop.
    pub(crate) const ABORTED: u32 = 16;
    /// It holds something, or has.
    pub(crate) const HOLDER: u32 = 32;
    /// Leaves of it are registered.
    pub(crate) const LEAVES: u32 = 64;
    /// Its last poll has returned Pending, and none has begun since.
    pub(crate) const SUSPENDED: u32 = 128;
}

/// The [`flags`] of a task, and above them the number of polls begun: a poll begins in one step.
pub(super) struct Word(AtomicU64);

/// One poll.
const POLL: u64 = 1 << 32;

impl Word {
    pub(super) fn new(flags: u32) -> Self {
        Self(AtomicU64::new(flags.into()))
    }

    #[inline]
    pub(super) fn flags(&self) -> u32 {
        self.0.load(Ordering::SeqCst) as u32
    }

    /// Sets flags. Gives those that were set before.
    pub(super) fn add(&self, flags: u32) -> u32 {
        self.0.fetch_or(flags.into(), Ordering::SeqCst) as u32
    }

    pub(super) fn clear(&self, flag: u32) {
        self.0.fetch_and(!u64::from(flag), Ordering::SeqCst);
    }

    /// Polls begun.
    pub(super) fn polls(&self) -> u32 {
        (self.0.load(Ordering::SeqCst) >> u32::BITS) as u32
    }

    /// A poll begins. Gives the flags that were set before; `None` if the task has ended.
    #[inline]
    pub(super) fn begin_poll(&self) -> Option<u32> {
        let mut word = self.0.load(Ordering::SeqCst);
        loop {
            let flags = word as u32;
            if flags & flags::ENDED != 0 {
                return None;
            }
            let next = (word & !u64::from(flags::SCHEDULED | flags::SUSPENDED)).wrapping_add(POLL);
            match self.0.compare_exchange_weak(word, next, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return Some(flags),
                Err(now) => word = now,
            }
        }
    }
}

#[cfg(test)]
mod models {
    use std::sync::Arc;

    use super::*;
    use crate::primitive::model::{check, spawn};

    /// A poll begins while the task is woken, and asked to stop: the wake-up counts for this poll or for the next, and no
    /// flag is lost.
    #[test]
    fn no_wake_up_is_lost() {
        check("no wake-up is lost", || {
            let word = Arc::new(Word::new(flags::SUSPENDED));
            let [waker, stopper] = [Arc::clone(&word), Arc::clone(&word)];
            let waker = spawn(move || waker.add(flags::SCHEDULED));
            let stopper = spawn(move || stopper.add(flags::ABORTED));
            let before = word.begin_poll().unwrap();
            let woken = waker.join().unwrap();
            stopper.join().unwrap();
            assert_ne!(before & flags::SUSPENDED, 0);
            let (now, was_in_time) = (word.flags(), before & flags::SCHEDULED != 0);
            assert_eq!(now, flags::ABORTED | if was_in_time { 0 } else { flags::SCHEDULED });
            assert_eq!((woken & flags::SUSPENDED != 0, word.polls()), (was_in_time, 1));
        });
    }

    /// A task ends on one thread while another one would poll it: the poll comes before the end, or not at all.
    #[test]
    fn what_has_ended_is_not_polled() {
        check("what has ended is not polled", || {
            let word = Arc::new(Word::new(flags::SCHEDULED));
            let other = Arc::clone(&word);
            let end = spawn(move || {
                other.add(flags::ENDED);
                other.polls()
            });
            let begun = word.begin_poll().is_some();
            assert_eq!(end.join().unwrap(), u32::from(begun));
            assert_eq!((word.polls(), word.begin_poll()), (u32::from(begun), None));
        });
    }
}
