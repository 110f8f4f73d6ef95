//! The user's place where lock_api does not hand it on.
//!
//! lock_api hands the place of the caller down to the raw lock, but not from within a closure: when `unlocked` takes the
//! lock again, when `with_upgraded` upgrades, and in all of `ReentrantMutex`. There the raw lock sees a place in lock_api
//! itself, and takes the one that this thread has last noted for the lock.

use std::cell::Cell;

use crate::record::Place;

/// Locks of a thread with a noted place. More are rare, and the oldest is then forgotten.
const NOTES: usize = 8;

/// The address of a lock, and the place noted for it.
type Note = Cell<Option<(usize, Place)>>;

thread_local! {
    static NOTED: ([Note; NOTES], Cell<usize>) =
        const { ([const { Cell::new(None) }; NOTES], Cell::new(0)) };
}

/// Notes where the current thread does something with the lock at `address`.
#[cold]
pub(super) fn note(address: usize, place: Place) {
    NOTED.with(|(notes, next)| {
        let known = notes.iter().find(|note| note.get().is_some_and(|(other, _)| other == address));
        known.unwrap_or_else(|| &notes[next.replace((next.get() + 1) % NOTES)]).set(Some((address, place)));
    });
}

/// Might `place` be in lock_api's `file`? Both are known where this is inlined, and so is the answer.
#[inline(always)]
pub(super) fn may_be_lock_apis(place: Place, file: &str) -> bool {
    place.file().as_bytes().ends_with(file.as_bytes())
}

/// The user's place: `place`, unless it is in lock_api's `file`.
#[inline(always)]
pub(super) fn users(place: Place, file: &str, address: usize) -> Place {
    if may_be_lock_apis(place, file) { noted(place, address) } else { place }
}

#[cold]
fn noted(place: Place, address: usize) -> Place {
    if !place.file().contains("lock_api") {
        return place;
    }
    let notes = NOTED.with(|(notes, _)| notes.each_ref().map(Cell::get));
    notes.into_iter().flatten().find(|&(other, _)| other == address).map_or(place, |(_, place)| place)
}
