//! What a thread knows of the locks it holds and has held.

use std::ptr;

use super::heir::Heir;
use super::held::{Held, LAST_SITE};
use super::pins::Pins;
use crate::analysis::lock_order::KnownChains;
use crate::analysis::wait_for::Holding;
use crate::event::{LockId, Mode, ObjectKind, SiteId};
use crate::record::{Place, registry, stacks};

/// Places seen by one thread: a direct-mapped cache from address to id.
pub(super) struct Places([(Option<Place>, SiteId); Places::SIZE]);

impl Places {
    const SIZE: usize = 64;

    /// The id of a place that was here before.
    #[inline(always)]
    pub(super) fn seen(&self, place: Place) -> Option<SiteId> {
        let slot = &self.0[Self::home(place)];
        if Self::is(slot.0, place) { Some(slot.1) } else { None }
    }

    fn id(&mut self, place: Place) -> SiteId {
        let slot = &mut self.0[Self::home(place)];
        if Self::is(slot.0, place) {
            return slot.1;
        }
        *slot = (Some(place), first_visit(place));
        slot.1
    }

    #[inline(always)]
    fn home(place: Place) -> usize {
        (ptr::from_ref(place).addr() >> 3) % Self::SIZE
    }

    #[inline(always)]
    fn is(seen: Option<Place>, place: Place) -> bool {
        seen.map_or(ptr::null(), ptr::from_ref) == ptr::from_ref(place)
    }
}

#[cold]
#[inline(never)]
fn first_visit(place: Place) -> SiteId {
    let site = registry::site(place);
    stacks::capture_first(site);
    if site <= LAST_SITE { site } else { SiteId::UNKNOWN }
}

/// What a thread knows of the locks it holds and has held.
pub(crate) struct LockState {
    pub(super) held: Held,
    pub(super) known: KnownChains,
    pub(super) places: Places,
    pub(super) pins: Pins,
    /// Ids of destroyed locks that no one was told of.
    pub(super) spare_ids: Vec<u32>,
    /// Locks that were taken for the first time since the stack was last empty: the registry does not know them yet.
    pub(super) newcomers: Vec<Newcomer>,
    pub(super) heir: Heir,
    /// The last chain that the front of `known` did not have was new.
    pub(super) expects_new: bool,
    /// The last chain for which the graph's memory was asked for.
    pub(super) prepared: u64,
}

/// A lock that the registry does not know yet, its kind, and where it was made.
type Newcomer = (LockId, ObjectKind, Place);

/// Newcomers kept beyond those that are held.
const NEWCOMERS: usize = 64;

impl LockState {
    /// `recorded`: are the thread's events recorded?
    pub(crate) fn new(seed: u64, recorded: bool) -> Self {
        Self {
            held: Held::new(seed, recorded),
            known: KnownChains::new(),
            places: Places([(None, SiteId::UNKNOWN); Places::SIZE]),
            pins: Pins::default(),
            spare_ids: Vec::new(),
            newcomers: Vec::new(),
            heir: Heir::NONE,
            expects_new: false,
            prepared: 0,
        }
    }

    /// A new fork/join segment: chains judged in the old one are judged again, for their clock has changed.
    pub(crate) fn new_segment(&mut self, seed: u64) {
        self.held.reseed(seed);
        self.drop_heir();
        self.known.clear();
        self.pins.clear();
    }

    pub(super) fn add_newcomer(&mut self, newcomer: Newcomer) {
        if self.newcomers.len() > self.held.len() + NEWCOMERS {
            // Only those still held can be asked for.
            let held: Vec<LockId> = self.left();
            self.drop_heir();
            self.newcomers.retain(|(newcomer, ..)| held.contains(newcomer));
        }
        self.newcomers.push(newcomer);
    }

    /// Nothing is held, so no newcomer can be asked for any more.
    pub(super) fn clear_newcomers(&mut self) {
        if !self.newcomers.is_empty() {
            self.drop_heir();
            self.newcomers.clear();
        }
    }

    #[inline(always)]
    pub(crate) fn site(&mut self, place: Place) -> SiteId {
        self.places.id(place)
    }

    /// What is held now, oldest first, for the wait graph.
    pub(crate) fn holdings(&self) -> Vec<Holding> {
        self.held.holdings()
    }

    /// Locks still on the stack when the thread ends: their guards were leaked.
    pub(crate) fn left(&self) -> Vec<LockId> {
        self.held.iter().map(|entry| entry.lock()).collect()
    }

    pub(super) fn holds(&self, lock: LockId) -> bool {
        self.held.iter().any(|entry| entry.lock() == lock)
    }

    /// The lock taken last, of those held.
    #[inline]
    pub(crate) fn innermost(&self) -> Option<(LockId, Mode, SiteId)> {
        self.held.innermost()
    }
}

impl Drop for LockState {
    fn drop(&mut self) {
        self.drop_heir();
    }
}
