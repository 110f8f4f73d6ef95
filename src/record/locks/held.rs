//! The stack of locks that a thread holds.

use std::ptr;

use super::meta::{ID, KNOWN};
use crate::analysis::lock_order::HeldLock;
use crate::analysis::wait_for::{Holding, Possession};
use crate::event::{Attempt, LockId, Mode, SiteId};

/// One held lock: few words, for every acquisition writes one.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(align(32))]
pub(super) struct Entry {
    /// Chain key of the stack up to and with this entry; 0 while it has to be computed anew.
    pub(super) chain: u64,
    /// From below: [`LockMeta::id`](super::LockMeta) when the lock was taken (32 bits), where it was taken (25 bits), mode
    /// and attempt (2 bits each), [`LOOKED`], [`WROTE`] and [`NEWS`].
    word: u64,
    /// Where the lock lies.
    address: usize,
}

const SITE: u32 = 32;
const SITE_BITS: u32 = 25;
const MODE: u32 = SITE + SITE_BITS;
const ATTEMPT: u32 = MODE + 2;

/// The trace has it that the holder has looked at what the lock guards.
const LOOKED: u64 = 1 << 61;
/// And that it has changed it.
const WROTE: u64 = 1 << 62;

/// The graph was told of the lock while the entry stood: at the release, the lock must hear of it.
const NEWS: u64 = 1 << 63;

/// The last site that an entry can tell. No program has that many places.
pub(super) const LAST_SITE: SiteId = SiteId((1 << SITE_BITS) - 1);

impl Entry {
    /// Of no lock.
    pub(super) const NONE: Self = Self { chain: 0, word: 0, address: 0 };

    /// `id` as in the lock's meta, which lies at `address`.
    #[inline(always)]
    pub(super) fn new(chain: u64, (id, address): (u32, usize), site: SiteId, mode: Mode, attempt: Attempt) -> Self {
        let how = (mode as u64) << MODE | (attempt as u64) << ATTEMPT;
        Self { chain, word: u64::from(id) | u64::from(site.0) << SITE | how, address }
    }

    /// What [`word`](Self::word) has given.
    #[inline(always)]
    pub(super) fn of_word(chain: u64, word: u64, address: usize) -> Self {
        Self { chain, word, address }
    }

    #[inline(always)]
    pub(super) fn word(self) -> u64 {
        self.word
    }

    /// The same of another lock.
    #[inline(always)]
    pub(super) fn at(self, address: usize) -> Self {
        Self { address, ..self }
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

    /// Has the trace what there is to be told of a look, or of a change?
    #[inline(always)]
    pub(super) fn has_look(self, write: bool) -> bool {
        self.word & if write { WROTE } else { LOOKED } != 0
    }

    /// Remembers that the holder looks at what the lock guards, or changes it. Gives what is new: that it looks, that it
    /// changes. What changes has looked.
    #[inline(always)]
    pub(super) fn look(&mut self, write: bool) -> (bool, bool) {
        let before = *self;
        self.word |= LOOKED | if write { WROTE } else { 0 };
        (!before.has_look(false), write && !before.has_look(true))
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

    pub(super) fn report(self) -> HeldLock {
        HeldLock { lock: self.lock(), mode: self.mode(), site: self.site(), attempt: self.attempt() }
    }

    pub(super) fn innermost(self) -> (LockId, Mode, SiteId) {
        (self.lock(), self.mode(), self.site())
    }
}

/// The chain key with one lock more; never 0, which means "not computed". Shorter than
/// [`extend`](crate::analysis::lock_order::extend), for it is computed while the lock is held: without a final mixing only
/// the upper bits are good, and the filter of known chains goes by these.
#[inline(always)]
pub(super) const fn grow(chain: u64, lock: LockId, mode: Mode) -> u64 {
    let key = (lock.0 as u64) << 3 | (mode as u64) << 1 | 1;
    (chain.rotate_left(26) ^ key).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1
}

/// Every lock that a thread holds, oldest first.
///
/// invariant: all of `entries` is initialised, and the pointers point into it. `entries[0]` is no lock: its chain is the
/// thread's seed, its word is 0, which no lock's is. `top` is the newest lock, or `entries[0]`. Nothing else has a
/// pointer into `entries`, which is reached through these only in methods that borrow `self` accordingly.
pub(super) struct Held {
    top: *mut Entry,
    /// The last of `entries`.
    last: *mut Entry,
    entries: Vec<Entry>,
    /// What the chain of the first lock starts from. Not in `entries[0]` while the owner holds something that is not on the
    /// stack: then the first lock has to be judged each time, and its chain is not ready.
    seed: u64,
}

// SAFETY: it owns what the pointers point to.
unsafe impl Send for Held {}

/// First size.
const FIRST: usize = 32;

/// Locks of which the addresses are looked at in [`Held::place`].
const PLACED: usize = 3;

/// The place of an entry that is written and not yet added.
pub(super) struct Written(*mut Entry);

impl Held {
    pub(super) fn new(seed: u64) -> Self {
        let mut entries = vec![Entry { chain: seed, ..Entry::NONE }; FIRST];
        let top = entries.as_mut_ptr();
        let mut held = Self { top, last: top, entries, seed };
        held.set_depth(0);
        held
    }

    pub(super) fn len(&self) -> usize {
        (self.top.addr() - self.entries.as_ptr().addr()) / size_of::<Entry>()
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        ptr::eq(self.top, self.entries.as_ptr())
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = Entry> + ExactSizeIterator {
        self.entries[1..=self.len()].iter().copied()
    }

    pub(super) fn locks(&self) -> Vec<HeldLock> {
        self.iter().map(Entry::report).collect()
    }

    pub(super) fn holdings(&self) -> Vec<Holding> {
        let holding = |entry: Entry| Holding {
            lock: entry.lock(),
            mode: entry.mode(),
            site: entry.site(),
            ordinal: 0,
            possession: Possession::Own,
        };
        self.iter().map(holding).collect()
    }

    /// The lock taken last.
    #[inline]
    pub(super) fn innermost(&self) -> Option<(LockId, Mode, SiteId)> {
        (!self.is_empty()).then(|| self.newest().innermost())
    }

    /// What the chain of the first lock starts from.
    #[inline(always)]
    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// A new segment: all keys are computed anew, when they are asked for.
    #[inline]
    pub(super) fn reseed(&mut self, seed: u64) {
        self.locks_mut().iter_mut().for_each(|entry| entry.chain = 0);
        self.entries[0].chain = seed;
        self.seed = seed;
    }

    /// As [`reseed`](Self::reseed), while the owner holds something that is not on the stack, which the seed stands for.
    #[inline]
    pub(super) fn reseed_below(&mut self, seed: u64) {
        self.reseed(seed);
        self.entries[0].chain = 0;
    }

    /// Takes everything off the stack.
    pub(super) fn take(&mut self) -> Vec<Entry> {
        let entries = self.entries[1..=self.len()].to_vec();
        self.set_depth(0);
        entries
    }

    /// Where [`KnownChains`](crate::analysis::lock_order::KnownChains) is to look for the chain of a lock at this address on
    /// top of the stack: of the addresses alone, so that no lock has to be read to know it.
    #[inline(always)]
    pub(super) fn place(&self, address: usize) -> u64 {
        let mut place = self.seed ^ address as u64;
        let mut at = self.top;
        for _ in 0..PLACED {
            if ptr::eq(at, self.entries.as_ptr()) {
                break;
            }
            // SAFETY: `at` is an entry above the first.
            unsafe {
                place = place.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31) ^ (*at).address as u64;
                at = at.sub(1);
            }
        }
        // What is below them all, if there is anything.
        // SAFETY: `at` is an entry.
        (place ^ unsafe { (*at).chain }).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    /// Chain key of the whole stack; computes the missing ones from below.
    #[inline]
    pub(super) fn chain(&mut self) -> u64 {
        match self.newest().chain {
            0 => self.rechain(),
            chain => chain,
        }
    }

    #[cold]
    fn rechain(&mut self) -> u64 {
        let mut chain = self.seed;
        for entry in self.locks_mut() {
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
        let chain = self.newest().chain;
        if self.top < self.last && chain != 0 { Some(chain) } else { None }
    }

    /// The key of the whole stack, 0 if it is not computed, if there is room for an entry more.
    #[inline(always)]
    pub(super) fn with_room(&self) -> Option<u64> {
        if self.top < self.last { Some(self.newest().chain) } else { None }
    }

    /// Adds an entry.
    ///
    /// # Safety
    ///
    /// There is room: [`ready`](Self::ready) has just given a key.
    #[inline(always)]
    pub(super) unsafe fn push_ready(&mut self, entry: Entry) {
        // SAFETY: there is room, and the entry is written.
        unsafe {
            let written = self.write_ready(entry);
            self.push_written(written);
        }
    }

    /// Writes the entry that [`push_written`](Self::push_written) may add.
    ///
    /// # Safety
    ///
    /// That of [`push_ready`](Self::push_ready).
    #[inline(always)]
    pub(super) unsafe fn write_ready(&mut self, entry: Entry) -> Written {
        // SAFETY: `top` is below `last`, so what comes after `top` is in `entries`.
        let next = unsafe { self.top.add(1) };
        // SAFETY: as above.
        unsafe { next.write(entry) };
        Written(next)
    }

    /// Adds the entry.
    ///
    /// # Safety
    ///
    /// [`write_ready`](Self::write_ready) has just written it.
    #[inline(always)]
    pub(super) unsafe fn push_written(&mut self, written: Written) {
        // (Nobody has to look once more where the top is.)
        self.top = written.0;
    }

    /// What [`write_ready`](Self::write_ready) has just written.
    ///
    /// # Safety
    ///
    /// It has, in another function.
    #[inline(always)]
    pub(super) unsafe fn written(&self) -> Written {
        // SAFETY: by the caller's promise there is an entry after `top`.
        Written(unsafe { self.top.add(1) })
    }

    pub(super) fn push(&mut self, entry: Entry) {
        if self.top == self.last {
            let depth = self.len();
            self.entries.resize(2 * self.entries.len(), Entry::NONE);
            self.set_depth(depth);
        }
        // SAFETY: `top` is below `last`.
        unsafe { self.push_ready(entry) };
    }

    /// Is this lock, held in this mode, the newest, and has it no news?
    #[inline(always)]
    pub(super) fn quiet_top(&self, id: u32, mode: Mode) -> bool {
        self.newest().is_quiet(id, mode)
    }

    /// The newest entry, or that of no lock.
    #[inline(always)]
    pub(super) fn top_mut(&mut self) -> &mut Entry {
        // SAFETY: `top` points to an entry, and `self` is borrowed as long as the reference.
        unsafe { &mut *self.top }
    }

    /// The newest entry of this lock, wherever it stands.
    pub(super) fn newest_of(&mut self, lock: LockId) -> Option<&mut Entry> {
        self.locks_mut().iter_mut().rfind(|entry| entry.lock() == lock)
    }

    /// Takes the newest entry off.
    ///
    /// # Safety
    ///
    /// There is one, as [`quiet_top`](Self::quiet_top) says.
    #[inline(always)]
    pub(super) unsafe fn pop(&mut self) {
        // SAFETY: `top` is above `entries[0]`.
        self.top = unsafe { self.top.sub(1) };
    }

    /// The lock that was taken off last, if it was the newest and nothing was put there since, and where it was acquired.
    pub(super) fn popped(&self) -> Option<(LockId, SiteId)> {
        self.entries.get(self.len() + 1).map(|entry| (entry.lock(), entry.site()))
    }

    /// Takes the newest entry of this lock and mode off the stack, wherever it stands.
    pub(super) fn remove(&mut self, lock: LockId, mode: Mode) -> Option<Entry> {
        if !self.is_empty() && self.newest().is(lock, mode) {
            let entry = self.newest();
            // SAFETY: there is an entry.
            unsafe { self.pop() };
            return Some(entry);
        }
        let place = 1 + self.iter().rposition(|entry| entry.is(lock, mode))?;
        let depth = self.len();
        let entry = self.entries[place];
        self.entries.copy_within(place + 1..=depth, place);
        // What stood above it stands on another chain now.
        self.entries[place..depth].iter_mut().for_each(|entry| entry.chain = 0);
        self.set_depth(depth - 1);
        Some(entry)
    }

    /// Marks the entry at this place, counted from 1, as having news, if the graph does not know its lock. Gives the lock, and
    /// where it lies, if that is new.
    #[inline]
    pub(super) fn give_news(&mut self, place: usize) -> Option<(LockId, usize)> {
        let entry = &mut self.entries[place];
        if !entry.was_fresh() || entry.has_news() {
            return None;
        }
        entry.word |= NEWS;
        Some((entry.lock(), entry.address))
    }

    /// The key of the whole stack; 0 if it is not computed.
    #[inline(always)]
    pub(super) fn top_chain(&self) -> u64 {
        self.newest().chain
    }

    #[inline(always)]
    fn newest(&self) -> Entry {
        // SAFETY: `top` points to an entry, and no one else writes there.
        unsafe { *self.top }
    }

    #[inline]
    fn locks_mut(&mut self) -> &mut [Entry] {
        let depth = self.len();
        &mut self.entries[1..=depth]
    }

    fn set_depth(&mut self, depth: usize) {
        let last = self.entries.len() - 1;
        let entries = self.entries.as_mut_ptr_range();
        assert!(depth <= last, "the depth is a place in `entries`");
        // SAFETY: both places are in `entries`.
        unsafe {
            self.top = entries.start.add(depth);
            self.last = entries.start.add(last);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::analysis::lock_order::extend;

    const MODES: [Mode; 4] = [Mode::Exclusive, Mode::Shared, Mode::SharedRecursive, Mode::Upgradable];

    #[test]
    fn an_entry_keeps_what_it_is_made_of() {
        for mode in MODES {
            for attempt in [Attempt::Blocking, Attempt::Try, Attempt::Timed] {
                for (id, site) in [(1, SiteId(1)), (ID | KNOWN, LAST_SITE), (ID, SiteId::UNKNOWN)] {
                    let entry = Entry::new(7, (id, 0), site, mode, attempt);
                    assert_eq!((entry.lock(), entry.site()), (LockId(id & ID), site));
                    assert_eq!((entry.mode(), entry.attempt()), (mode, attempt));
                    assert_eq!((entry.was_fresh(), entry.has_news()), (id & KNOWN == 0, false));
                    assert_eq!([false, true].map(|write| entry.has_look(write)), [false; 2]);
                    assert!(MODES.iter().all(|&other| entry.is_quiet(id, other) == (other == mode)));
                    assert!(!entry.is_quiet(id ^ 2, mode));
                }
            }
        }
    }

    #[test]
    fn a_look_is_told_once_a_hold() {
        let mut held = Held::new(9);
        let entry = |lock| Entry::new(7, (lock, 0), SiteId(1), Mode::Exclusive, Attempt::Blocking);
        held.push(entry(1));
        held.push(entry(2));
        assert!(held.newest_of(LockId(3)).is_none());
        let below = held.newest_of(LockId(1)).expect("it is held");
        assert_eq!(
            [false, true, false, true].map(|write| below.look(write)),
            [(true, false), (false, true), (false, false), (false, false)]
        );
        let top = held.top_mut();
        assert_eq!(top.look(true), (true, true));
        assert!(top.has_look(false) && top.has_look(true) && top.is_quiet(2, Mode::Exclusive));
        assert_eq!(held.remove(LockId(1), Mode::Exclusive).map(Entry::innermost), Some(entry(1).innermost()));
        held.push(entry(1));
        assert_eq!(held.top_mut().look(false), (true, false));
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
                held.push(Entry::new(chain, (lock.0, 0), SiteId(step), mode, Attempt::Blocking));
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

    #[test]
    fn different_stacks_have_different_chains() {
        let steps = || (1..200).flat_map(|lock| MODES.map(|mode| (LockId(lock), mode)));
        let mut chains = HashSet::new();
        for (lock, mode) in steps() {
            let first = grow(extend(1, LockId(0), Mode::Exclusive), lock, mode);
            assert!(chains.insert(first));
            assert!(steps().all(|(lock, mode)| chains.insert(grow(first, lock, mode))));
        }
    }
}
