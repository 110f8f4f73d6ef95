//! Chain keys and the per-thread filter in front of the graph.
//!
//! A *chain* is what an acquisition looks like to the lock-order graph: the fork/join segment, every lock held with its
//! mode, in order, and the lock wanted with its mode. Like lockdep's `chain_key`, it is one 64-bit hash that grows by
//! [`extend`] as locks are taken, so that each distinct chain is judged once and is then known by one load.

use super::contexts::{ask_for_large_pages, prefetch};
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
/// First capacity of the set.
const FIRST: usize = 256;

/// The chains that one thread has had judged.
///
/// A direct-mapped array of 1024 chains (8 KiB, allocated at the first insertion) answers the hot path; behind it an
/// open-addressed set of bare keys keeps all of them: linear probing, home by multiplication (so that it grows by half
/// and not by two), at most 7/8 full, so that a million chains cost 9 to 14 MB.
#[derive(Clone, Default, Debug)]
pub struct KnownChains {
    // Allocated with the first chain. invariant: a non-zero entry is also in `set`.
    front: Option<Box<[u64; FRONT]>>,
    // invariant: 0 marks a free slot; never more than 7/8 of the slots are taken.
    set: Vec<u64>,
    len: usize,
}

impl KnownChains {
    /// An empty filter; allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { front: None, set: Vec::new(), len: 0 }
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

    /// Asks for the place where [`known`](Self::known) will look behind the front.
    #[inline]
    pub fn prefetch(&self, chain: u64) {
        if let Some(slot) = self.set.get(home(nonzero(chain), self.set.len())) {
            prefetch(slot);
        }
    }

    /// Remembers `chain`. True when it is new. Amortised O(1).
    pub fn insert(&mut self, chain: u64) -> bool {
        let chain = nonzero(chain);
        if (self.len + 1) * 8 > self.set.len() * 7 {
            self.grow();
        }
        self.put_in_front(chain);
        let slot = self.slot(chain);
        let new = self.set[slot] == 0;
        self.set[slot] = chain;
        self.len += usize::from(new);
        new
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
        let chain = nonzero(chain);
        if self.len == 0 {
            return false;
        }
        let known = self.set[self.slot(chain)] == chain;
        if known {
            self.put_in_front(chain);
        }
        known
    }

    fn put_in_front(&mut self, chain: u64) {
        self.front.get_or_insert_with(|| Box::new([0; FRONT]))[(chain >> 54) as usize] = chain;
    }

    /// Where `chain` is, or the free slot where it would go.
    fn slot(&self, chain: u64) -> usize {
        let mut slot = home(chain, self.set.len());
        while self.set[slot] != 0 && self.set[slot] != chain {
            slot += 1;
            if slot == self.set.len() {
                slot = 0;
            }
        }
        slot
    }

    #[cold]
    fn grow(&mut self) {
        let capacity = (self.set.len() + self.set.len() / 2).max(FIRST);
        let old = std::mem::replace(&mut self.set, vec![0; capacity]);
        ask_for_large_pages(&self.set);
        for chain in old.into_iter().filter(|&chain| chain != 0) {
            let slot = self.slot(chain);
            self.set[slot] = chain;
        }
    }
}

/// Zero marks free slots, so the chain 0 is kept as another fixed value.
#[inline]
const fn nonzero(chain: u64) -> u64 {
    if chain == 0 { 0x5bd1_e995_9d1b_58d3 } else { chain }
}

/// Maps the whole range of keys onto `0..capacity`, keeping their order.
#[inline]
const fn home(chain: u64, capacity: usize) -> usize {
    ((chain as u128 * capacity as u128) >> 64) as usize
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
    fn a_million_chains_cost_at_most_sixteen_megabytes() {
        let mut known = KnownChains::new();
        for step in 0..1_000_000u32 {
            known.insert(extend(1, LockId(step), Mode::Exclusive));
        }
        assert_eq!(known.len(), 1_000_000);
        assert!(known.set.capacity() * 8 <= 16 << 20, "{}", known.set.capacity() * 8);
    }
}
