//! What operations meet at, and how.

use crate::event::{AtomicId, LockId, Mode, Object, VarId};

use super::Act;

/// Something that transactions conflict over.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Place {
    Var(VarId),
    Atomic(AtomicId),
    Lock(LockId),
    /// Where the upgradable readers of a lock exclude one another.
    Upgrade(LockId),
}

/// How an operation uses a place. A write conflicts with reads and writes, a read with writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Use {
    pub(super) place: Place,
    pub(super) write: bool,
    /// It comes after the conflicting uses that were left here.
    pub(super) meets: bool,
    /// It is left here for later uses to come after.
    pub(super) stays: bool,
}

/// The uses of an operation, at most two. An acquisition comes after releases; only releases stay.
pub(super) fn uses(act: Act) -> impl Iterator<Item = Use> {
    let of = |place, write, meets, stays| Some(Use { place, write, meets, stays });
    let data = |object, write| match object {
        Object::Var(var) => of(Place::Var(var), write, true, true),
        Object::Atomic(atomic) => of(Place::Atomic(atomic), write, true, true),
        _ => None,
    };
    let lock = |lock, mode, takes| {
        let main = of(Place::Lock(lock), mode == Mode::Exclusive, takes, !takes);
        let upgrade = of(Place::Upgrade(lock), true, takes, !takes).filter(|_| mode == Mode::Upgradable);
        [main, upgrade]
    };
    match act {
        Act::Reads(object) => [data(object, false), None],
        Act::Writes(object) => [data(object, true), None],
        Act::Takes(id, mode) => lock(id, mode, true),
        Act::Releases(id, mode) => lock(id, mode, false),
        Act::Enters | Act::Leaves | Act::Starts(_) | Act::Joins(_) => [None, None],
    }
    .into_iter()
    .flatten()
}

/// A table by place. An entry that was never made costs a pointer.
#[derive(Debug)]
pub(super) struct Places<T> {
    vars: Vec<Option<Box<T>>>,
    atomics: Vec<Option<Box<T>>>,
    locks: Vec<Option<Box<T>>>,
    upgrades: Vec<Option<Box<T>>>,
}

impl<T> Default for Places<T> {
    fn default() -> Self {
        Self { vars: Vec::new(), atomics: Vec::new(), locks: Vec::new(), upgrades: Vec::new() }
    }
}

impl<T: Default> Places<T> {
    fn slot(&mut self, place: Place) -> (&mut Vec<Option<Box<T>>>, usize) {
        match place {
            Place::Var(id) => (&mut self.vars, id.index()),
            Place::Atomic(id) => (&mut self.atomics, id.index()),
            Place::Lock(id) => (&mut self.locks, id.index()),
            Place::Upgrade(id) => (&mut self.upgrades, id.index()),
        }
    }

    /// The entry, if there is one.
    #[inline]
    pub(super) fn get(&mut self, place: Place) -> Option<&mut T> {
        let (table, index) = self.slot(place);
        table.get_mut(index)?.as_deref_mut()
    }

    /// The entry, made if need be.
    #[inline]
    pub(super) fn at(&mut self, place: Place) -> &mut T {
        let (table, index) = self.slot(place);
        if index >= table.len() {
            table.resize_with(index + 1, || None);
        }
        table[index].get_or_insert_default()
    }

    /// All entries.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let tables = [&mut self.vars, &mut self.atomics, &mut self.locks, &mut self.upgrades];
        tables.into_iter().flatten().filter_map(Option::as_deref_mut)
    }
}
