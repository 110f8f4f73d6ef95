//! Locks that live for a moment.

use std::ptr;

use super::held::{Entry, grow};
use super::meta::LockMeta;
use super::notes::{self, Note};
use super::places::Seen;
use super::state::LockState;
use crate::event::{Attempt, LockId, Mode, ObjectKind};
use crate::record::Place;
use crate::record::context::{Context, Current};
use crate::record::registry::UNWATCHED;

/// What a lock leaves to the next one that is made at the same place, and taken at the same place below the same locks. Of
/// such a lock everything is known: where it has no more of a life than the one before it, the graph need not be asked.
///
/// invariant: while it is there to be taken, the context is pinned for it, the graph has judged the edges from the context
/// to the class for a request at the site, no lock has the id, no filter holds a chain with it, the note is that of the id, and
/// [`LockState::newcomers`] has it, as that of a mutex made at the place.
pub(super) struct Heir {
    /// Chain key of the locks held; 0 while there is nothing to be taken.
    ready: u64,
    /// The same, also while a lock has it.
    chain: u64,
    /// What its acquisition puts on the stack.
    entry: Entry,
    id: u32,
    note: Note,
    /// Where the locks are made.
    made: Option<Place>,
}

impl Heir {
    pub(super) const NONE: Self = Self { ready: 0, chain: 0, entry: Entry::NONE, id: 0, note: Note::NONE, made: None };

    #[inline(always)]
    fn is_made_at(&self, place: Place) -> bool {
        self.made.map_or(ptr::null(), ptr::from_ref) == ptr::from_ref(place)
    }

    /// Has the lock got it?
    pub(super) const fn is_of(&self, lock: LockId) -> bool {
        self.id == lock.0
    }

    /// Forgets it if the lock has it.
    pub(super) fn forget_if(&mut self, lock: LockId) {
        if self.is_of(lock) {
            *self = Self::NONE;
        }
    }
}

impl LockState {
    /// A mutex that was never taken before has been acquired at `place`, with nothing to be waited for, and nothing was ever
    /// published in it: is all known of it? False, and nothing done, if not. `chain` is that of the locks held.
    ///
    /// # Safety
    ///
    /// There is room in [`LockState::held`].
    #[inline(always)]
    pub(super) unsafe fn inherit(&mut self, meta: &LockMeta, chain: u64, place: Place) -> bool {
        let heir = &mut self.heir;
        let Some(&Seen { site, .. }) = self.places.seen(place) else { return false };
        if heir.ready != chain
            || heir.note.site() != site
            || !heir.is_made_at(meta.created())
            || meta.kind() != ObjectKind::Mutex
        {
            return false;
        }
        // First: with the id others may mark it.
        meta.set_inherited();
        if !meta.take_id(heir.id) {
            return false;
        }
        heir.ready = 0;
        debug_assert_eq!(notes::note(LockId(heir.id)), heir.note);
        // SAFETY: by the caller's promise.
        unsafe { self.held.push_ready(heir.entry.at(meta.address())) };
        true
    }

    /// A lock died whose note, of the context with this chain, the class knows: it leaves all to the next one, but its id if that
    /// is to have one of its own (`anew`).
    pub(super) fn leave(&mut self, meta: &LockMeta, lock: LockId, chain: u64, note: Note, anew: bool) {
        self.drop_heir();
        let id = if anew { self.next_id(ANEW) } else { lock.0 };
        let newcomer = self.newcomers.iter_mut().rfind(|newcomer| newcomer.0 == lock);
        let newcomer = newcomer.filter(|(_, kind, _)| *kind == ObjectKind::Mutex && *kind == meta.kind());
        let Some(newcomer) = newcomer.filter(|_| id != UNWATCHED) else {
            note.context().into_iter().for_each(|context| self.pins.give_back(context));
            if anew {
                self.newcomers.pop_if(|(newcomer, ..)| *newcomer == lock);
            }
            return self.spare_ids.extend(Some(id).filter(|id| *id != UNWATCHED));
        };
        newcomer.0 = LockId(id);
        notes::put(LockId(id), note);
        let entry = entry(chain, id, note);
        self.heir = Heir { ready: chain, chain, entry, id, note, made: Some(meta.created()) };
    }

    /// Nobody is to inherit anything.
    pub(super) fn drop_heir(&mut self) {
        let heir = std::mem::replace(&mut self.heir, Heir::NONE);
        if let Some(context) = heir.note.context().filter(|_| heir.ready != 0) {
            self.pins.give_back(context);
            notes::take(LockId(heir.id));
            self.spare_ids.push(heir.id);
        }
    }
}

/// Ids that a thread takes at once for heirs.
const ANEW: u32 = 256;

/// What the acquisition of a lock with this id puts on the stack.
#[inline(always)]
fn entry(chain: u64, id: u32, note: Note) -> Entry {
    let chain = grow(chain, LockId(id), Mode::Exclusive);
    Entry::new(chain, (id, 0), note.site(), Mode::Exclusive, Attempt::Blocking)
}

/// A lock dies that has inherited all it ever had: puts that back. False, and nothing done, if it hasn't.
#[inline(always)]
pub(super) fn put_back(current: Current, meta: &LockMeta) -> bool {
    let context = match current.recorded() {
        // SAFETY: `current` comes from the caller, and nothing is called below but arithmetic on the context and the lock's
        // own words.
        None => unsafe { current.hot() },
        // SAFETY: as above.
        Some(recorded) => Some(unsafe { recorded.hot() }),
    };
    let Some(Context { locks, .. }) = context else { return false };
    let heir = &mut locks.heir;
    // The id has no bits of a lock that is known to others; and by now another lock could have it.
    if heir.id != meta.id_word() || heir.ready != 0 || meta.is_marked() || !heir.is_made_at(meta.created()) {
        return false;
    }
    if current.recorded().is_some() {
        // The trace knows no two locks by one id.
        let (Some(newcomer), Some(&id)) = (locks.newcomers.last_mut(), locks.spare_ids.last()) else { return false };
        if newcomer.0.0 != heir.id || !notes::put_ready(LockId(id), heir.note) {
            return false;
        }
        newcomer.0 = LockId(id);
        locks.spare_ids.pop();
        heir.id = id;
        heir.entry = entry(heir.chain, id, heir.note);
    }
    heir.ready = heir.chain;
    true
}
