//! Chain keys and the per-thread filter in front of the graph.
//!
//! A *chain* is what an acquisition looks like to the lock-order graph: the fork/join segment, every lock held with its
//! mode, in order, and the lock wanted with its mode. Like lockdep's `chain_key`, it is one 64-bit hash that grows by
//! [`extend`] as locks are taken, so that each distinct chain is judged once and is then known by one load.

#[cfg(feature = "detect")]
use super::memory::prefetch;
use super::memory::{Zero, Zeroed};
use crate::event::{LockId, Mode};

/// The chain after `lock` is taken (or wanted) in `mode` on top of `chain`.
///
/// The mode is part of the key: a cache keyed by locks alone hides a write request behind an earlier read request of
/// the same lock (lockdep's selftest has that regression). Each step is a bijection of the chain and of the key; a
/// collision of two chains of one thread would silence the second, at about 2⁻⁶³ per pair.
#[inline]
#[must_use]
pub const fn extend(chain: u64, lock: LockId, mode: Mode) -> u64 {
    // Odd and so never 0: no key maps to itself.
    let key = ((lock.0 as u64) << 3) | ((mode as u64) << 1) | 1;
    let mixed = (chain.rotate_left(26) ^ key ^ 0x5851_f42d_4c95_7f2d).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 32)
}

/// Slots of the direct-mapped array in front of the set.
const FRONT: usize = 1024;
/// First number of buckets of the set.
const FIRST: usize = 32;
/// Chains of a bucket.
const BUCKET: usize = 8;

/// A cache line of keys, the free places (0) at the end. All are compared, without a branch between them: a search that
/// stops at the one it finds ends now here, now there, which no processor foresees, and while it waits for memory to learn
/// that it was wrong, it does nothing else.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Bucket([u64; BUCKET]);

// SAFETY: numbers.
unsafe impl Zero for Bucket {}

impl Bucket {
    #[inline(always)]
    fn has(&self, key: u64) -> bool {
        // The highest bit of each says that the two are equal. Arithmetic: of comparisons a compiler makes branches again.
        let equal = |known: u64| (known ^ key).wrapping_sub(1) & !(known ^ key);
        let found = self.0.iter().fold(0, |found, &known| found | equal(known));
        (found as i64) < 0
    }

    #[inline(always)]
    fn is_full(&self) -> bool {
        self.0[BUCKET - 1] != 0
    }

    /// There is a place free.
    #[inline(always)]
    fn add(&mut self, key: u64) {
        let taken: usize = self.0.iter().map(|&known| usize::from(known != 0)).sum();
        self.0[taken] = key;
    }
}

/// Bits of a key that say where it is at home.
const HOME_BITS: u32 = 20;

/// The chains that one thread has had judged.
///
/// A direct-mapped array of 1024 chains (8 KiB, allocated at the first insertion) answers the hot path; behind it an
/// open-addressed set of bare keys keeps all of them: buckets of a cache line, a full one overflows into the next, at most
/// 3/4 full, so that a chain costs 11 to 21 bytes.
///
/// A chain may be kept with its *place*, a hash with good upper bits: any that is mostly the same when the chain comes again,
/// and mostly another when another comes. It says where the chain is looked for. So live, where it is made of the addresses
/// of the locks, the processor can ask for that memory together with that of the locks, which it has to read to know the
/// chain. (A lock that has been moved is not found, and is judged once more.) It takes 20 bits of the key from the chain: two
/// chains of one place, of locks that had their addresses one after another, are the same at 2⁻⁴³.
#[derive(Clone, Default, Debug)]
pub struct KnownChains {
    // Allocated with the first chain. invariant: of a non-zero entry the key is in `set`.
    front: Option<Box<[u64; FRONT]>>,
    // invariant: never more than 3/4 of the places are taken; from the home of a key to where it is, all are full.
    set: Zeroed<Bucket>,
    len: usize,
}

impl KnownChains {
    /// An empty filter; allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { front: None, set: Zeroed::new(), len: 0 }
    }

    /// Has `chain` been inserted? One load and compare when it was asked for lately, else a probe of the set.
    #[inline]
    #[must_use]
    pub fn known(&mut self, chain: u64) -> bool {
        (chain != 0 && self.in_front(chain)) || self.known_behind(chain)
    }

    /// Is `chain`, which is not 0, one of those that were asked for lately? One load and compare; false says nothing.
    #[inline(always)]
    #[must_use]
    pub fn in_front(&self, chain: u64) -> bool {
        self.front.as_ref().is_some_and(|front| front[(chain >> 54) as usize] == chain)
    }

    /// Is `chain`, which is not 0 and not [in front](Self::in_front), where it is looked for first? One cache line; false says
    /// nothing.
    #[inline(always)]
    #[must_use]
    pub fn is_at_home(&mut self, chain: u64, place: u64) -> bool {
        let key = key(chain, place);
        let found = self.set.get(home(place, self.set.len())).is_some_and(|bucket| bucket.has(key));
        if found && let Some(front) = &mut self.front {
            front[(chain >> 54) as usize] = chain;
        }
        found
    }

    /// Asks for the memory in which [`is_at_home`](Self::is_at_home) will look.
    #[cfg(feature = "detect")]
    #[inline(always)]
    pub(crate) fn prefetch(&self, place: u64) {
        if let Some(bucket) = self.set.get(home(place, self.set.len())) {
            prefetch(bucket);
        }
    }

    /// [`known`](Self::known), of a chain, not 0, that was inserted with a place.
    #[inline]
    #[must_use]
    pub fn known_at(&mut self, chain: u64, place: u64) -> bool {
        self.in_front(chain) || self.len > 0 && self.has(chain, key(chain, place))
    }

    /// Remembers `chain`. True when it is new. Amortised O(1).
    pub fn insert(&mut self, chain: u64) -> bool {
        self.put(nonzero(chain), nonzero(chain))
    }

    /// [`insert`](Self::insert), of a chain, not 0, with a place.
    pub fn insert_at(&mut self, chain: u64, place: u64) -> bool {
        self.put(chain, key(chain, place))
    }

    /// Forgets everything, and gives the memory back.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// Chains remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Is nothing remembered?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[cold]
    fn known_behind(&mut self, chain: u64) -> bool {
        self.len > 0 && self.has(nonzero(chain), nonzero(chain))
    }

    /// The bucket that has the key, or would get it.
    fn find(&self, key: u64) -> usize {
        let mut at = home(key, self.set.len());
        while self.set[at].is_full() && !self.set[at].has(key) {
            at = self.after(at);
        }
        at
    }

    fn has(&mut self, chain: u64, key: u64) -> bool {
        let known = self.set[self.find(key)].has(key);
        if known && let Some(front) = &mut self.front {
            front[(chain >> 54) as usize] = chain;
        }
        known
    }

    fn put(&mut self, chain: u64, key: u64) -> bool {
        if (self.len + 1) * 4 > self.set.len() * BUCKET * 3 {
            self.grow();
        }
        self.front.get_or_insert_with(|| Box::new([0; FRONT]))[(chain >> 54) as usize] = chain;
        let at = self.find(key);
        let new = !self.set[at].has(key);
        if new {
            self.set[at].add(key);
            self.len += 1;
        }
        new
    }

    /// The bucket that a full one overflows into.
    fn after(&self, at: usize) -> usize {
        if at + 1 == self.set.len() { 0 } else { at + 1 }
    }

    #[cold]
    fn grow(&mut self) {
        let capacity = (2 * self.set.len()).max(FIRST);
        let old = std::mem::replace(&mut self.set, Zeroed::of(capacity));
        // How many of each bucket are taken: counted along, not looked up.
        let mut taken = vec![0u8; capacity];
        for key in old.iter().flat_map(|bucket| bucket.0.into_iter().take_while(|&key| key != 0)) {
            let mut at = home(key, capacity);
            while usize::from(taken[at]) == BUCKET {
                at = self.after(at);
            }
            self.set[at].0[usize::from(taken[at])] = key;
            taken[at] += 1;
        }
    }
}

/// Zero marks free places, so the chain 0 is kept as another fixed value.
#[inline]
const fn nonzero(chain: u64) -> u64 {
    if chain == 0 { 0x5bd1_e995_9d1b_58d3 } else { chain }
}

/// What stands for a chain that has a place. Never 0.
#[inline(always)]
const fn key(chain: u64, place: u64) -> u64 {
    place & !(u64::MAX >> HOME_BITS) | chain >> HOME_BITS | 1
}

/// Maps the upper bits of a key, which are those of its place, onto `0..capacity`, keeping their order.
#[inline(always)]
const fn home(key: u64, capacity: usize) -> usize {
    (((key >> (64 - HOME_BITS)) * capacity as u64) >> HOME_BITS) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn agrees_with_a_hash_set() {
        let mut known = KnownChains::new();
        let mut model = HashSet::new();
        assert!(!known.known(0) && !known.known(1));
        let mut chain = 7;
        for step in 0..50_000u32 {
            chain = extend(chain, LockId(step % 301), Mode::Shared);
            // Few enough to come again.
            let key = extend(0, LockId(chain as u32 % 20_011), Mode::Exclusive);
            assert_eq!(known.known(key), model.contains(&key));
            assert_eq!(known.insert(key), model.insert(key));
        }
        assert_eq!(known.len(), model.len());
        known.clear();
        assert!(known.is_empty() && !known.known(extend(0, LockId(0), Mode::Exclusive)));
    }

    #[test]
    fn the_key_depends_on_order_mode_and_segment() {
        let [a, b] = [LockId(0), LockId(1)];
        let chain = |seed, steps: &[(LockId, Mode)]| steps.iter().fold(seed, |chain, s| extend(chain, s.0, s.1));
        let keys = [
            chain(0, &[(a, Mode::Exclusive)]),
            chain(0, &[(b, Mode::Exclusive)]),
            chain(0, &[(a, Mode::Shared)]),
            chain(1, &[(a, Mode::Exclusive)]),
            chain(0, &[(a, Mode::Exclusive), (b, Mode::Exclusive)]),
            chain(0, &[(b, Mode::Exclusive), (a, Mode::Exclusive)]),
            chain(0, &[(b, Mode::Exclusive), (a, Mode::SharedRecursive)]),
        ];
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
    }

    #[test]
    fn a_place_says_where_a_chain_is_found() {
        let mut known = KnownChains::new();
        let chain = |step: u32| extend(3, LockId(step), Mode::Exclusive) | 1;
        // Few places, so that buckets overflow.
        let place = |step: u32| extend(5, LockId(step % 700), Mode::Shared);
        for step in 0..20_000 {
            assert!(!known.known_at(chain(step), place(step)) && !known.is_at_home(chain(step), place(step)));
            assert!(known.insert_at(chain(step), place(step)) && !known.insert_at(chain(step), place(step)));
        }
        assert_eq!(known.len(), 20_000);
        for step in 0..20_000 {
            assert!(known.known_at(chain(step), place(step)));
            assert!(!known.known_at(chain(step + 20_000), place(step)));
        }
    }

    #[test]
    fn a_million_chains_cost_at_most_sixteen_megabytes() {
        let mut known = KnownChains::new();
        for step in 0..1_000_000u32 {
            known.insert(extend(1, LockId(step), Mode::Exclusive));
        }
        assert_eq!(known.len(), 1_000_000);
        assert!(size_of_val(&*known.set) <= 16 << 20, "{}", size_of_val(&*known.set));
    }
}
