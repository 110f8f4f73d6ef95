//! What a thread knows of the locks it holds and has held.

use super::ORDER;
use super::carry::Carried;
use super::heir::Heir;
use super::held::{Entry, Held, grow};
use super::meta::LockMeta;
use super::pins::Pins;
use super::places::Places;
use crate::analysis::lock_order::{HeldLock, KnownChains, Map, Moment, extend};
use crate::analysis::wait_for::{Holding, Possession};
use crate::event::{LockId, Mode, Object, ObjectKind, SiteId, ThreadId};
use crate::record::log::ThreadLog;
use crate::record::{Place, registry};

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
    /// What is on the stack, if that is anything, while another owner is at it.
    aside: Option<Box<Aside>>,
}

/// Entries of the stack, oldest first, that are none of the present owner's. In a box: hardly any owner is left with something
/// on the stack.
struct Aside(Vec<Entry>);

impl Line {
    fn new(owner: ThreadId, seed: u64, told: bool, base: Option<Moment>) -> Self {
        let carried = Vec::new();
        Self { owner, seed, told, judged: false, forked: false, base, moment: None, carried, aside: None }
    }

    /// Of a task that was spawned at this moment of its parent.
    #[inline]
    fn of_task(task: ThreadId, base: Option<Moment>) -> Self {
        Self::new(task, extend(0, LockId(task.0), Mode::Exclusive), false, base)
    }

    /// Is there nothing in it that a new one would not have?
    fn is_new(&self) -> bool {
        !self.told && self.carried.is_empty() && self.aside.is_none()
    }

    fn aside(&self) -> impl Iterator<Item = &Entry> {
        self.aside.iter().flat_map(|aside| &aside.0)
    }

    /// It no longer holds what it carried.
    pub(crate) fn put_down(&mut self, lock: LockId, mode: Mode) -> Option<Carried> {
        let place = self.carried.iter().rposition(|held| held.lock == lock && held.mode == mode);
        place.map(|place| self.carried.remove(place))
    }

    /// Blocking locks on the stack when their owner has ended: their guards were leaked.
    pub(crate) fn left(&self) -> Vec<LockId> {
        self.aside().map(|entry| entry.lock()).collect()
    }

    /// Where blocking locks were taken that are held while another owner is at the stack.
    pub(crate) fn stacked(&self) -> impl Iterator<Item = (LockId, Mode, SiteId)> + '_ {
        self.aside().map(|entry| entry.innermost())
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

    /// All that the owner holds, with what is on the stack, for the graph.
    pub(super) fn all_with<'a>(&'a self, held: &'a Held) -> impl Iterator<Item = HeldLock> + 'a {
        let carried = self.carried.iter().filter(|held| held.units == 0);
        let carried = carried.map(|&Carried { lock, mode, site, attempt, .. }| HeldLock { lock, mode, site, attempt });
        carried.chain(held.iter().map(Entry::report))
    }

    /// Start of the keys with everything that is carried.
    #[inline]
    pub(super) fn start(&self) -> u64 {
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
    pub(super) heir: Heir,
    /// The last chain that the front of `known` did not have was new.
    pub(super) expects_new: bool,
    /// The last chain for which the graph's memory was asked for.
    prepared: u64,
    /// Where the graph has what it will be asked for.
    pub(super) map: Map,
}

/// A lock that the registry does not know yet, its kind, and where it was made.
type Newcomer = (LockId, ObjectKind, Place);

/// Pinned contexts kept when another owner is at it.
const PINS: usize = 256;

/// Newcomers kept beyond those that are held.
const NEWCOMERS: usize = 64;

impl LockState {
    /// `log` is the thread's part of a trace, if one is recorded.
    pub(crate) fn new(thread: ThreadId, seed: u64, log: Option<&ThreadLog>) -> Self {
        Self {
            line: Line::new(thread, seed, true, None),
            held: Held::new(seed),
            known: KnownChains::new(),
            places: Places::new(log),
            pins: Pins::default(),
            spare_ids: Vec::new(),
            newcomers: Vec::new(),
            heir: Heir::NONE,
            expects_new: false,
            prepared: 0,
            map: Map::NONE,
        }
    }

    /// A new fork/join segment: chains judged in the old one are judged again, for their clock has changed.
    pub(crate) fn new_segment(&mut self, seed: u64) {
        self.drop_heir();
        self.line.seed = seed;
        self.line.judged = false;
        self.line.forked = false;
        self.line.moment = None;
        self.reseed();
        self.known.clear();
        self.pins.clear();
    }

    /// What is carried has changed.
    #[inline(always)]
    pub(super) fn reseed(&mut self) {
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

    /// Another owner is at it, who has been there before. Gives what the last one takes along. (Here and below,
    /// [`Context::hands_over`](super::super::context::Context::hands_over) comes first.)
    pub(crate) fn resume(&mut self, line: Line) -> Line {
        self.put_aside();
        let last = std::mem::replace(&mut self.line, line);
        self.take_up();
        last
    }

    /// A task is at it of which nothing was kept; it was spawned at this moment of its parent. Gives what the last owner takes
    /// along.
    #[inline]
    pub(crate) fn begin_task(&mut self, task: ThreadId, base: Option<Moment>) -> Line {
        self.put_aside();
        // In its place, with nothing moved: this is what most polls begin with.
        let last = std::mem::replace(&mut self.line, Line::of_task(task, base));
        self.held.reseed(self.line.seed);
        self.limit_pins();
        last
    }

    /// The owner outside of a poll is at it again. Gives what is to be kept of the task: its line, or else what its next one
    /// [begins with](Self::begin_task).
    #[inline]
    pub(crate) fn end_task(&mut self, outer: Line) -> Result<Line, Option<Moment>> {
        self.put_aside();
        let kept = match self.line.is_new() {
            true => {
                let base = self.line.base.take();
                self.line = outer;
                Err(base)
            }
            false => Ok(std::mem::replace(&mut self.line, outer)),
        };
        self.take_up();
        kept
    }

    #[inline]
    fn put_aside(&mut self) {
        if !self.held.is_empty() {
            self.line.aside = Some(Box::new(Aside(self.held.take())));
        }
    }

    #[inline]
    fn take_up(&mut self) {
        if let Some(aside) = self.line.aside.take() {
            aside.0.into_iter().for_each(|entry| self.held.push(entry));
        }
        self.reseed();
        self.limit_pins();
    }

    #[inline]
    fn limit_pins(&mut self) {
        if self.pins.len() > PINS {
            self.drop_heir();
            self.pins.clear();
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

    pub(super) fn add_newcomer(&mut self, newcomer: Newcomer) {
        if self.newcomers.len() > self.held.len() + NEWCOMERS {
            // Only those still held can be asked for.
            let held: Vec<LockId> = self.left();
            self.drop_heir();
            self.newcomers.retain(|(newcomer, ..)| held.contains(newcomer));
        }
        self.newcomers.push(newcomer);
    }

    /// Nothing is held, so no newcomer can be asked for any more.
    pub(super) fn clear_newcomers(&mut self) {
        if !self.newcomers.is_empty() {
            self.drop_heir();
            self.newcomers.clear();
        }
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

    /// Was the chain of a request for the lock below what is held judged before?
    #[inline]
    pub(super) fn knows(&mut self, meta: &LockMeta, chain: u64) -> bool {
        let place = self.held.place(meta.address());
        self.known.known_at(chain, place)
    }

    /// The chain of a request for the lock below what is held has been judged.
    pub(super) fn learn(&mut self, meta: &LockMeta, chain: u64) {
        let place = self.held.place(meta.address());
        meta.set_chained();
        self.known.insert_at(chain, place);
    }

    /// Asks for what the graph will look at to judge the chain of a request for the lock, if that was not done already.
    #[inline(always)]
    pub(super) fn prepare(&mut self, lock: LockId, chain: u64) {
        if self.prepared != chain {
            self.prepared = chain;
            self.map.prefetch(lock);
            self.pins.prefetch(self.held.top_chain());
            // Of a thread that holds many locks, the rest is asked for by these.
            self.held.iter().rev().take(4).for_each(|entry| self.map.prefetch(entry.lock()));
        }
    }

    /// Does the owner hold a lock?
    pub(crate) fn holds_any(&self) -> bool {
        !self.held.is_empty() || self.line.carried.iter().any(|held| held.units == 0)
    }

    /// Locks still on the stack when the thread ends: their guards were leaked.
    pub(crate) fn left(&self) -> Vec<LockId> {
        self.held.iter().map(|entry| entry.lock()).collect()
    }

    pub(super) fn holds(&self, lock: LockId) -> bool {
        self.held.iter().any(|entry| entry.lock() == lock)
    }

    /// The lock taken last, of those held.
    #[inline]
    pub(crate) fn innermost(&self) -> Option<(LockId, Mode, SiteId)> {
        self.held.innermost().or_else(|| self.line.carried.last().map(|held| (held.lock, held.mode, held.site)))
    }
}

impl Drop for LockState {
    fn drop(&mut self) {
        self.drop_heir();
    }
}
