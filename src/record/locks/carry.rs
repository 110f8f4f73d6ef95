//! What an owner holds beside the stack: locks of tasks and units of semaphores, whose guards go from thread to thread.
//!
//! As with the stack, what is not new has a hot path ([`carry_known`] and what follows it) of a few steps in the thread's own
//! memory.

use super::held::grow;
use super::meta::{DESCRIBED, ID, KNOWN};
use super::places::Seen;
use super::state::LockState;
use super::{LockMeta, judge_request, matters};
use crate::analysis::wait_for::{Holding, Possession};
use crate::event::{Attempt, LockId, Mode, ObjectKind, SiteId};
use crate::record::context::Context;
use crate::record::{Place, tasks};

/// Something held that is not on the stack, for its guard may go from thread to thread: a lock of tasks.
#[derive(Clone, Copy)]
pub(crate) struct Carried {
    pub(crate) lock: LockId,
    pub(crate) mode: Mode,
    pub(crate) site: SiteId,
    pub(crate) attempt: Attempt,
    pub(crate) kind: ObjectKind,
    pub(crate) created: Place,
    pub(crate) possession: Possession,
    /// See [`Acquisition::may_leave`].
    may_leave: bool,
    /// Units of a semaphore, which is not in the order of locks; 0 of a lock.
    pub(crate) units: u32,
    /// When it was taken, among the waits of all tasks: the last of them that was begun before.
    pub(crate) ticket: u64,
    /// Where what is guarded was looked at first, before it was written, and where it was written first.
    pub(crate) looked: Option<SiteId>,
    pub(crate) written: Option<SiteId>,
}

/// How something is acquired that will be carried.
#[derive(Clone, Copy)]
pub(crate) struct Acquisition {
    pub(crate) mode: Mode,
    pub(crate) attempt: Attempt,
    pub(crate) possession: Possession,
    /// The lock lives as long as the program: its guard may be given to another task, or thread.
    pub(crate) may_leave: bool,
    /// See [`Carried::units`].
    pub(crate) units: u32,
}

impl Carried {
    fn new(meta: &LockMeta, lock: LockId, how: Acquisition, site: SiteId) -> Self {
        let Acquisition { mode, attempt, possession, may_leave, units } = how;
        let (kind, created) = (meta.kind(), meta.created());
        let (ticket, looked, written) = (tasks::last_ticket(), None, None);
        Self { lock, mode, site, attempt, kind, created, possession, may_leave, units, ticket, looked, written }
    }

    pub(super) fn holding(&self) -> Holding {
        let Self { lock, mode, site, possession, .. } = *self;
        Holding { lock, mode, site, ordinal: 0, possession }
    }

    fn is_lock(&self) -> bool {
        self.units == 0
    }

    /// It is looked at, or written, here.
    #[inline]
    fn accessed(&mut self, write: bool, site: SiteId) {
        if write {
            self.written.get_or_insert(site);
        } else if self.written.is_none() {
            self.looked.get_or_insert(site);
        }
    }
}

impl LockState {
    /// The owner gives something to another one: that may be a guard.
    pub(crate) fn hands_on(&mut self) {
        for held in self.line.carried.iter_mut().filter(|held| held.may_leave) {
            held.possession = Possession::Roaming;
        }
    }

    /// The owner holds something more that is not on the stack.
    fn carry(&mut self, carried: Carried) {
        self.line.carried.push(carried);
        if carried.is_lock() {
            self.reseed();
        }
    }

    /// The owner no longer holds it.
    pub(crate) fn put_down(&mut self, lock: LockId, mode: Mode) -> Option<Carried> {
        let held = self.line.put_down(lock, mode)?;
        if held.is_lock() {
            self.reseed();
        }
        Some(held)
    }

    /// What the owner has taken last of all that it holds, if that is this lock in this mode, and it is carried.
    #[inline(always)]
    pub(crate) fn newest_carried(&mut self, lock: LockId, mode: Mode) -> Option<&mut Carried> {
        let newest = self.line.carried.last_mut()?;
        (newest.lock == lock && newest.mode == mode && self.held.is_empty()).then_some(newest)
    }

    /// The owner no longer holds the [newest](Self::newest_carried).
    #[inline(always)]
    pub(crate) fn put_down_newest(&mut self) {
        if self.line.carried.pop().is_some_and(|held| held.is_lock()) {
            self.reseed();
        }
    }

    /// The owner looks at what this guards, or writes it.
    pub(crate) fn accesses(&mut self, lock: LockId, write: bool, site: SiteId) {
        if let Some(held) = self.line.carried.iter_mut().rfind(|held| held.lock == lock) {
            held.accessed(write, site);
        }
    }

    /// [`accesses`](Self::accesses), if the place was here before and the lock is the one carried last; false, and nothing
    /// done, if not.
    #[inline(always)]
    pub(crate) fn accesses_newest(&mut self, lock: LockId, write: bool, place: Place) -> bool {
        let Some(&Seen { site, .. }) = self.places.seen(place) else { return false };
        match self.line.carried.last_mut() {
            Some(held) if held.lock == lock => held.accessed(write, site),
            _ => return false,
        }
        true
    }

    /// What the owner carries is held in a weaker mode from now on.
    pub(crate) fn downgrade(&mut self, lock: LockId, mode: Mode) {
        let carried = self.line.carried.iter_mut().rfind(|held| held.lock == lock);
        if let Some(held) = carried {
            held.mode = mode;
            self.reseed();
        }
    }

    /// Does the owner hold this lock of tasks, and is there nothing to ask about it in this mode?
    fn has(&self, lock: LockId, mode: Mode) -> bool {
        // A second read is a hazard of its own, and an upgrade a request as any other.
        let asks_more = |held: &Carried| match mode {
            Mode::Shared => true,
            Mode::Exclusive => held.mode == Mode::Upgradable,
            _ => held.mode.is_shared(),
        };
        let mut own = self.line.carried.iter().filter(|held| held.lock == lock).peekable();
        own.peek().is_some() && !own.any(asks_more)
    }
}

/// Before the wait of a task for a lock of tasks: judges the order, so that a report precedes the hang. Gives the lock's id.
pub(crate) fn wanted_by_task(context: &mut Context, meta: &LockMeta, mode: Mode, site: SiteId) -> LockId {
    let lock = meta.id(&mut context.locks);
    // What it has already makes no order.
    if context.modes.order() && matters(context, meta, mode) && !context.locks.has(lock, mode) {
        meta.describe(lock);
        meta.set_known();
        judge_request(context, meta, lock, mode, site);
    }
    lock
}

/// After the acquisition of a lock of tasks: the owner carries it.
pub(crate) fn carried(context: &mut Context, meta: &LockMeta, how: Acquisition, site: SiteId) -> LockId {
    let lock = match how.units == 0 && how.attempt == Attempt::Blocking {
        true => wanted_by_task(context, meta, how.mode, site),
        false => meta.id(&mut context.locks),
    };
    meta.set_known();
    context.locks.carry(Carried::new(meta, lock, how, site));
    lock
}

/// The hot path of [`carried`]: nothing about it is new, and nothing is on the stack. `None`, and nothing done, if not. Calls
/// nothing but arithmetic on the context and the lock's own words.
#[inline(always)]
pub(crate) fn carry_known(context: &mut Context, meta: &LockMeta, how: Acquisition, place: Place) -> Option<LockId> {
    let word = meta.id_word();
    if word & (KNOWN | DESCRIBED) != KNOWN | DESCRIBED {
        return None;
    }
    let lock = LockId(word & ID);
    let locks = &mut context.locks;
    let site = locks.places.seen(place)?.site;
    let LockState { line, held, known, .. } = locks;
    // Room, so that nothing is allocated.
    if !held.is_empty() || line.carried.len() == line.carried.capacity() {
        return None;
    }
    if how.units == 0 {
        // With nothing on the stack, this is what the chain of the wanted lock is, and the seed once it is carried.
        let chain = grow(held.seed(), lock, how.mode);
        let alone = !line.carried.iter().any(Carried::is_lock);
        let matters = !alone || (meta.kind() == ObjectKind::RwLock && how.mode == Mode::Exclusive);
        if matters && how.attempt == Attempt::Blocking && context.modes.order() && !known.in_front(chain) {
            return None;
        }
        held.reseed_below(chain);
    }
    line.carried.push(Carried::new(meta, lock, how, site));
    Some(lock)
}
