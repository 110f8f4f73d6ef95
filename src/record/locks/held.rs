//! The stack of locks that a thread holds.

use super::meta::{ID, KNOWN};
use crate::analysis::lock_order::{HeldLock, extend};
use crate::analysis::wait_for::Holding;
use crate::event::{Attempt, LockId, Mode, SiteId};

/// One held lock: two words, for every acquisition writes one.
#[derive(Clone, Copy)]
#[repr(align(16))]
pub(super) struct Entry {
    /// Chain key of the stack up to and with this entry; 0 while it has to be computed anew.
    pub(super) chain: u64,
    /// From below: [`LockMeta::id`](super::LockMeta) when the lock was taken (32 bits), where it was taken (27 bits), mode
    /// and attempt (2 bits each), and [`NEWS`].
    word: u64,
}

const SITE: u32 = 32;
const SITE_BITS: u32 = 27;
const MODE: u32 = SITE + SITE_BITS;
const ATTEMPT: u32 = MODE + 2;

/// The graph was told of the lock while the entry stood: at the release, the lock must hear of it.
const NEWS: u64 = 1 << 63;

/// The last site that an entry can tell. No program has that many places.
pub(super) const LAST_SITE: SiteId = SiteId((1 << SITE_BITS) - 1);

impl Entry {
    /// `id` as in the lock's meta.
    #[inline(always)]
    pub(super) fn new(chain: u64, id: u32, site: SiteId, mode: Mode, attempt: Attempt) -> Self {
        let how = (mode as u64) << MODE | (attempt as u64) << ATTEMPT;
        Self { chain, word: u64::from(id) | u64::from(site.0) << SITE | how }
    }

    pub(super) fn lock(self) -> LockId {
        LockId(self.word as u32 & ID)
    }

    fn site(self) -> SiteId {
        SiteId((self.word >> SITE) as u32 & LAST_SITE.0)
    }

    fn mode(self) -> Mode {
        match self.word >> MODE & 3 {
            0 => Mode::Exclusive,
            1 => Mode::Shared,
            2 => Mode::SharedRecursive,
            _ => Mode::Upgradable,
        }
    }

    fn attempt(self) -> Attempt {
        match self.word >> ATTEMPT & 3 {
            0 => Attempt::Blocking,
            1 => Attempt::Try,
            _ => Attempt::Timed,
        }
    }

    /// Did the graph not know the lock when it was taken?
    pub(super) fn was_fresh(self) -> bool {
        self.word as u32 & KNOWN == 0
    }

    pub(super) fn has_news(self) -> bool {
        self.word & NEWS != 0
    }

    /// Is it this lock, held in this mode, and has it no news?
    #[inline(always)]
    fn is_quiet(self, id: u32, mode: Mode) -> bool {
        let wanted = u64::from(id) | (mode as u64) << MODE;
        (self.word ^ wanted) & (u64::from(ID) | 3 << MODE | NEWS) == 0
    }

    fn is(self, lock: LockId, mode: Mode) -> bool {
        self.lock() == lock && self.mode() == mode
    }

    fn innermost(self) -> (LockId, Mode, SiteId) {
        (self.lock(), self.mode(), self.site())
    }
}

/// The chain key with one lock more; never 0, which means "not computed".
#[inline(always)]
pub(super) fn grow(chain: u64, lock: LockId, mode: Mode) -> u64 {
    extend(chain, lock, mode) | 1
}

/// Every lock that a thread holds, oldest first.
///
/// invariant: `entries[0]` is no lock: its chain is the thread's seed, its word is 0, which no lock's is. `depth` is the
/// place of the newest lock, and a place in `entries`.
pub(super) struct Held {
    entries: Box<[Entry]>,
    depth: usize,
}

/// First size.
const FIRST: usize = 16;

impl Held {
    pub(super) fn new(seed: u64) -> Self {
        Self { entries: vec![Entry { chain: seed, word: 0 }; FIRST].into(), depth: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.depth
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.depth == 0
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = Entry> + ExactSizeIterator {
        self.entries[1..=self.depth].iter().copied()
    }

    pub(super) fn locks(&self) -> Vec<HeldLock> {
        let held = |entry: Entry| HeldLock {
            lock: entry.lock(),
            mode: entry.mode(),
            site: entry.site(),
            attempt: entry.attempt(),
        };
        self.iter().map(held).collect()
    }

    pub(super) fn holdings(&self) -> Vec<Holding> {
        let holding = |entry: Entry| Holding { lock: entry.lock(), mode: entry.mode(), site: entry.site(), ordinal: 0 };
        self.iter().map(holding).collect()
    }

    /// The lock taken last.
    #[inline]
    pub(super) fn innermost(&self) -> Option<(LockId, Mode, SiteId)> {
        (!self.is_empty()).then(|| self.entries[self.depth].innermost())
    }

    /// A new segment: all keys are computed anew, when they are asked for.
    pub(super) fn reseed(&mut self, seed: u64) {
        self.entries[1..=self.depth].iter_mut().for_each(|entry| entry.chain = 0);
        self.entries[0].chain = seed;
    }

    /// Chain key of the whole stack; computes the missing ones from below.
    #[inline]
    pub(super) fn chain(&mut self) -> u64 {
        match self.entries[self.depth].chain {
            0 => self.rechain(),
            chain => chain,
        }
    }

    #[cold]
    fn rechain(&mut self) -> u64 {
        let mut chain = self.entries[0].chain;
        for entry in &mut self.entries[1..=self.depth] {
            if entry.chain == 0 {
                entry.chain = grow(chain, entry.lock(), entry.mode());
            }
            chain = entry.chain;
        }
        chain
    }

    /// The key of the whole stack, if it is computed and there is room for an entry more.
    #[inline(always)]
    pub(super) fn ready(&self) -> Option<u64> {
        let chain = self.entries.get(self.depth)?.chain;
        (chain != 0 && self.depth + 1 < self.entries.len()).then_some(chain)
    }

    /// Adds an entry; there is room.
    #[inline(always)]
    pub(super) fn push_ready(&mut self, entry: Entry) {
        if let Some(place) = self.entries.get_mut(self.depth + 1) {
            *place = entry;
            self.depth += 1;
        }
    }

    pub(super) fn push(&mut self, entry: Entry) {
        if self.depth + 1 == self.entries.len() {
            let mut more = std::mem::take(&mut self.entries).into_vec();
            more.resize(2 * more.len(), Entry { chain: 0, word: 0 });
            self.entries = more.into();
        }
        self.push_ready(entry);
    }

    /// Is this lock, held in this mode, the newest, and has it no news?
    #[inline(always)]
    pub(super) fn quiet_top(&self, id: u32, mode: Mode) -> bool {
        self.entries.get(self.depth).is_some_and(|top| top.is_quiet(id, mode))
    }

    /// Takes the newest entry off, which is there.
    #[inline(always)]
    pub(super) fn pop(&mut self) {
        self.depth -= 1;
    }

    /// Takes the newest entry of this lock and mode off the stack, wherever it stands.
    pub(super) fn remove(&mut self, lock: LockId, mode: Mode) -> Option<Entry> {
        let place = 1 + self.iter().rposition(|entry| entry.is(lock, mode))?;
        let entry = self.entries[place];
        self.entries.copy_within(place + 1..=self.depth, place);
        self.depth -= 1;
        // What stood above it stands on another chain now.
        self.entries[place..=self.depth].iter_mut().for_each(|entry| entry.chain = 0);
        Some(entry)
    }

    /// Marks the entries of locks that the graph does not know yet as having news; tells of each that had none.
    pub(super) fn give_news(&mut self) -> impl Iterator<Item = LockId> {
        let fresh = self.entries[1..=self.depth].iter_mut().filter(|entry| entry.was_fresh() && !entry.has_news());
        fresh.map(|entry| {
            entry.word |= NEWS;
            entry.lock()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODES: [Mode; 4] = [Mode::Exclusive, Mode::Shared, Mode::SharedRecursive, Mode::Upgradable];

    #[test]
    fn an_entry_keeps_what_it_is_made_of() {
        for mode in MODES {
            for attempt in [Attempt::Blocking, Attempt::Try, Attempt::Timed] {
                for (id, site) in [(1, SiteId(1)), (ID | KNOWN, LAST_SITE), (ID, SiteId::UNKNOWN)] {
                    let entry = Entry::new(7, id, site, mode, attempt);
                    assert_eq!((entry.lock(), entry.site()), (LockId(id & ID), site));
                    assert_eq!((entry.mode(), entry.attempt()), (mode, attempt));
                    assert_eq!((entry.was_fresh(), entry.has_news()), (id & KNOWN == 0, false));
                    assert!(MODES.iter().all(|&other| entry.is_quiet(id, other) == (other == mode)));
                    assert!(!entry.is_quiet(id ^ 2, mode));
                }
            }
        }
    }

    /// Pushes and removals anywhere, far beyond the first size: locks, order and chains are those of a plain list.
    #[test]
    fn the_stack_agrees_with_a_list() {
        let (mut held, mut model) = (Held::new(9), Vec::new());
        let mut random = 1u64;
        for step in 0..2_000u32 {
            random = extend(random, LockId(step), Mode::Shared);
            let (lock, mode) = (LockId(random as u32 % 200 + 1), MODES[(random >> 40) as usize % 4]);
            if step % 100 < 60 {
                let chain = grow(held.chain(), lock, mode);
                held.push(Entry::new(chain, lock.0, SiteId(step), mode, Attempt::Blocking));
                model.push((lock, mode, SiteId(step)));
            } else {
                let place = model.iter().rposition(|&(other, how, _)| (other, how) == (lock, mode));
                let (lock, mode, site) = model.remove(place.unwrap_or(model.len() - 1));
                assert_eq!(held.remove(lock, mode).map(Entry::innermost), Some((lock, mode, site)));
            }
            assert_eq!(held.iter().map(Entry::innermost).collect::<Vec<_>>(), model);
            assert_eq!(held.innermost(), model.last().copied());
            assert_eq!(held.chain(), model.iter().fold(9, |chain, &(lock, mode, _)| grow(chain, lock, mode)));
        }
        assert!(held.len() > FIRST);
        held.reseed(11);
        assert_eq!(held.chain(), model.iter().fold(11, |chain, &(lock, mode, _)| grow(chain, lock, mode)));
    }
}
