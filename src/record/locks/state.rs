//! What a thread knows of the locks it holds and has held.

use std::ptr;

use super::ORDER;
use super::held::{Entry, Held, LAST_SITE, grow};
use super::pins::Pins;
use crate::analysis::lock_order::{HeldLock, KnownChains, Moment, extend};
use crate::analysis::wait_for::{Holding, Possession};
use crate::event::{Attempt, LockId, Mode, Object, ObjectKind, SiteId, ThreadId};
use crate::record::{Place, registry, stacks};

/// Places seen by one thread: a direct-mapped cache from address to id.
pub(super) struct Places([(usize, SiteId); Places::SIZE]);

impl Places {
    const SIZE: usize = 64;

    /// The id of a place that was here before.
    #[inline(always)]
    pub(super) fn seen(&self, place: Place) -> Option<SiteId> {
        let address = ptr::from_ref(place).addr();
        let slot = &self.0[(address >> 3) % Self::SIZE];
        if slot.0 == address { Some(slot.1) } else { None }
    }

    fn id(&mut self, place: Place) -> SiteId {
        let address = ptr::from_ref(place).addr();
        let slot = &mut self.0[(address >> 3) % Self::SIZE];
        if slot.0 == address {
            return slot.1;
        }
        *slot = (address, first_visit(place));
        slot.1
    }
}

#[cold]
#[inline(never)]
fn first_visit(place: Place) -> SiteId {
    let site = registry::site(place);
    stacks::capture_first(site);
    if site <= LAST_SITE { site } else { SiteId::UNKNOWN }
}

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
    /// Units of a semaphore, which is not in the order of locks; 0 of a lock.
    pub(crate) units: u32,
    /// When it was taken, among the waits of all tasks.
    pub(crate) ticket: u64,
    /// Where what is guarded was looked at first, before it was written, and where it was written first.
    pub(crate) looked: Option<SiteId>,
    pub(crate) written: Option<SiteId>,
}

impl Carried {
    fn holding(&self) -> Holding {
        let Self { lock, mode, site, possession, .. } = *self;
        Holding { lock, mode, site, ordinal: 0, possession }
    }
}

/// The owner of what a thread does, thread or task, and where it stands in the order of locks. A task takes it along from
/// poll to poll.
pub(crate) struct Line {
    pub(crate) owner: ThreadId,
    /// Start of its chain keys in its present segment.
    seed: u64,
    /// The lock-order graph knows the owner.
    pub(super) told: bool,
    /// Something was judged in this segment.
    pub(super) judged: bool,
    /// It has spawned tasks in this segment: nothing may be judged in it any more.
    forked: bool,
    /// What the graph is told of a task that it does not know yet: when it was spawned.
    base: Option<Moment>,
    /// This segment, once a task was spawned in it.
    moment: Option<Moment>,
    /// What it holds beside the stack, oldest first.
    pub(crate) carried: Vec<Carried>,
    /// What is on the stack, while another owner is at it.
    stack: Vec<Entry>,
}

impl Line {
    fn new(owner: ThreadId, seed: u64, told: bool, base: Option<Moment>) -> Self {
        let (carried, stack) = (Vec::new(), Vec::new());
        Self { owner, seed, told, judged: false, forked: false, base, moment: None, carried, stack }
    }

    /// Of a task that was spawned at this moment of its parent.
    pub(crate) fn of_task(task: ThreadId, base: Option<Moment>) -> Self {
        Self::new(task, extend(0, LockId(task.0), Mode::Exclusive), false, base)
    }

    /// Is there nothing in it that a new one would not have?
    pub(crate) fn is_new(&self) -> bool {
        !self.told && self.carried.is_empty() && self.stack.is_empty()
    }

    /// It no longer holds what it carried.
    pub(crate) fn put_down(&mut self, lock: LockId, mode: Mode) -> Option<Carried> {
        let place = self.carried.iter().rposition(|held| held.lock == lock && held.mode == mode);
        place.map(|place| self.carried.remove(place))
    }

    /// Blocking locks on the stack when their owner has ended: their guards were leaked.
    pub(crate) fn left(&self) -> Vec<LockId> {
        self.stack.iter().map(|entry| entry.lock()).collect()
    }

    /// Where blocking locks were taken that are held while another owner is at the stack.
    pub(crate) fn stacked(&self) -> impl Iterator<Item = (LockId, Mode, SiteId)> + '_ {
        self.stack.iter().map(|entry| entry.innermost())
    }

    /// Everything held, oldest first, while another owner is at the stack.
    pub(crate) fn holdings(&self) -> Vec<Holding> {
        let stacked = self.stacked().map(|(lock, mode, site)| Holding {
            lock,
            mode,
            site,
            ordinal: 0,
            possession: Possession::Own,
        });
        self.carried.iter().map(Carried::holding).chain(stacked).collect()
    }

    /// The graph's name for what the owner has done so far, if it knows the owner.
    pub(crate) fn is_told(&self) -> bool {
        self.told
    }

    /// Start of the keys with everything that is carried.
    fn start(&self) -> u64 {
        let locks = self.carried.iter().filter(|held| held.units == 0);
        locks.fold(self.seed, |chain, held| grow(chain, held.lock, held.mode))
    }
}

/// What a thread knows of the locks it holds and has held.
pub(crate) struct LockState {
    pub(super) line: Line,
    pub(super) held: Held,
    pub(super) known: KnownChains,
    pub(super) places: Places,
    pub(super) pins: Pins,
    /// Ids of destroyed locks that no one was told of.
    pub(super) spare_ids: Vec<u32>,
    /// Locks that were taken for the first time since the stack was last empty: the registry does not know them yet.
    pub(super) newcomers: Vec<Newcomer>,
}

/// A lock that the registry does not know yet, its kind, and where it was made.
type Newcomer = (LockId, ObjectKind, Place);

/// Pinned contexts kept when another owner is at it.
const PINS: usize = 256;

/// Newcomers kept beyond those that are held.
const NEWCOMERS: usize = 64;

impl LockState {
    /// `recorded`: are the thread's events recorded?
    pub(crate) fn new(thread: ThreadId, seed: u64, recorded: bool) -> Self {
        Self {
            line: Line::new(thread, seed, true, None),
            held: Held::new(seed, recorded),
            known: KnownChains::new(),
            places: Places([(0, SiteId::UNKNOWN); Places::SIZE]),
            pins: Pins::default(),
            spare_ids: Vec::new(),
            newcomers: Vec::new(),
        }
    }

    /// A new fork/join segment: chains judged in the old one are judged again, for their clock has changed.
    pub(crate) fn new_segment(&mut self, seed: u64) {
        self.line.seed = seed;
        self.line.judged = false;
        self.line.forked = false;
        self.line.moment = None;
        self.reseed();
        self.known.clear();
        self.pins.clear();
    }

    /// What is carried has changed.
    fn reseed(&mut self) {
        match self.line.carried.iter().any(|held| held.units == 0) {
            false => self.held.reseed(self.line.start()),
            true => self.held.reseed_below(self.line.start()),
        }
    }

    /// Who does what the thread does.
    #[inline]
    pub(crate) fn owner(&self) -> ThreadId {
        self.line.owner
    }

    /// Another owner is at it: `line` gets what the last one takes along.
    pub(crate) fn switch(&mut self, line: &mut Line) {
        self.line.stack = if self.held.is_empty() { Vec::new() } else { self.held.take() };
        std::mem::swap(&mut self.line, line);
        for entry in std::mem::take(&mut self.line.stack) {
            self.held.push(entry);
        }
        self.reseed();
        if self.pins.len() > PINS {
            self.pins.clear();
        }
    }

    /// The owner holds something more that is not on the stack.
    pub(crate) fn carry(&mut self, carried: Carried) {
        self.line.carried.push(carried);
        self.reseed();
    }

    /// The owner no longer holds it.
    pub(crate) fn put_down(&mut self, lock: LockId, mode: Mode) -> Option<Carried> {
        let held = self.line.put_down(lock, mode)?;
        self.reseed();
        Some(held)
    }

    /// The owner looks at what this guards, or writes it.
    pub(crate) fn accesses(&mut self, lock: LockId, write: bool, site: SiteId) {
        let Some(held) = self.line.carried.iter_mut().rfind(|held| held.lock == lock) else { return };
        if write {
            held.written.get_or_insert(site);
        } else if held.written.is_none() {
            held.looked.get_or_insert(site);
        }
    }

    /// What the owner carries exclusively is shared from now on.
    pub(crate) fn downgrade(&mut self, lock: LockId) {
        let carried = self.line.carried.iter_mut().rfind(|held| held.lock == lock);
        if let Some(held) = carried {
            held.mode = Mode::Shared;
            self.reseed();
        }
    }

    /// The owner, once the graph knows it.
    pub(crate) fn told_owner(&mut self) -> ThreadId {
        self.tell();
        self.line.owner
    }

    /// The moment at which the owner spawns a task, for the task's line.
    pub(crate) fn spawns(&mut self) -> Option<Moment> {
        if !self.line.told {
            return self.line.base.clone();
        }
        let owner = self.line.owner;
        let moment = self.line.moment.get_or_insert_with(|| ORDER.lock().moment(owner)).clone();
        if self.line.judged {
            self.advance();
        } else {
            self.line.forked = true;
        }
        Some(moment)
    }

    /// The owner has seen the end of a task that the graph knows.
    pub(crate) fn joined(&mut self, task: ThreadId) {
        self.tell();
        let seed = {
            let mut order = ORDER.lock();
            order.joined(self.line.owner, task);
            order.seed(self.line.owner)
        };
        self.new_segment(seed);
    }

    /// Something is about to be judged: the graph knows the owner, and what was spawned before comes before it.
    pub(super) fn about_to_judge(&mut self) {
        self.tell();
        if self.line.forked {
            self.advance();
        }
        self.line.judged = true;
    }

    fn tell(&mut self) {
        if !self.line.told {
            ORDER.lock().begin_after(self.line.owner, self.line.base.take().as_ref());
            self.line.told = true;
        }
    }

    fn advance(&mut self) {
        let seed = ORDER.lock().advance(self.line.owner);
        self.new_segment(seed);
    }

    /// All that the owner holds, for the graph.
    pub(super) fn all_held(&self) -> Vec<HeldLock> {
        let carried = self.line.carried.iter().filter(|held| held.units == 0);
        let carried = carried.map(|&Carried { lock, mode, site, attempt, .. }| HeldLock { lock, mode, site, attempt });
        carried.chain(self.held.locks()).collect()
    }

    pub(super) fn add_newcomer(&mut self, newcomer: Newcomer) {
        if self.newcomers.len() > self.held.len() + NEWCOMERS {
            // Only those still held can be asked for.
            let held: Vec<LockId> = self.left();
            self.newcomers.retain(|(newcomer, ..)| held.contains(newcomer));
        }
        self.newcomers.push(newcomer);
    }

    #[inline(always)]
    pub(crate) fn site(&mut self, place: Place) -> SiteId {
        self.places.id(place)
    }

    /// What is held now, oldest first, for the wait graph.
    pub(crate) fn holdings(&self) -> Vec<Holding> {
        let mut all = self.held.holdings();
        if !self.line.carried.is_empty() {
            all.splice(0..0, self.line.carried.iter().map(Carried::holding));
        }
        all
    }

    /// The registry gets to know a lock that was on the stack a moment ago.
    pub(crate) fn describe(&self, lock: LockId) {
        if let Some(&(_, kind, created)) = self.newcomers.iter().rfind(|(newcomer, ..)| *newcomer == lock) {
            registry::describe(Object::Lock(lock), kind, Some(created));
        }
    }

    /// Does the owner hold a lock?
    pub(crate) fn holds_any(&self) -> bool {
        !self.held.is_empty() || self.line.carried.iter().any(|held| held.units == 0)
    }

    /// Does the owner hold this lock of tasks?
    pub(super) fn carries(&self, lock: LockId) -> bool {
        self.line.carried.iter().any(|held| held.lock == lock)
    }

    /// Locks still on the stack when the thread ends: their guards were leaked.
    pub(crate) fn left(&self) -> Vec<LockId> {
        self.held.iter().map(|entry| entry.lock()).collect()
    }

    /// The lock taken last, of those held.
    #[inline]
    pub(crate) fn innermost(&self) -> Option<(LockId, Mode, SiteId)> {
        self.held.innermost().or_else(|| self.line.carried.last().map(|held| (held.lock, held.mode, held.site)))
    }
}
