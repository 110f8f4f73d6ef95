//! What the hot paths of locks log: a word at a time, without calls, and what may be added to the last one.

use std::panic::Location;

#[cfg(doc)]
use super::Room;
use super::{READY_WORDS, Stand, ThreadLog, buffer, distance};
use crate::event::{LockId, Op, ThreadId};
use crate::trace::chunk::{self, FAR, WIDE_OBJECT};
use crate::trace::code::{self, Parts};

impl ThreadLog {
    /// Where an event can be logged now, without calls: after a [`ThreadLog::after_ready`], or two events without.
    #[inline(always)]
    pub(crate) fn ready(&self) -> Option<Ready> {
        let next = self.buffer.len();
        if next <= buffer::WORDS - READY_WORDS { Some(Ready(next)) } else { None }
    }

    /// The place of the site, if it is told in one word with the event.
    #[inline(always)]
    pub(crate) fn near(&self, site: &'static Location<'static>) -> Option<Near> {
        let place = self.place(site);
        if place < FAR { Some(Near(place)) } else { None }
    }

    /// As [`Room::push`], for an operation of one operand, on an object of less than 30 bits.
    #[inline(always)]
    pub(crate) fn push_ready(&mut self, ready: Ready, op: Op, near: Near) {
        let Parts { code, object, extra } = code::split(op);
        debug_assert!(extra.is_none());
        self.put_ready(ready, code, object, near);
    }

    /// As [`ThreadLog::push_ready`]: the lock was acquired exclusively, with a wait if need be.
    #[inline(always)]
    pub(crate) fn push_held(&mut self, ready: Ready, word: HeldWord) {
        debug_assert!(ready.0 == self.buffer.len());
        self.buffer.put(ready.0, word.0);
    }

    /// A mutex, made at `made` and never taken before, was acquired exclusively, without a wait. `opaque`: see
    /// [`Op::DataHidden`].
    #[inline(always)]
    pub(crate) fn push_fresh(&mut self, _ready: Ready, lock: LockId, near: Near, made: Near, opaque: bool) {
        if lock.0 != self.last_made.wrapping_add(1) {
            self.control(code::extra_word(lock.0));
        }
        self.put(chunk::fresh_word(near.0, made.0, opaque));
        self.last_made = lock.0;
    }

    /// What a look at what the lock guards tells of it: nothing, if it is the one that was told of last. So the looks at locks
    /// that live for a moment are all the same.
    #[inline(always)]
    pub(crate) fn looked_at(&self, lock: LockId) -> LockId {
        if lock.0 == self.last_made { LockId(0) } else { lock }
    }

    /// The hold of the lock, if the thread's last word is its [`ThreadLog::push_fresh`], or a look at what it guards.
    #[inline(always)]
    pub(crate) fn fresh_hold(&self, lock: LockId) -> Option<Hold> {
        let hold = chunk::fresh_with_release(self.last().word).map(Hold);
        hold.filter(|_| lock.0 == self.last_made)
    }

    /// As [`ThreadLog::push_ready`]: the holder looks at what the lock guards, and with `change` it changes that. The lock may be
    /// what [`ThreadLog::looked_at`] has given.
    #[inline(always)]
    pub(crate) fn push_look(&mut self, ready: Ready, lock: LockId, change: bool, near: Near) {
        self.put_ready(ready, if change { chunk::CHANGED } else { chunk::LOOKED }, lock.0, near);
    }

    /// The thread's last word.
    #[inline(always)]
    pub(crate) fn last(&self) -> Last {
        let (len, word) = self.buffer.last();
        Last { len, word }
    }

    /// The lock is released, by a thread that has told where before: that is added to the last word. Gives where the
    /// thread stands.
    #[inline(always)]
    pub(crate) fn end_hold(&mut self, hold: Hold) -> Stand {
        let len = self.buffer.close(hold.0);
        Stand(self.earlier.wrapping_add(len as u64))
    }

    /// As [`ThreadLog::push_ready`]: the lock, held exclusively, is released, by a thread that has told where before. Gives where
    /// it stands.
    #[inline(always)]
    pub(crate) fn push_released(&mut self, ready: Ready, lock: LockId) -> Stand {
        debug_assert!(ready.0 == self.buffer.len() && lock.0 < WIDE_OBJECT);
        self.buffer.put(ready.0, chunk::event_word(chunk::RELEASED_AGAIN, 0, lock.0));
        Stand(self.earlier.wrapping_add(ready.0 as u64 + 1))
    }

    #[inline(always)]
    fn put_ready(&mut self, ready: Ready, code: u8, object: u32, near: Near) {
        debug_assert!(ready.0 == self.buffer.len() && object < WIDE_OBJECT);
        self.buffer.put(ready.0, chunk::event_word(code, near.0, object));
    }

    /// Nothing is to be added to the last word any more.
    pub(crate) fn close_word(&mut self) {
        if chunk::is_open(self.last().word) {
            let own = (self.part.thread, self.last_after);
            // That something stands after events of its own thread says nothing.
            self.make_room().0.after(own);
        }
    }

    /// As [`Room::after`], before what is logged there.
    #[inline(always)]
    pub(crate) fn after_ready(&mut self, ready: &mut Ready, last: (ThreadId, u64)) {
        self.after(last);
        ready.0 = self.buffer.len();
    }
}

/// See [`ThreadLog::ready`].
pub(crate) struct Ready(usize);

/// See [`ThreadLog::near`].
#[derive(Clone, Copy)]
pub(crate) struct Near(u64);

/// See [`ThreadLog::origin`].
#[derive(Clone, Copy)]
pub(crate) struct Origin(pub(super) usize);

/// See [`ThreadLog::last`].
#[derive(Clone, Copy)]
pub(crate) struct Last {
    /// Words up to and with it.
    len: usize,
    word: u64,
}

/// The last word with the release.
pub(crate) struct Hold(u64);

impl Last {
    /// Is it [`ThreadLog::push_held`] of this lock?
    #[inline(always)]
    pub(crate) fn is_held(self, lock: LockId) -> bool {
        chunk::is_held(self.word, lock.0)
    }

    /// Is it none to which a release can be added?
    #[inline(always)]
    pub(crate) fn is_closed(self) -> bool {
        chunk::is_closed(self.word)
    }

    /// Is it that, or [`ThreadLog::push_look`] of this lock?
    #[inline(always)]
    pub(crate) fn hold(self, lock: LockId) -> Option<Hold> {
        chunk::with_release(self.word, lock.0).map(Hold)
    }

    /// Is it [`ThreadLog::push_fresh`], or a look that doesn't name its lock?
    #[inline(always)]
    pub(crate) fn is_fresh(self) -> bool {
        chunk::fresh_with_release(self.word).is_some()
    }

    /// As [`ThreadLog::ready`].
    #[inline(always)]
    pub(crate) fn ready(self) -> Option<Ready> {
        if self.len <= buffer::WORDS - READY_WORDS { Some(Ready(self.len)) } else { None }
    }
}

/// An acquisition at some place: a word, without the lock until that is [added](Self::of).
#[derive(Clone, Copy)]
pub(crate) struct HeldWord(u64);

impl HeldWord {
    /// Of no place.
    pub(crate) const NONE: Self = Self(0);

    /// The same with the lock.
    #[inline(always)]
    pub(crate) fn of(self, lock: LockId) -> Self {
        debug_assert!(lock.0 < WIDE_OBJECT);
        Self(chunk::of_lock(self.0, lock.0))
    }
}

impl Origin {
    /// An acquisition at this site, if it is told in one word.
    pub(crate) fn held(self, site: &'static Location<'static>) -> Option<HeldWord> {
        let place = distance(self.0, site);
        (place < FAR).then(|| HeldWord(chunk::event_word(chunk::HELD, place, 0)))
    }
}
