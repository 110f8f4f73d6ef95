//! Which accesses of one variable cannot race at a glance.

use rustc_hash::FxHashMap;

use super::index::Index;
use super::word::Word;
use crate::event::Mode;

/// Least sets of locks against which each group is held; with more it is not known which groups are apart from all.
const LEAST_MAX: usize = 1_024;

/// Which accesses of one variable cannot race at a glance: those of one thread, two reads, and those under a common lock.
/// Accesses that are alike in this are one group.
///
/// There are as many groups as ways to hold the locks, so they grow with the trace for long. Nothing here may take time or
/// memory for each pair of them: a trace ten times as long would cost thirty times as much.
pub(super) struct Apart {
    /// By access: its group.
    groups: Vec<u32>,
    kinds: Vec<Group>,
    /// By group: a range of what is held.
    held: Vec<(u32, Mode)>,
    /// By group: it is apart from all. Empty if that is not known.
    alone: Vec<bool>,
}

#[derive(Clone, Copy)]
struct Group {
    thread: u32,
    write: bool,
    start: u32,
    end: u32,
    /// A bit for each lock, more or less: two that have none in common have no lock in common.
    mask: u64,
}

impl Apart {
    /// Cost: linear, but for groups × least sets of locks, which are few where a variable has a lock of its own.
    pub(super) fn new(index: &Index, accesses: &[u32]) -> Self {
        let mut numbers: FxHashMap<(u32, Word, u64), u32> = FxHashMap::default();
        let (mut kinds, mut held): (Vec<Group>, Vec<(u32, Mode)>) = (Vec::new(), Vec::new());
        let group = |&event: &u32| {
            let entry = index.entry(event);
            *numbers.entry((entry.thread, entry.word, index.access_set(event))).or_insert_with(|| {
                let start = held.len();
                let locks = index.open(entry.thread, entry.at).map(|open| index.entry(open));
                held.extend(locks.map(|lock| (lock.object, lock.mode)));
                let mask = held[start..].iter().fold(0, |mask, (lock, _)| mask | 1 << (lock % 64));
                let (thread, write) = (entry.thread, entry.word == Word::Write);
                kinds.push(Group { thread, write, start: start as u32, end: held.len() as u32, mask });
                kinds.len() as u32 - 1
            })
        };
        let groups: Vec<u32> = accesses.iter().map(group).collect();
        let mut all = Self { groups, kinds, held, alone: Vec::new() };
        all.alone = all.alone();
        all
    }

    /// By group: is it apart from all? Empty if that is not known.
    fn alone(&self) -> Vec<bool> {
        let Some(least) = self.least() else { return Vec::new() };
        let alone = |group: &Group| {
            least.iter().all(|(other, owner)| {
                *owner == Some(group.thread) || !(group.write || other.write) || self.guarded(group, other)
            })
        };
        self.kinds.iter().map(alone).collect()
    }

    fn locks(&self, group: &Group) -> &[(u32, Mode)] {
        &self.held[group.start as usize..group.end as usize]
    }

    /// Groups with the least sets of locks, and whose they are; none: of more than one thread. What is apart from all of
    /// these is apart from all, for more locks only guard more.
    fn least(&self) -> Option<Vec<(Group, Option<u32>)>> {
        // Small sets first: so none has to go for one that comes later.
        let mut order: Vec<&Group> = self.kinds.iter().collect();
        order.sort_by_key(|group| group.end - group.start);
        let mut least: Vec<(Group, Option<u32>)> = Vec::new();
        for group in order {
            let locks = self.locks(group);
            let within = |other: &Group| {
                other.write == group.write
                    && other.mask & !group.mask == 0
                    && self.locks(other).iter().all(|lock| locks.contains(lock))
            };
            if least.iter().any(|(other, owner)| owner.is_none_or(|owner| owner == group.thread) && within(other)) {
                continue;
            }
            let same = |other: &Group| other.end - other.start == group.end - group.start && within(other);
            if let Some((_, owner)) = least.iter_mut().find(|(other, _)| same(other)) {
                *owner = None;
            } else if least.len() == LEAST_MAX {
                return None;
            } else {
                least.push((*group, Some(group.thread)));
            }
        }
        Some(least)
    }

    /// Do both hold a lock that keeps them apart?
    fn guarded(&self, one: &Group, other: &Group) -> bool {
        let common = |&(lock, mode): &(u32, Mode)| {
            self.locks(other).iter().any(|&(same, theirs)| lock == same && !mode.compatible(theirs))
        };
        one.mask & other.mask != 0 && self.locks(one).iter().any(common)
    }

    /// Of two accesses, by their places among those of the variable.
    pub(super) fn are(&self, one: usize, other: usize) -> bool {
        let [one, other] = [one, other].map(|access| &self.kinds[self.groups[access] as usize]);
        one.thread == other.thread || !(one.write || other.write) || self.guarded(one, other)
    }

    /// True only if it is; with too many sets of locks that is not known.
    pub(super) fn is_apart_from_all(&self, access: usize) -> bool {
        self.alone.get(self.groups[access] as usize).is_some_and(|&alone| alone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::predict::index::scatter;

    #[test]
    fn what_is_apart_from_the_least_sets_is_apart_from_each_and_nothing_else_is() {
        let (mut alone, mut not) = (0, 0);
        for seed in 0..2_000 {
            let mut state = seed << 32;
            let mut next = |below: u64| {
                state += 1;
                (scatter(state) % below) as u32
            };
            let mut all = Apart { groups: Vec::new(), kinds: Vec::new(), held: Vec::new(), alone: Vec::new() };
            for group in 0..2 + next(8) {
                let start = all.held.len() as u32;
                for _ in 0..next(4) {
                    let mode = [Mode::Exclusive, Mode::Exclusive, Mode::Shared, Mode::Upgradable][next(4) as usize];
                    // Two locks that share a bit.
                    all.held.push(([0, 1, 64][next(3) as usize], mode));
                }
                let end = all.held.len() as u32;
                let mask = all.held[start as usize..].iter().fold(0, |mask, (lock, _)| mask | 1 << (lock % 64));
                all.kinds.push(Group { thread: next(3), write: next(2) == 0, start, end, mask });
                all.groups.push(group);
            }
            let places = 0..all.groups.len();
            let each: Vec<bool> = places.clone().map(|one| places.clone().all(|other| all.are(one, other))).collect();
            alone += each.iter().filter(|&&alone| alone).count();
            not += each.iter().filter(|&&alone| !alone).count();
            assert_eq!(all.alone(), each, "seed {seed}");
        }
        assert!(alone > 500 && not > 500, "{alone} {not}");
    }
}
