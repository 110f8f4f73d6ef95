//! Hooks of semaphores of tasks, and of the locks that are made of them: tokio's `Mutex` has one unit, its `RwLock` many.
//!
//! What is held belongs to the task that acquired it. Its guard may be dropped anywhere, so it carries a [`Hold`], which says
//! whose it is.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use parking_lot::Mutex;

use super::cells::Edge;
use super::context::{self, Context, Current, enter};
use super::locks::{self, Acquisition, Carried, LockMeta};
use super::registry::LiveNames;
use super::tasks::{self, Target, holders};
use super::{Place, sink, stacks, statics, waits};
use crate::analysis::happens_before::LockClock;
use crate::analysis::sections::{Section, Sections, looks_by_itself};
use crate::analysis::wait_for::{Possession, Wait};
use crate::event::{Attempt, LockId, Mode, Names as _, ObjectKind, Op, Order, SiteId, ThreadId};
use crate::report;

/// What a wrapper keeps beside a semaphore, or a lock made of one.
pub struct SemaphoreMeta {
    meta: LockMeta,
    /// A hold was given back by someone who had not acquired it: so guards of this one travel.
    roams: AtomicBool,
    /// Units were thrown away, and none were added since.
    leaks: AtomicBool,
    clock: Mutex<LockClock>,
    /// Somebody who had something to tell has published in `clock`. Until then nothing is to be learned there.
    told: AtomicBool,
    sections: Mutex<Option<Box<Sections>>>,
    /// `sections` remembers a look: until then a write is nothing to it.
    looks: AtomicBool,
    /// The last section that `sections` was told of, if that only looked.
    last_look: LastLook,
    edge: Edge,
}

// Nothing of the user's runs under its locks: a panic finds it whole.
impl std::panic::UnwindSafe for SemaphoreMeta {}
impl std::panic::RefUnwindSafe for SemaphoreMeta {}

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

/// A section that looked and did not write: its owner, where it took the lock, and where it looked. The same once more says
/// nothing new.
///
/// Written under the lock of the sections, in each of which a writer is alone: so it is read whole by who holds the lock
/// exclusively, and by nobody else.
struct LastLook([AtomicU32; 3]);

impl LastLook {
    const fn new() -> Self {
        Self([const { AtomicU32::new(0) }; 3])
    }

    fn set(&self, section: &Section) {
        let looked = section.looked.filter(|_| section.written.is_none()).unwrap_or(SiteId::UNKNOWN);
        for (place, now) in self.0.iter().zip([section.owner.0, section.taken.0, looked.0]) {
            place.store(now, Ordering::Relaxed);
        }
    }

    #[inline(always)]
    fn is(&self, owner: ThreadId, taken: SiteId, looked: SiteId) -> bool {
        let now = [owner.0, taken.0, looked.0];
        looked != SiteId::UNKNOWN && self.0.iter().zip(now).all(|(place, now)| place.load(Ordering::Relaxed) == now)
    }
}

/// Whose a hold is, and of what: one word, for it is taken apart right after it comes out of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Holder(u64);

impl Holder {
    const NOBODY: Self = Self(u64::MAX);

    #[inline]
    fn new(owner: ThreadId, lock: LockId) -> Self {
        Self(u64::from(owner.0) << 32 | u64::from(lock.0))
    }

    #[inline]
    fn hold(self, units: u32, mode: Mode) -> Hold {
        let (owner, lock) = match self == Self::NOBODY {
            true => (None, LockId(0)),
            false => (Some(ThreadId((self.0 >> 32) as u32)), LockId(self.0 as u32)),
        };
        Hold { owner, lock, units, mode, seen: AtomicU32::new(0) }
    }
}

impl SemaphoreMeta {
    /// A semaphore ([`ObjectKind::Semaphore`]), or a lock ([`ObjectKind::Mutex`], [`ObjectKind::RwLock`]), made at `created`.
    #[must_use]
    pub const fn new(kind: ObjectKind, created: Place) -> Self {
        Self {
            meta: LockMeta::new(kind, created),
            roams: AtomicBool::new(false),
            leaks: AtomicBool::new(false),
            clock: Mutex::new(LockClock::new()),
            told: AtomicBool::new(false),
            sections: Mutex::new(None),
            looks: AtomicBool::new(false),
            last_look: LastLook::new(),
            edge: Edge::new(),
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

    #[inline]
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
            if !context.frames.is_empty() {
                context.emit(Op::Request { lock, mode }, place);
            }
        }
        Target::of(Wait::Lock { lock, mode, upgrade: false })
    }

    /// The wait of an upgradable reader, which holds the lock ([`Mode::Upgradable`]), to become the writer.
    #[must_use]
    pub fn wants_upgrade(&self, place: Place) -> Target {
        let _ = self.wants(1, Mode::Exclusive, place);
        self.upgrades()
    }

    /// The same, of a writer that was [wanted](Self::wants) as such and holds the lock upgradably on its way: that makes no order
    /// of its own.
    #[must_use]
    pub fn upgrades(&self) -> Target {
        let Some(mut inside) = enter() else { return Target::foreign() };
        Target::of(Wait::Lock { lock: self.meta.lock_id(&mut inside), mode: Mode::Exclusive, upgrade: true })
    }

    /// After an acquisition. `owned`: the guard borrows nothing, and may go anywhere (`lock_owned`): then who holds it is
    /// only a guess.
    #[inline]
    pub fn acquired(&self, units: u32, mode: Mode, attempt: Attempt, owned: bool, place: Place) -> Hold {
        let possession = if owned { Possession::Roaming } else { Possession::Own };
        // Units of a lock do not count.
        let counted = if self.is_lock() { 0 } else { units };
        let may_leave = !owned && statics::contain((&raw const *self).addr());
        let how = Acquisition { mode, attempt, possession, may_leave, units: counted };
        self.taken(context::current(), how, place).hold(units, mode)
    }

    /// A call of its own, as those of the blocking locks.
    #[inline(never)]
    fn taken(&self, current: Current, how: Acquisition, place: Place) -> Holder {
        self.taken_again(current, how, place).unwrap_or_else(|| self.taken_slow(how, place))
    }

    /// The hot path: nothing about the acquisition is new, and nothing is to be learned. `None`, and nothing done, if not.
    #[inline(always)]
    fn taken_again(&self, current: Current, how: Acquisition, place: Place) -> Option<Holder> {
        // SAFETY: `current` comes from the caller's caller, and nothing is called below but arithmetic on the context and
        // the lock's own words.
        let context = unsafe { current.hot() }?;
        if context.modes.record() || !context.frames.last()?.is_quiet_holder() {
            return None;
        }
        if self.roams.load(Ordering::Relaxed) || (context.modes.races() && self.told.load(Ordering::Relaxed)) {
            return None;
        }
        let lock = locks::carry_known(context, &self.meta, how, place)?;
        Some(Holder::new(context.owner(), lock))
    }

    #[cold]
    fn taken_slow(&self, mut how: Acquisition, place: Place) -> Holder {
        let Some(mut inside) = enter() else { return Holder::NOBODY };
        let context = &mut *inside;
        let site = context.locks.site(place);
        self.edge.tell(context, Order::Acquire, place);
        // In a poll of which nobody was told, the thread is not who holds it.
        if context.frames.is_empty() && !context.blocking {
            self.learn(context, how.mode);
            return Holder::NOBODY;
        }
        if self.roams.load(Ordering::Relaxed) {
            how.possession = Possession::Roaming;
        }
        // Beside a sibling, it is not known whose the other locks are: then this one makes no order.
        if has_siblings(context) {
            how.attempt = Attempt::Try;
        }
        let lock = locks::carried(context, &self.meta, how, site);
        holders::holds(context);
        if self.is_lock() {
            context.emit(Op::Acquired { lock, mode: how.mode, attempt: how.attempt }, place);
        }
        self.learn(context, how.mode);
        Holder::new(context.owner(), lock)
    }

    /// Before a release, by whoever drops the guard.
    #[inline]
    pub fn released(&self, hold: &Hold) {
        self.put_down(context::current(), hold);
    }

    /// A call of its own, as those of the blocking locks.
    #[inline(never)]
    fn put_down(&self, current: Current, hold: &Hold) {
        if !self.put_down_quietly(current, hold) {
            self.put_down_slow(hold);
        }
    }

    /// The hot path: it is the newest hold of who releases it, and there is nothing to tell. False, and nothing done, if not.
    #[inline(always)]
    fn put_down_quietly(&self, current: Current, hold: &Hold) -> bool {
        // SAFETY: as in `taken_again`.
        let Some(context) = (unsafe { current.hot() }) else { return false };
        let owner = context.owner();
        if context.modes.record() || hold.owner != Some(owner) || (context.modes.races() && !context.clock.is_trivial())
        {
            return false;
        }
        let Some(held) = context.locks.newest_carried(hold.lock, hold.mode) else { return false };
        // What was written in a future that is dropped is looked at; and a section says what was done in it, if that is new.
        let quiet = match (held.looked, held.written) {
            (_, Some(_)) => {
                let whole = context.frames.last().is_some_and(|frame| !frame.may_cut_off(held.ticket));
                whole && !self.looks.load(Ordering::Relaxed)
            }
            (Some(looked), None) => hold.mode == Mode::Exclusive && self.last_look.is(owner, held.site, looked),
            (None, None) => true,
        };
        if quiet {
            context.locks.put_down_newest();
        }
        quiet
    }

    #[cold]
    fn put_down_slow(&self, hold: &Hold) {
        let Some(mut inside) = enter() else { return };
        let context = &mut *inside;
        let lock = hold.lock;
        self.edge.tell(context, Order::AcqRel, self.meta.created());
        if self.is_lock() && hold.owner.is_some() {
            context.emit(Op::Released { lock, mode: hold.mode }, self.meta.created());
        }
        self.publish(context, self.release_mode(hold.mode));
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
    pub fn forgotten(&self, hold: &Hold) {
        self.put_down(context::current(), hold);
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
        if units > 0 && self.leaks.load(Ordering::Relaxed) {
            let lock = enter().map(|mut inside| self.meta.lock_id(&mut inside));
            lock.into_iter().for_each(|lock| self.tell_gone(lock, false));
        }
        let Some(mut inside) = enter() else { return };
        self.edge.tell(&mut inside, Order::AcqRel, place);
        self.publish(&mut inside, Mode::Shared);
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
        let Some(mut inside) = enter() else { return };
        self.edge.tell(&mut inside, Order::Acquire, self.meta.created());
        self.learn(&mut inside, Mode::Exclusive);
    }

    /// What was published here happens before what the owner does next. Whoever published it did so before the real release,
    /// which the owner has seen: so the flag is up to date.
    #[inline]
    fn learn(&self, context: &mut Context, mode: Mode) {
        if context.modes.races() && self.told.load(Ordering::Relaxed) {
            self.clock.lock().acquired(&mut context.clock, mode);
        }
    }

    /// What the owner did happens before what the next ones do. Who has nothing to tell adds nothing, and leaves what there
    /// is as it is: it comes before the next ones in any case.
    #[inline]
    fn publish(&self, context: &mut Context, mode: Mode) {
        if context.modes.races() && !context.clock.is_trivial() {
            let mut clock = self.clock.lock();
            clock.released(&mut context.clock, mode);
            if !self.told.load(Ordering::Relaxed) {
                self.told.store(true, Ordering::Relaxed);
            }
        }
    }

    /// A writer becomes a reader, or an upgradable one, or this one a mere reader; before the real call.
    pub fn downgraded(&self, hold: &mut Hold, mode: Mode) {
        let Some(mut inside) = enter() else { return };
        let context = &mut *inside;
        if hold.owner == Some(context.owner()) {
            context.locks.downgrade(hold.lock, mode);
        } else if let Some(owner) = hold.owner.take() {
            holders::give_back(owner, hold.lock, hold.mode);
        }
        self.edge.tell(context, Order::AcqRel, self.meta.created());
        if hold.owner.is_some() {
            context.emit(Op::Released { lock: hold.lock, mode: hold.mode }, self.meta.created());
            let attempt = Attempt::Try;
            context.emit(Op::Acquired { lock: hold.lock, mode, attempt }, self.meta.created());
        }
        self.publish(context, hold.mode);
        hold.mode = mode;
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

    /// A call of its own, as those of the blocking locks.
    #[inline(never)]
    fn first_access(&self, hold: &Hold, write: bool, owns: bool, place: Place) {
        let current = context::current();
        let owned = if owns { OWNS } else { 0 };
        // Writers are alone, and readers set the same bits: nothing is lost.
        let seen = hold.seen.load(Ordering::Relaxed);
        hold.seen.store(seen | owned | if write { WRITTEN } else { LOOKED }, Ordering::Relaxed);
        // SAFETY: nothing has been called since `current`, and nothing is below but arithmetic on the context.
        let known = unsafe { current.hot() }.is_some_and(|context| {
            hold.owner == Some(context.owner()) && context.locks.accesses_newest(hold.lock, write, place)
        });
        if !known {
            self.first_access_slow(hold, write, place);
        }
    }

    #[cold]
    fn first_access_slow(&self, hold: &Hold, write: bool, place: Place) {
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
        // Holds that exclude one another are ordered by the lock itself, so a writer finds what earlier holders left here.
        if held.written.is_some() && !self.looks.load(Ordering::Relaxed) {
            return;
        }
        let section = Section { owner: context.owner(), taken: held.site, looked: held.looked, written: held.written };
        let stale = {
            let mut sections = self.sections.lock();
            let sections = sections.get_or_insert_default();
            let stale = sections.ended(section);
            self.looks.store(sections.has_looks(), Ordering::Relaxed);
            self.last_look.set(&section);
            stale
        };
        let Some(stale) = stale else { return };
        // One function has looked and writes: then the two belong together.
        if stacks::function(stale.looked).is_some_and(|look| stacks::function(stale.written) == Some(look)) {
            let owns = hold.seen.load(Ordering::Relaxed) & OWNS != 0;
            let statement = report::statement(&LiveNames.site(stale.written));
            if owns && statement.is_some_and(|statement| looks_by_itself(&statement)) {
                return;
            }
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
