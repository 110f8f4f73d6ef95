//! The places at which a thread acquires locks, and what it did at each last.

use std::panic::Location;
use std::ptr;

use rustc_hash::FxHashMap;

use super::held::{Entry, Held, LAST_SITE};
use crate::event::SiteId;
use crate::record::log::{HeldWord, Origin, ThreadLog};
use crate::record::{Place, registry, stacks};

/// Places seen by one thread: a cache by address, of two places each of which can be the other's.
pub(super) struct Places {
    seen: [Seen; Places::SIZE],
    /// All that ever were in the cache, so that nobody else is asked for one that has lost its place there.
    sites: FxHashMap<usize, SiteId>,
    /// What the thread's part of a trace counts places from.
    origin: Option<Origin>,
}

/// What is known of a place: one line of the processor's cache.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Seen {
    /// None if the thread has a part in a trace, where an acquisition there takes more than one word.
    near: Option<Place>,
    last: Again,
    /// How that part tells of an acquisition there.
    pub(super) held: HeldWord,
    pub(super) site: SiteId,
    place: Option<Place>,
}

const _: () = assert!(size_of::<Seen>() == 64);

/// An exclusive acquisition, by waiting if need be, of which there was nothing to be judged. At most places the next one is the
/// same, and then nothing of it is computed.
///
/// It stays true: the rest follows from key and lock, and what was judged stays judged. (An id is given to another lock only if
/// nobody has judged anything of it.)
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Again {
    /// Chain key of what was held below.
    parent: u64,
    /// The [`Entry`] but for the lock's address, which may have moved.
    chain: u64,
    word: u64,
    /// How the thread's part of a trace tells of it.
    pub(super) told: HeldWord,
}

impl Again {
    /// Of no lock: none has this id.
    const NONE: Self = Self { parent: 0, chain: 0, word: u64::MAX, told: HeldWord::NONE };

    /// Is it of the lock with this id?
    #[inline(always)]
    pub(super) fn is_of(&self, id: u32) -> bool {
        self.word as u32 == id
    }

    #[inline(always)]
    pub(super) fn entry(&self, address: usize) -> Entry {
        Entry::of_word(self.chain, self.word, address)
    }
}

impl Places {
    const SIZE: usize = 64;

    pub(super) fn new(log: Option<&ThreadLog>) -> Self {
        let (last, held) = (Again::NONE, HeldWord::NONE);
        let nothing = Seen { near: None, last, held, site: SiteId::UNKNOWN, place: None };
        Self { seen: [nothing; Self::SIZE], sites: FxHashMap::default(), origin: log.map(ThreadLog::origin) }
    }

    /// What is known of a place that was here before. None, too, if an acquisition there is told in more than one word.
    #[inline(always)]
    pub(super) fn seen(&self, place: Place) -> Option<&Seen> {
        self.seen_at_home(place).or_else(|| {
            let slot = &self.seen[Self::other(Self::home(place))];
            if is(slot.near, place) { Some(slot) } else { None }
        })
    }

    /// As [`seen`](Self::seen), if no other place has come there since.
    #[inline(always)]
    pub(super) fn seen_at_home(&self, place: Place) -> Option<&Seen> {
        let slot = &self.seen[Self::home(place)];
        if is(slot.near, place) { Some(slot) } else { None }
    }

    /// The last acquisition at the place, if it was of the lock with this id, below what is held now, and there is room for one more.
    /// One-sided: `None` says nothing.
    #[inline(always)]
    pub(super) fn again(&self, place: Place, id: u32, held: &Held) -> Option<&Again> {
        let Seen { near, last, .. } = &self.seen[Self::home(place)];
        // What differs mostly, if anything does, comes first.
        let same = last.is_of(id) && is(*near, place) && held.with_room() == Some(last.parent);
        if same { Some(last) } else { None }
    }

    /// What [`again`](Self::again) is to give of the place, which is [at home](Self::seen_at_home). There was nothing to be judged.
    #[inline(always)]
    pub(super) fn remember(&mut self, place: Place, parent: u64, entry: Entry, told: HeldWord) {
        let slot = &mut self.seen[Self::home(place)];
        debug_assert!(is(slot.near, place), "it is at home");
        slot.last = Again { parent, chain: entry.chain, word: entry.word(), told };
    }

    /// The site of the place. Takes a lock at the first visit only.
    #[inline(always)]
    pub(super) fn id(&mut self, place: Place) -> SiteId {
        let slot = &self.seen[Self::home(place)];
        if is(slot.place, place) { slot.site } else { self.bring_home(place) }
    }

    /// As [`id`](Self::id), of a place that is not at home in the cache: now it is, and what was there is next to it.
    #[inline(never)]
    fn bring_home(&mut self, place: Place) -> SiteId {
        let home = Self::home(place);
        let slot = if is(self.seen[Self::other(home)].place, place) {
            self.seen[Self::other(home)]
        } else {
            let (near, held) = match self.origin {
                None => (Some(place), HeldWord::NONE),
                Some(origin) => origin.held(place).map_or((None, HeldWord::NONE), |held| (Some(place), held)),
            };
            let site = *self.sites.entry(ptr::from_ref(place).addr()).or_insert_with(|| first_visit(place));
            Seen { near, last: Again::NONE, held, site, place: Some(place) }
        };
        self.seen[Self::other(home)] = std::mem::replace(&mut self.seen[home], slot);
        slot.site
    }

    /// The place of a site, if the thread still remembers it; else one of ours.
    #[track_caller]
    pub(super) fn place_of(&self, site: SiteId) -> Place {
        let seen = self.seen.iter().find(|seen| seen.site == site).and_then(|seen| seen.place);
        seen.unwrap_or_else(|| Location::caller())
    }

    #[inline(always)]
    fn home(place: Place) -> usize {
        (ptr::from_ref(place).addr() >> 3) % Self::SIZE
    }

    /// Where in the cache a place is that is not at its home.
    #[inline(always)]
    const fn other(home: usize) -> usize {
        home ^ (Self::SIZE / 2)
    }
}

#[inline(always)]
fn is(known: Option<Place>, place: Place) -> bool {
    known.map_or(ptr::null(), ptr::from_ref) == ptr::from_ref(place)
}

#[cold]
#[inline(never)]
fn first_visit(place: Place) -> SiteId {
    let site = registry::site(place);
    stacks::capture_first(site);
    if site <= LAST_SITE { site } else { SiteId::UNKNOWN }
}

#[cfg(test)]
mod tests {
    use std::array::from_fn;
    use std::collections::HashSet;

    use super::*;
    use crate::analysis::lock_order::extend;
    use crate::event::{Attempt, LockId, Mode};

    /// So many places at each of these sites.
    const COPIES: usize = 100;

    /// With the same homes in every run.
    #[repr(align(512))]
    struct Copied([Location<'static>; 3 * COPIES]);

    const _: () = assert!(align_of::<Copied>() == 8 * Places::SIZE);

    fn places() -> [Place; 3 * COPIES] {
        let sites = [Location::caller(), Location::caller(), Location::caller()];
        let copied: &'static Copied = Box::leak(Box::new(Copied(from_fn(|index| *sites[index / COPIES]))));
        copied.0.each_ref()
    }

    /// Far more places than the cache has room for: each has its site, and what the cache gives of it was put there.
    #[test]
    fn the_cache_agrees_with_a_map() {
        let (mut cache, all) = (Places::new(None), places());
        let mut remembered = HashSet::new();
        let (mut random, mut seen, mut again) = (1u64, 0, 0);
        for step in 0..40_000u32 {
            random = extend(random, LockId(step), Mode::Shared);
            // Some are often there.
            let index = (random >> 20) as usize % if random & 7 == 0 { all.len() } else { 3 };
            let (place, parent, id) = (all[index], random >> 40 & 1, (random >> 50) as u32 & 3);
            let (key, held) = ((index, parent, id), Held::new(parent));
            let site = SiteId(index as u32);
            let entry = Entry::new(
                extend(parent, LockId(id), Mode::Exclusive),
                (id, 7),
                site,
                Mode::Exclusive,
                Attempt::Blocking,
            );
            if let Some(found) = cache.again(place, id, &held) {
                again += 1;
                assert!(found.entry(7) == entry && remembered.contains(&key));
            }
            if let Some(found) = cache.seen(place) {
                seen += 1;
                assert_eq!(found.site, registry::site(place));
                if cache.seen_at_home(place).is_some() {
                    cache.remember(place, parent, entry, HeldWord::NONE);
                    remembered.insert(key);
                }
            } else {
                assert_eq!(cache.id(place), registry::site(place));
                assert!(cache.seen(place).is_some() && cache.again(place, id, &held).is_none());
            }
        }
        assert!(seen > 30_000 && again > 2_000, "{seen} {again}");
        assert_eq!(cache.sites.len(), all.len());
    }

    /// Two places with one home do not drive each other out.
    #[test]
    fn two_places_share_a_home() {
        let (mut cache, all) = (Places::new(None), places());
        let rival = all[1..].iter().find(|place| Places::home(place) == Places::home(all[0]));
        let both = [all[0], rival.expect("there are more places than homes")];
        let _ = both.map(|place| cache.id(place));
        for _ in 0..3 {
            assert!(both.iter().all(|place| cache.seen(place).is_some()));
            let _ = both.map(|place| cache.id(place));
        }
    }
}
