//! Vector clocks and epochs: pure values, no input or output.
//!
//! A *component* of a clock counts the checked accesses of one thread at a time; its index is a [`Slot`]. An [`Epoch`]
//! is one component by itself, "time `t` of slot `s`", in one word (Flanagan and Freund, *FastTrack*, PLDI 2009). A
//! [`VectorClock`] says for every slot up to which time its owner knows what was done there.

mod far;

use far::Far;

/// Index of a clock component. Not a thread's identity: a slot is used again once its thread's work is known everywhere
/// that matters (see `SlotTable` in [`crate::analysis::happens_before`]).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Slot(pub u16);

impl Slot {
    /// The slot as an index.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A moment of one slot, 48 bits wide. Zero is before everything: no access has it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Time(u64);

impl Time {
    /// Before everything.
    pub const ZERO: Self = Self(0);
    /// The last moment that can be told.
    pub const MAX: Self = Self((1 << Epoch::TIME_BITS) - 1);

    /// The moment with this number.
    ///
    /// # Panics
    /// If the number does not fit in 48 bits.
    #[inline]
    #[must_use]
    pub const fn new(number: u64) -> Self {
        assert!(number <= Self::MAX.0, "vector clock overflow");
        Self(number)
    }

    /// The moment as a number.
    #[inline]
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// One moment of one slot, packed as `slot << 48 | time`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(u64);

impl Epoch {
    const TIME_BITS: u32 = 48;

    /// No moment: time zero of slot zero, which every clock covers.
    pub const NONE: Self = Self(0);

    /// The moment `time` of `slot`.
    #[inline]
    #[must_use]
    pub const fn new(slot: Slot, time: Time) -> Self {
        Self((slot.0 as u64) << Self::TIME_BITS | time.0)
    }

    /// Whose moment.
    #[inline]
    #[must_use]
    pub const fn slot(self) -> Slot {
        Slot((self.0 >> Self::TIME_BITS) as u16)
    }

    /// Which moment.
    #[inline]
    #[must_use]
    pub const fn time(self) -> Time {
        Time(self.0 & Time::MAX.0)
    }

    /// Is this time zero, which orders nothing?
    #[inline]
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.time().0 == 0
    }

    /// The next moment of the same slot.
    ///
    /// # Panics
    /// With "vector clock overflow" after 2^48 - 1 moments: a clock never wraps.
    #[inline]
    #[must_use]
    pub const fn next(self) -> Self {
        assert!(self.time().0 < Time::MAX.0, "vector clock overflow");
        Self(self.0 + 1)
    }
}

impl std::fmt::Debug for Epoch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.time().0, self.slot().0)
    }
}

/// Slots that every clock has a component of its own for; what is known of those beyond, clocks share. See [`far`].
pub(crate) const NEAR: usize = 128;

/// For every slot the time up to which it is known; zero where nothing is.
///
/// Holds as many components as the highest slot raised, so an empty clock allocates nothing.
#[derive(Default)]
pub struct VectorClock {
    /// Of the first [`NEAR`] slots.
    times: Vec<u64>,
    /// Of all others.
    far: Far,
}

impl VectorClock {
    /// A clock that knows nothing. Does not allocate.
    #[must_use]
    pub const fn new() -> Self {
        Self { times: Vec::new(), far: Far::new() }
    }

    /// Is nothing known? O(components), one look when the clock was never raised.
    #[inline]
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.times.iter().all(|&time| time == 0) && self.far.is_zero()
    }

    /// Was it never raised, nor joined with one that was? Cheap and one-sided: false says nothing.
    #[inline(always)]
    #[must_use]
    pub const fn is_bare(&self) -> bool {
        self.times.is_empty() && self.far.is_new()
    }

    /// The time known of `slot`.
    #[inline]
    #[must_use]
    pub fn get(&self, slot: Slot) -> Time {
        let index = slot.index();
        Time(match self.times.get(index) {
            Some(&time) => time,
            None if index < NEAR => 0,
            None => self.far.get(index - NEAR),
        })
    }

    /// Is the moment known?
    #[inline]
    #[must_use]
    pub fn covers(&self, epoch: Epoch) -> bool {
        epoch.time() <= self.get(epoch.slot())
    }

    /// Makes the moment known. True when it was news. O(components) beyond the first 128.
    #[inline]
    pub fn raise(&mut self, epoch: Epoch) -> bool {
        if self.covers(epoch) {
            return false;
        }
        let index = epoch.slot().index();
        if index >= NEAR {
            self.far.set(index - NEAR, epoch.time().0);
            return true;
        }
        self.grow(index + 1);
        self.times[index] = epoch.time().0;
        true
    }

    /// Can [`raise`](Self::raise) be told of this moment without taking memory?
    #[inline]
    #[must_use]
    pub fn has_component(&self, epoch: Epoch) -> bool {
        epoch.is_zero() || epoch.slot().index() < self.times.len() || self.covers(epoch)
    }

    /// Has it a component for each that `other` has, so that [`join`](Self::join) takes no memory?
    #[inline]
    #[must_use]
    pub fn has_components_of(&self, other: &Self) -> bool {
        other.times.len() <= self.times.len() && self.far.holds(&other.far)
    }

    /// Becomes a copy of `source`, if that takes no memory; false, and nothing done, if it does.
    #[inline(always)]
    #[must_use]
    pub fn copy_in_place(&mut self, source: &Self) -> bool {
        if self.times.capacity() < source.times.len() || !self.far.is_shared_with(&source.far) {
            return false;
        }
        if self.times.len() == source.times.len() {
            // A few words: a call would take longer.
            self.times.iter_mut().zip(&source.times).for_each(|(mine, &theirs)| *mine = theirs);
        } else {
            self.times.clone_from(&source.times);
        }
        true
    }

    /// Forgets the component of `slot`.
    pub fn forget(&mut self, slot: Slot) {
        if let Some(time) = self.times.get_mut(slot.index()) {
            *time = 0;
        } else if slot.index() >= NEAR {
            self.far.set(slot.index() - NEAR, 0);
        }
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.times.clear();
        self.far.clear();
    }

    /// Learns what `other` knows, component by component. True when any of it was news. O(components of `other`), without
    /// what both share.
    pub fn join(&mut self, other: &Self) -> bool {
        self.grow(other.times.len());
        join_times(&mut self.times, &other.times) | self.far.join(&other.far, None)
    }

    /// As [`join`](Self::join), but leaves the component of `own` alone: a thread keeps its own time apart.
    pub fn join_foreign(&mut self, other: &Self, own: Slot) -> bool {
        let (own, len) = (own.index(), other.times.len());
        self.grow(len);
        let far = self.far.join(&other.far, own.checked_sub(NEAR));
        if own >= len {
            return join_times(&mut self.times, &other.times) | far;
        }
        let before = join_times(&mut self.times[..own], &other.times[..own]);
        let after = join_times(&mut self.times[own + 1..len], &other.times[own + 1..]);
        before | after | far
    }

    /// Does `other` know everything that this clock knows?
    #[must_use]
    pub fn leq(&self, other: &Self) -> bool {
        self.leq_foreign(other, None)
    }

    /// As [`leq`](Self::leq), without the component of `own`.
    #[must_use]
    pub fn leq_foreign(&self, other: &Self, own: Option<Slot>) -> bool {
        let skip = own.map_or(usize::MAX, Slot::index);
        self.times
            .iter()
            .enumerate()
            .all(|(index, &time)| time <= other.times.get(index).copied().unwrap_or(0) || index == skip)
            && self.far.leq(&other.far, own.and_then(|own| own.index().checked_sub(NEAR)))
    }

    /// The moments known, without the zeros.
    pub fn iter(&self) -> impl Iterator<Item = Epoch> + '_ {
        let near = self.times.iter().copied().enumerate();
        let all = near.chain(self.far.iter().map(|(index, time)| (NEAR + index, time)));
        all.filter(|&(_, time)| time != 0).map(|(index, time)| Epoch(((index as u64) << Epoch::TIME_BITS) | time))
    }

    fn grow(&mut self, len: usize) {
        if self.times.len() < len {
            self.times.resize(len, 0);
        }
    }
}

/// Component-wise maximum over the common length; one pass without branches, so that the compiler can use SIMD.
fn join_times(mine: &mut [u64], theirs: &[u64]) -> bool {
    let mut news = false;
    for (mine, &theirs) in mine.iter_mut().zip(theirs) {
        news |= theirs > *mine;
        *mine = theirs.max(*mine);
    }
    news
}

impl Clone for VectorClock {
    fn clone(&self) -> Self {
        Self { times: self.times.clone(), far: self.far.clone() }
    }

    /// Reuses the memory: a lock that passes between threads copies without allocating.
    fn clone_from(&mut self, source: &Self) {
        self.times.clone_from(&source.times);
        self.far.clone_from(&source.far);
    }
}

impl PartialEq for VectorClock {
    fn eq(&self, other: &Self) -> bool {
        self.leq(other) && other.leq(self)
    }
}

impl Eq for VectorClock {}

impl std::fmt::Debug for VectorClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_one_word_and_keeps_both_parts() {
        let epoch = Epoch::new(Slot(u16::MAX), Time::MAX);
        assert_eq!((epoch.slot(), epoch.time()), (Slot(u16::MAX), Time::MAX));
        assert_eq!(Epoch::new(Slot(3), Time::new(41)).next(), Epoch::new(Slot(3), Time::new(42)));
        assert_eq!(size_of::<Epoch>(), 8);
        assert!(VectorClock::new().covers(Epoch::NONE));
    }

    #[test]
    fn time_never_wraps() {
        let last = std::panic::catch_unwind(|| Epoch::new(Slot(1), Time::MAX).next()).unwrap_err();
        assert_eq!(last.downcast_ref(), Some(&"vector clock overflow"));
        let wide = std::panic::catch_unwind(|| Time::new(1 << 48)).unwrap_err();
        assert_eq!(wide.downcast_ref(), Some(&"vector clock overflow"));
    }

    #[test]
    fn an_empty_clock_has_no_memory() {
        let mut clock = VectorClock::new();
        assert!(!clock.join(&VectorClock::new()) && !clock.raise(Epoch::new(Slot(40_000), Time::ZERO)));
        assert_eq!(clock.times.capacity(), 0);
    }

    /// Slots on both sides of the border between what a clock has by itself and what it shares, beside a map; copies are
    /// taken and changed, so that shared parts are changed too.
    #[test]
    fn a_clock_is_a_map_on_both_sides_of_what_is_shared() {
        use std::collections::BTreeMap;
        type Map = BTreeMap<u16, u64>;
        let slots = [0, 5, 126, 127, 128, 129, 200, 1_000];
        let mut clocks: Vec<(VectorClock, Map)> = (0..4).map(|_| (VectorClock::new(), Map::new())).collect();
        let mut seed = 7_u64;
        let mut random = move |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize % below
        };
        for _ in 0..4_000 {
            let (one, other) = (random(4), random(4));
            let (slot, time) = (slots[random(slots.len())], random(60) as u64);
            let (theirs, their_map) = (clocks[other].0.clone(), clocks[other].1.clone());
            let (mine, map) = &mut clocks[one];
            let get = |map: &Map, slot: u16| map.get(&slot).copied().unwrap_or(0);
            let joined = |map: &Map, own: Option<u16>| -> Map {
                let all = map.keys().chain(their_map.keys());
                all.map(|&slot| {
                    let learned = if own == Some(slot) { 0 } else { get(&their_map, slot) };
                    (slot, get(map, slot).max(learned))
                })
                .collect()
            };
            match random(7) {
                0 | 1 => {
                    let news = time > get(map, slot);
                    assert_eq!(mine.raise(Epoch::new(Slot(slot), Time::new(time))), news);
                    if news {
                        map.insert(slot, time);
                    }
                }
                2 => {
                    let after = joined(map, None);
                    assert_eq!(mine.join(&theirs), after.iter().any(|(&slot, &time)| get(map, slot) != time));
                    *map = after;
                }
                3 => {
                    let after = joined(map, Some(slot));
                    let news = after.iter().any(|(&slot, &time)| get(map, slot) != time);
                    assert_eq!(mine.join_foreign(&theirs, Slot(slot)), news);
                    *map = after;
                }
                4 => (mine.clone_from(&theirs), *map = their_map.clone()).1,
                5 if random(4) == 0 => (mine.clear(), map.clear()).1,
                5 => {
                    mine.forget(Slot(slot));
                    map.remove(&slot);
                }
                _ => {
                    let leq = map.iter().all(|(&known, &time)| known == slot || time <= get(&their_map, known));
                    assert_eq!(mine.leq_foreign(&theirs, Some(Slot(slot))), leq);
                }
            }
            let (mine, map) = &clocks[one];
            let known = mine.iter().map(|epoch| (epoch.slot().0, epoch.time().get())).collect::<Map>();
            assert_eq!(known, map.iter().filter(|&(_, &time)| time != 0).map(|(&slot, &time)| (slot, time)).collect());
            assert_eq!(mine.is_zero(), known.is_empty());
        }
    }
}
