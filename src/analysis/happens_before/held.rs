//! Which locks were held at an access, for the report.

use rustc_hash::FxHashMap;

use crate::event::{LockId, Mode, SiteId};

/// A lock that an owner holds, and where it was taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct HeldLock {
    /// The lock.
    pub lock: LockId,
    /// How it is held.
    pub mode: Mode,
    /// Where it was taken.
    pub site: SiteId,
}

/// A stack of held locks, interned: zero is the empty one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub(super) struct StackId(u32);

impl StackId {
    /// Nothing held.
    pub(super) const EMPTY: Self = Self(0);
}

/// The locks of one owner, in the order in which it took them. Interned only when there is an access to tell of.
#[derive(Default, Debug)]
pub(super) struct Holding {
    locks: Vec<HeldLock>,
    interned: StackId,
    changed: bool,
}

impl Holding {
    #[inline]
    pub(super) fn push(&mut self, lock: HeldLock) {
        self.locks.push(lock);
        self.changed = true;
    }

    #[inline]
    pub(super) fn remove(&mut self, lock: LockId, mode: Mode) {
        if let Some(index) = self.locks.iter().rposition(|held| held.lock == lock && held.mode == mode) {
            self.locks.remove(index);
            self.changed = true;
        }
    }

    #[inline]
    pub(super) fn id(&mut self, stacks: &mut Stacks) -> StackId {
        if self.changed {
            self.interned = stacks.intern(&self.locks);
            self.changed = false;
        }
        self.interned
    }
}

/// All stacks under which a cell was touched: a tree, each stack the child of the one without its newest lock.
#[derive(Default, Debug)]
pub(super) struct Stacks {
    nodes: Vec<(StackId, HeldLock)>,
    ids: FxHashMap<(StackId, HeldLock), StackId>,
}

impl Stacks {
    /// More different stacks than this are not told apart, so that memory stays bounded: an access under a later one is
    /// reported as if nothing had been held. Reports only; races do not depend on it.
    const LIMIT: usize = 1 << 16;

    #[inline(never)]
    fn intern(&mut self, locks: &[HeldLock]) -> StackId {
        let mut id = StackId::EMPTY;
        for &lock in locks {
            let next = match self.ids.get(&(id, lock)) {
                Some(&known) => known,
                None if self.nodes.len() >= Self::LIMIT => return StackId::EMPTY,
                None => {
                    self.nodes.push((id, lock));
                    let new = StackId(u32::try_from(self.nodes.len()).unwrap_or(0));
                    self.ids.insert((id, lock), new);
                    new
                }
            };
            id = next;
        }
        id
    }

    /// The locks of a stack, oldest first.
    pub(super) fn locks(&self, mut id: StackId) -> Vec<HeldLock> {
        let mut locks = Vec::new();
        while let Some(&(below, lock)) = (id.0 as usize).checked_sub(1).and_then(|index| self.nodes.get(index)) {
            locks.push(lock);
            id = below;
        }
        locks.reverse();
        locks
    }
}
