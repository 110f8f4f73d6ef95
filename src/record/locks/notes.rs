//! What is noted of locks that the graph does not know.
//!
//! Not in the locks: few of them have a note, and the less there is of a lock beside its real one, the more of both lie on
//! one line of the processor's cache.

use std::num::NonZeroU32;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::analysis::lock_order::ContextId;
use crate::event::{LockId, SiteId};
use crate::record::registry::UNWATCHED;

/// A pin of a held context, and where a lock was taken in it; or neither.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Note(u64);

impl Note {
    pub(super) const NONE: Self = Self(0);

    pub(super) fn new(context: ContextId, site: SiteId) -> Self {
        Self(u64::from(context.0.get()) << 32 | u64::from(site.0))
    }

    pub(super) fn context(self) -> Option<ContextId> {
        NonZeroU32::new((self.0 >> 32) as u32).map(ContextId)
    }

    pub(super) fn site(self) -> SiteId {
        SiteId(self.0 as u32)
    }
}

/// By the lock's id, while the graph does not know the lock: the one held context in which it was ever taken below another.
/// Looked at and changed only by who holds the lock exclusively, or owns it: the lock itself orders that.
///
/// The first part is for the ids up to [`FIRST`], and each other one for as many as all before it.
static NOTES: [OnceLock<Box<[AtomicU64]>>; PARTS] = [const { OnceLock::new() }; PARTS];

const FIRST: usize = 1 << 10;
const PARTS: usize = (UNWATCHED.ilog2() - FIRST.ilog2() + 2) as usize;

/// The part with the note of an id, and where it is there.
#[inline(always)]
const fn home(lock: LockId) -> (usize, usize) {
    let at = lock.0 as usize;
    match at / FIRST {
        0 => (0, at),
        times => (times.ilog2() as usize + 1, at - (FIRST << times.ilog2())),
    }
}

/// How many notes a part has.
const fn len(part: usize) -> usize {
    if part == 0 { FIRST } else { FIRST << (part - 1) }
}

/// Where the note of a lock is, if there is [room](make_room).
#[inline(always)]
fn slot(lock: LockId) -> Option<&'static AtomicU64> {
    let (part, at) = home(lock);
    NOTES.get(part).and_then(OnceLock::get).and_then(|notes| notes.get(at))
}

/// The note of a lock.
pub(super) fn note(lock: LockId) -> Note {
    slot(lock).map_or(Note::NONE, |slot| Note(slot.load(Ordering::Relaxed)))
}

/// Notes a context, which stays pinned.
pub(super) fn put(lock: LockId, note: Note) {
    make_room(lock);
    let put = put_ready(lock, note);
    debug_assert!(put, "there is room");
}

/// As [`put`], if there is [room](make_room); false, and nothing done, if not. Calls nothing.
#[inline(always)]
pub(super) fn put_ready(lock: LockId, note: Note) -> bool {
    let slot = slot(lock);
    if let Some(slot) = slot {
        slot.store(note.0, Ordering::Relaxed);
    }
    slot.is_some()
}

/// Makes room for the note of a lock, which is not [`UNWATCHED`].
pub(super) fn make_room(lock: LockId) {
    debug_assert!(lock.0 < UNWATCHED, "of such locks nothing is noted");
    let part = home(lock).0;
    NOTES[part].get_or_init(|| (0..len(part)).map(|_| AtomicU64::new(Note::NONE.0)).collect());
}

/// Takes out the note of a lock, and the pin with it.
pub(super) fn take(lock: LockId) -> Option<(ContextId, SiteId)> {
    let note = note(lock);
    let context = note.context()?;
    put_ready(lock, Note::NONE);
    Some((context, note.site()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every id has a place of its own, in a part that is large enough.
    #[test]
    fn each_lock_has_a_place() {
        let mut last = None;
        for id in 0..(FIRST as u32) << 6 {
            let (part, at) = home(LockId(id));
            assert!(at < len(part));
            let next = match last {
                Some((part, at)) if at + 1 < len(part) => (part, at + 1),
                Some((part, _)) => (part + 1, 0),
                None => (0, 0),
            };
            assert_eq!((part, at), next);
            last = Some(next);
        }
        assert!(home(LockId(UNWATCHED - 1)).0 < PARTS);
    }
}
