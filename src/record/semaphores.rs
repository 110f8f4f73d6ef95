//! Hooks of semaphores of tasks, and of the locks that are made of them: tokio's `Mutex` has one unit, its `RwLock` many.
//!
//! What is held belongs to the task that acquired it. Its guard may be dropped anywhere, so it carries a [`Hold`], which says
//! whose it is.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use parking_lot::Mutex;

use super::context::{Context, enter};
use super::locks::{self, Carried, LockMeta};
use super::registry::LiveNames;
use super::tasks::{self, Target, holders};
use super::{Place, sink, stacks, waits};
use crate::analysis::happens_before::LockClock;
use crate::analysis::sections::{Section, Sections};
use crate::analysis::wait_for::{Possession, Wait};
use crate::event::{Attempt, LockId, Mode, ObjectKind, ThreadId};

/// What a wrapper keeps beside a semaphore, or a lock made of one.
pub struct SemaphoreMeta {
    meta: LockMeta,
    /// A hold was given back by someone who had not acquired it: so guards of this one travel.
    roams: AtomicBool,
    /// Units were thrown away, and none were added since.
    leaks: AtomicBool,
    clock: Mutex<LockClock>,
    sections: Mutex<Option<Box<Sections>>>,
}

impl std::fmt::Debug for SemaphoreMeta {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SemaphoreMeta").finish_non_exhaustive()
    }
}

/// What was acquired, in the guard or permit that stands for it: whose it is. It may be given back anywhere.
#[must_use = "what is held has to be given back"]
#[derive(Debug)]
pub struct Hold {
    /// Who acquired it; `None` where nothing is watched.
    owner: Option<ThreadId>,
    lock: LockId,
    units: u32,
    mode: Mode,
    /// What was done through the guard.
    seen: AtomicU32,
}

impl SemaphoreMeta {
    /// A semaphore ([`ObjectKind::Semaphore`]) with so many units, or a lock ([`ObjectKind::Mutex`], one unit, or
    /// [`ObjectKind::RwLock`], all units for a writer), made at `created`.
    #[must_use]
    pub const fn new(kind: ObjectKind, units: usize, created: Place) -> Self {
        let _ = units;
        Self {
            meta: LockMeta::new(kind, created),
            roams: AtomicBool::new(false),
            leaks: AtomicBool::new(false),
            clock: Mutex::new(LockClock::new()),
            sections: Mutex::new(None),
        }
    }

    /// Gives it a name for reports.
    pub fn set_name(&self, name: &str) {
        self.meta.set_name(name);
    }

    /// Of a semaphore, a release adds to what the others have published.
    fn release_mode(&self, mode: Mode) -> Mode {
        if self.meta.kind() == ObjectKind::Semaphore { Mode::Shared } else { mode }
    }

    fn is_lock(&self) -> bool {
        self.meta.kind() != ObjectKind::Semaphore
    }

    /// The wait for `units` units: 1 for a mutex; of a lock for reading ([`Mode::Shared`]) 1, for writing
    /// ([`Mode::Exclusive`]) all of them. Semaphores are wanted [`Mode::Exclusive`]. To be called when the wait begins, at
    /// the first poll, and not when its future is made: what is held then comes before it in the order of locks.
    #[must_use]
    pub fn wants(&self, units: u32, mode: Mode, place: Place) -> Target {
        let Some(mut inside) = enter() else { return Target::foreign() };
        let context = &mut *inside;
        let lock = self.meta.lock_id(context);
        if !self.is_lock() {
            return Target::of(Wait::Units { semaphore: lock, units });
        }
        if context.modes.order() && context.locks.holds_any() && !has_siblings(context) {
            let site = context.locks.site(place);
            locks::wanted_by_task(context, &self.meta, mode, site);
        }
        Target::of(Wait::Lock { lock, mode, upgrade: false })
    }

    /// After an acquisition. `owned`: the guard borrows nothing, and may go anywhere (`lock_owned`): then who holds it is
    /// only a guess.
    pub fn acquired(&self, units: u32, mode: Mode, attempt: Attempt, owned: bool, place: Place) -> Hold {
        let Some(mut inside) = enter() else {
            return Hold { owner: None, lock: LockId(0), units, mode, seen: AtomicU32::new(0) };
        };
        let context = &mut *inside;
        let site = context.locks.site(place);
        // In a poll of which nobody was told, the thread is not who holds it.
        let unknown = context.frames.is_empty() && !context.blocking;
        let roams = owned || unknown || self.roams.load(Ordering::Relaxed);
        let possession = if roams { Possession::Roaming } else { Possession::Own };
        if unknown {
            if context.modes.races() {
                self.clock.lock().acquired(&mut context.clock, mode);
            }
            return Hold { owner: None, lock: LockId(0), units, mode, seen: AtomicU32::new(0) };
        }
        // Beside a sibling, it is not known whose the other locks are: then this one makes no order.
        let attempt = if has_siblings(context) { Attempt::Try } else { attempt };
        let units_held = if self.is_lock() { 0 } else { units };
        let lock = locks::carried(context, &self.meta, (mode, attempt, possession), units_held, site);
        holders::holds(context);
        if context.modes.races() {
            self.clock.lock().acquired(&mut context.clock, mode);
        }
        Hold { owner: Some(context.owner()), lock, units, mode, seen: AtomicU32::new(0) }
    }

    /// Before a release, by whoever drops the guard.
    pub fn released(&self, hold: Hold) {
        self.put_down(&hold);
    }

    fn put_down(&self, hold: &Hold) {
        let Some(mut inside) = enter() else { return };
        let context = &mut *inside;
        let lock = hold.lock;
        if context.modes.races() {
            self.clock.lock().released(&mut context.clock, self.release_mode(hold.mode));
        }
        let Some(owner) = hold.owner else { return };
        if context.owner() == owner {
            if let Some(held) = context.locks.put_down(lock, hold.mode) {
                tasks::released(context, &held);
                self.section_ended(context, hold, &held);
            }
        } else {
            self.roams.store(true, Ordering::Relaxed);
            holders::give_back(owner, lock, hold.mode);
        }
    }

    /// The hold is given up without a release (`forget`): the units are gone.
    pub fn forgotten(&self, hold: Hold) {
        self.put_down(&hold);
        self.tell_gone(hold.lock, hold.owner.is_some() && hold.units > 0);
    }

    fn tell_gone(&self, lock: LockId, gone: bool) {
        if !self.is_lock() && self.leaks.swap(gone, Ordering::Relaxed) != gone {
            let _inside = enter();
            waits::units_gone(lock, gone);
        }
    }

    /// Units are added (`add_permits`), before the real call.
    pub fn added(&self, units: usize, place: Place) {
        let _ = place;
        if units > 0 && self.leaks.load(Ordering::Relaxed) {
            let lock = enter().map(|mut inside| self.meta.lock_id(&mut inside));
            lock.into_iter().for_each(|lock| self.tell_gone(lock, false));
        }
        if let Some(mut inside) = enter()
            && inside.modes.races()
        {
            self.clock.lock().released(&mut inside.clock, Mode::Shared);
        }
    }

    /// Units are taken away for ever (`forget_permits`), after the real call.
    pub fn taken(&self, units: usize, place: Place) {
        let _ = (units, place);
    }

    /// The semaphore is closed: all waits end. Before the real call.
    pub fn closed(&self, place: Place) {
        self.added(0, place);
    }

    /// The wait for someone to do something about it: whoever that is.
    pub(crate) fn wants_anyone(&self) -> Target {
        let Some(mut inside) = enter() else { return Target::foreign() };
        Target::of(Wait::Once(self.meta.lock_id(&mut inside)))
    }

    /// The current owner learns what was published here.
    pub(crate) fn learned(&self) {
        if let Some(mut inside) = enter()
            && inside.modes.races()
        {
            self.clock.lock().acquired(&mut inside.clock, Mode::Exclusive);
        }
    }

    /// A writer becomes a reader, before the real call.
    pub fn downgraded(&self, hold: &mut Hold) {
        let Some(mut inside) = enter() else { return };
        let context = &mut *inside;
        if hold.owner == Some(context.owner()) {
            context.locks.downgrade(hold.lock);
        } else if let Some(owner) = hold.owner.take() {
            holders::give_back(owner, hold.lock, hold.mode);
        }
        if context.modes.races() {
            self.clock.lock().released(&mut context.clock, hold.mode);
        }
        hold.mode = Mode::Shared;
        hold.units = 1;
    }

    /// What is guarded is read or written through the guard (`Deref`, `DerefMut`). `owns`: it owns something
    /// ([`needs_drop`](std::mem::needs_drop)).
    #[inline]
    pub fn accessed(&self, hold: &Hold, write: bool, owns: bool, place: Place) {
        let seen = hold.seen.load(Ordering::Relaxed);
        if seen & WRITTEN == 0 && (write || seen & LOOKED == 0) {
            self.first_access(hold, write, owns, place);
        }
    }

    #[cold]
    fn first_access(&self, hold: &Hold, write: bool, owns: bool, place: Place) {
        let owned = if owns { OWNS } else { 0 };
        hold.seen.fetch_or(owned | if write { WRITTEN } else { LOOKED }, Ordering::Relaxed);
        let Some(mut inside) = enter() else { return };
        if hold.owner == Some(inside.owner()) {
            let site = inside.locks.site(place);
            inside.locks.accesses(hold.lock, write, site);
        }
    }

    /// A critical section has ended.
    fn section_ended(&self, context: &mut Context, hold: &Hold, held: &Carried) {
        if held.looked.is_none() && held.written.is_none() {
            return;
        }
        let section = Section { owner: context.owner(), taken: held.site, looked: held.looked, written: held.written };
        let Some(stale) = self.sections.lock().get_or_insert_default().ended(section) else { return };
        // One function has looked and writes: then the two belong together.
        if stacks::function(stale.looked).is_some_and(|look| stacks::function(stale.written) == Some(look)) {
            let owns = hold.seen.load(Ordering::Relaxed) & OWNS != 0;
            sink::report(context, stale.finding(hold.lock, owns, &LiveNames));
        }
    }
}

/// The bits of [`Hold::seen`].
const LOOKED: u32 = 1;
const WRITTEN: u32 = 2;
const OWNS: u32 = 4;

/// Does the task wait for something else at the same time? Then what it holds may belong to that part of it.
fn has_siblings(context: &Context) -> bool {
    context.frames.last().is_some_and(|frame| frame.has_siblings())
}

impl Hold {
    /// Part of a permit becomes one of its own (`split`).
    pub fn split(&mut self, units: u32) -> Self {
        self.units -= units;
        // The task holds one, which is put down with the first part.
        Self { owner: None, lock: self.lock, units, mode: self.mode, seen: AtomicU32::new(0) }
    }

    /// Two permits of one semaphore become one (`merge`).
    pub fn merge(&mut self, other: Self) {
        self.units += other.units;
        if self.owner.is_none() {
            self.owner = other.owner;
        }
    }

    /// Units held.
    #[must_use]
    pub const fn units(&self) -> u32 {
        self.units
    }
}
