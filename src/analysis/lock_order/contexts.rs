//! Who asked, and what was held: the contexts that the edges of the graph share.

use std::ops::Deref;
use std::ptr;
use std::sync::Arc;

use super::chains::extend;
use super::memory::{Zeroed, prefetch};
use super::segments::Segment;
use super::{ClassId, HeldLock};
use crate::event::{Attempt, LockId, Mode, SiteId, ThreadId};

/// An open-addressed table from a 32-bit hash to an index; the owner of the indexed things compares them.
///
/// A slot is `hash << 32 | index`, 0 when free, so a probe that finds nothing never leaves the table. Linear probing,
/// at most 3/4 full, deletion by moving later entries back.
#[derive(Default, Debug)]
pub(super) struct IndexTable {
    slots: Zeroed<u64>,
    len: usize,
}

impl IndexTable {
    /// The index with this hash for which `same` holds. Indices are never 0.
    #[inline]
    pub(super) fn find(&self, hash: u32, mut same: impl FnMut(u32) -> bool) -> Option<u32> {
        let mut at = self.home(hash)?;
        while self.slots[at] != 0 {
            let index = self.slots[at] as u32;
            if (self.slots[at] >> 32) as u32 == hash && same(index) {
                return Some(index);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
        None
    }

    /// Asks for the places where [`find`](Self::find) will look.
    #[inline]
    pub(super) fn prefetch(&self, hash: u32) {
        if let Some(slot) = self.home(hash).and_then(|home| self.slots.get(home)) {
            prefetch(slot);
            // It often goes on into the next line of the cache.
            prefetch(ptr::from_ref(slot).wrapping_add(4));
        }
    }

    /// Adds an index that is not there.
    pub(super) fn insert(&mut self, hash: u32, index: u32) {
        if (self.len + 1) * 4 > self.slots.len() * 3 {
            let capacity = (self.slots.len() * 2).max(64);
            let old = std::mem::replace(&mut self.slots, Zeroed::of(capacity));
            old.iter().filter(|&&slot| slot != 0).for_each(|&slot| self.put(slot));
        }
        self.put(u64::from(hash) << 32 | u64::from(index));
        self.len += 1;
    }

    /// Removes an index that is there.
    pub(super) fn remove(&mut self, hash: u32, index: u32) {
        let mask = self.slots.len() - 1;
        let mut gap = self.position(hash, index);
        let mut at = gap;
        loop {
            at = (at + 1) & mask;
            if self.slots[at] == 0 {
                break;
            }
            // An entry may fill the gap if its home is not between the gap and itself.
            let home = self.home((self.slots[at] >> 32) as u32).expect("not empty");
            if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(gap) & mask) {
                self.slots[gap] = self.slots[at];
                gap = at;
            }
        }
        self.slots[gap] = 0;
        self.len -= 1;
    }

    /// Gives an entry another index.
    pub(super) fn renumber(&mut self, hash: u32, old: u32, new: u32) {
        let at = self.position(hash, old);
        self.slots[at] = u64::from(hash) << 32 | u64::from(new);
    }

    fn position(&self, hash: u32, index: u32) -> usize {
        let wanted = u64::from(hash) << 32 | u64::from(index);
        let mut at = self.home(hash).expect("the entry is in the table");
        while self.slots[at] != wanted {
            assert!(self.slots[at] != 0, "the entry is in the table");
            at = (at + 1) & (self.slots.len() - 1);
        }
        at
    }

    fn put(&mut self, slot: u64) {
        let mut at = self.home((slot >> 32) as u32).expect("not empty");
        while self.slots[at] != 0 {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = slot;
    }

    #[inline]
    fn home(&self, hash: u32) -> Option<usize> {
        // invariant: the capacity is 0 or a power of two.
        (!self.slots.is_empty()).then(|| hash as usize & (self.slots.len() - 1))
    }
}

/// A held lock; `life` tells apart the locks that had one id after another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub(super) lock: LockId,
    pub(super) life: u32,
    /// Its class, if it had been told when the entry was made.
    pub(super) class: Option<ClassId>,
    pub(super) site: SiteId,
    pub(super) mode: Mode,
    pub(super) attempt: Attempt,
}

impl Entry {
    pub(super) fn report(&self) -> HeldLock {
        HeldLock { lock: self.lock, mode: self.mode, site: self.site, attempt: self.attempt }
    }
}

/// A thread, its segment, and its stack of held locks, shared by every edge that a request made.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) thread: ThreadId,
    hash: u32,
    pub(super) segment: Arc<Segment>,
    pub(super) held: Held,
}

/// What a context holds. Most hold one lock, and then it is in the context itself: one allocation and one cache miss less.
#[derive(Debug)]
pub(super) enum Held {
    One([Entry; 1]),
    Other(Box<[Entry]>),
}

impl Deref for Held {
    type Target = [Entry];

    #[inline]
    fn deref(&self) -> &[Entry] {
        match self {
            Self::One(one) => one,
            Self::Other(entries) => entries,
        }
    }
}

impl From<&[Entry]> for Held {
    fn from(entries: &[Entry]) -> Self {
        match *entries {
            [one] => Self::One([one]),
            _ => Self::Other(entries.into()),
        }
    }
}

impl Context {
    /// Can both be at their requests at the same time, as far as their gates go? Not if they hold one lock in modes
    /// that exclude each other. Two readers of one lock are no gate. O(held × held).
    pub(super) fn excludes(&self, other: &Self) -> bool {
        self.held.iter().any(|mine| {
            other.held.iter().any(|theirs| {
                mine.lock == theirs.lock && mine.life == theirs.life && !mine.mode.compatible(theirs.mode)
            })
        })
    }

    /// [`excludes`](Self::excludes), with one lock of a class taken for another: for patterns among classes, whose locks
    /// are not those that the two held.
    pub(super) fn excludes_by_class(&self, other: &Self) -> bool {
        self.held.iter().any(|mine| {
            other
                .held
                .iter()
                .any(|theirs| mine.class.is_some() && mine.class == theirs.class && !mine.mode.compatible(theirs.mode))
        })
    }

    /// Is it the same abstract acquisition: the same thread with the same set of locks in the same modes? Locks that had
    /// one id after another count as the same, so that short-lived gates don't use up the room of an edge.
    pub(super) fn same_holdings(&self, other: &Self) -> bool {
        let within =
            |a: &Self, b: &Self| a.held.iter().all(|x| b.held.iter().any(|y| (x.lock, x.mode) == (y.lock, y.mode)));
        self.thread == other.thread && self.held.len() == other.held.len() && within(self, other) && within(other, self)
    }
}

/// All contexts in use, each once.
#[derive(Default, Debug)]
pub(super) struct Contexts {
    // Index 0 is not used.
    list: Vec<Option<Context>>,
    // Records that name a context, and pins; the context goes with the last. Apart from it, since that is all that most new
    // edges touch of it.
    uses: Vec<u32>,
    free: Vec<u32>,
    table: IndexTable,
}

impl Contexts {
    pub(super) fn get(&self, context: u32) -> &Context {
        self.list[context as usize].as_ref().expect("a context in use")
    }

    /// The number of the context; it counts as used once more.
    pub(super) fn intern(&mut self, thread: ThreadId, segment: &Arc<Segment>, held: &[Entry]) -> u32 {
        let long = held.iter().fold(segment.seed, |key, entry| {
            extend(key ^ u64::from(entry.site.0) << 32 ^ u64::from(entry.life), entry.lock, entry.mode)
        });
        let hash = (long >> 16) as u32;
        let same = |index: u32| {
            let known = self.get(index);
            Arc::ptr_eq(&known.segment, segment) && known.thread == thread && *known.held == *held
        };
        if let Some(index) = self.table.find(hash, same) {
            self.share(index);
            return index;
        }
        let context = Context { thread, hash, segment: Arc::clone(segment), held: held.into() };
        let index = self.free.pop().unwrap_or_else(|| {
            if self.list.is_empty() {
                self.list.push(None);
                self.uses.push(0);
            }
            self.list.push(None);
            self.uses.push(0);
            (self.list.len() - 1) as u32
        });
        self.list[index as usize] = Some(context);
        self.uses[index as usize] = 1;
        self.table.insert(hash, index);
        index
    }

    /// One use more.
    pub(super) fn share(&mut self, context: u32) {
        let uses = &mut self.uses[context as usize];
        debug_assert!(*uses > 0, "a context in use");
        *uses += 1;
    }

    /// Asks for what [`share`](Self::share) counts in.
    #[inline]
    pub(super) fn prefetch_uses(&self, context: u32) {
        if let Some(uses) = self.uses.get(context as usize) {
            prefetch(uses);
        }
    }

    /// Does but one use it?
    pub(super) fn is_last_use(&self, context: u32) -> bool {
        self.uses[context as usize] == 1
    }

    /// One use less.
    pub(super) fn release(&mut self, context: u32) {
        let uses = &mut self.uses[context as usize];
        *uses = uses.checked_sub(1).expect("a context in use");
        if *uses == 0 {
            let used = self.list[context as usize].take().expect("a context in use");
            let hash = used.hash;
            self.table.remove(hash, context);
            self.free.push(context);
        }
    }

    /// Contexts in use.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.table.len
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn the_index_table_agrees_with_a_map() {
        let (mut table, mut model) = (IndexTable::default(), HashMap::new());
        let mut random = 1u64;
        for _ in 0..20_000 {
            random = extend(random, LockId(0), Mode::Shared);
            // Few hashes, many collisions, wrapping at the end of the table.
            let index = (random >> 32) as u32 % 500 + 1;
            let hash = (index % 40).wrapping_add(u32::MAX - 20);
            assert_eq!(table.find(hash, |found| found == index), model.get(&index).map(|_| index));
            if model.remove(&index).is_some() {
                table.remove(hash, index);
            } else {
                model.insert(index, hash);
                table.insert(hash, index);
            }
            assert_eq!(table.len, model.len());
        }
    }
}
