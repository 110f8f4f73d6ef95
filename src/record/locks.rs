//! Hooks of everything that is held: mutexes, reader-writer locks, reentrant mutexes, running initialisers.
//!
//! The hot path, a lock taken before in this held context, touches only the thread's own memory: a push and a pop on the
//! held stack, and below another lock one look into the filter of known chains.

use std::cell::UnsafeCell;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use super::context::{Context, enter};
use super::registry::{self, Ids, LiveNames, UNWATCHED};
use super::{Place, sink, stacks, waits};
use crate::analysis::happens_before::{LockClock, SyncClock};
use crate::analysis::lock_order::{ContextId, Hazard, HeldLock, KnownChains, LockOrder, extend};
use crate::analysis::wait_for::{Holding, Wait};
use crate::event::{Attempt, LockId, Mode, Object, ObjectKind, SiteId};

static LOCK_IDS: Ids = Ids::new();

/// The lock-order graph of the process. Taken only for what is new.
pub(crate) static ORDER: LazyLock<Mutex<LockOrder>> = LazyLock::new(Mutex::default);

/// What a wrapper keeps beside the real lock.
///
/// `Drop` tells the lock-order graph, so it stands in the wrapper as a field: the wrapper itself has no `Drop` and can be
/// taken apart, and the user's type is dropped as it would be without us.
pub(crate) struct LockMeta {
    /// 0 until the first acquisition.
    id: AtomicU32,
    kind: ObjectKind,
    /// [`FRESH`], or that the graph knows the lock.
    standing: AtomicU8,
    /// While fresh: the one held context in which the lock was ever taken (0: none). See [`LockState::fresh`].
    context: AtomicU32,
    /// While fresh: where it was taken in that context.
    context_site: AtomicU32,
    created: Place,
    /// Recorded traces: thread and position of the last exclusive release.
    last: AtomicU64,
    /// What the last exclusive release published. Touched only while the lock is held exclusively, and read by readers.
    clock: UnsafeCell<SyncClock>,
}

/// The lock was never held while another was taken, so it has no edge out and needs no node yet.
const FRESH: u8 = 0;
/// The lock has a node in the graph.
const KNOWN: u8 = 1;

// SAFETY: `clock` is written only by `LockMeta::clock_mut`, whose callers hold the lock exclusively, and read by holders
// in any mode; the lock itself orders these. Everything else is atomic or immutable.
unsafe impl Sync for LockMeta {}
impl UnwindSafe for LockMeta {}
impl RefUnwindSafe for LockMeta {}

impl LockMeta {
    pub(crate) const fn new(kind: ObjectKind, created: Place) -> Self {
        Self {
            id: AtomicU32::new(0),
            kind,
            standing: AtomicU8::new(FRESH),
            context: AtomicU32::new(0),
            context_site: AtomicU32::new(0),
            created,
            last: AtomicU64::new(0),
            clock: UnsafeCell::new(SyncClock::new()),
        }
    }

    #[inline]
    pub(crate) fn id(&self) -> LockId {
        LockId(registry::id_in(&self.id, &LOCK_IDS))
    }

    /// Gives the lock a name for reports.
    pub(crate) fn set_name(&self, name: &str) {
        let _inside = enter();
        registry::name(Object::Lock(self.id()), self.kind, Some(self.created), name);
    }

    fn describe(&self) {
        registry::describe(Object::Lock(self.id()), self.kind, Some(self.created));
    }

    /// # Safety
    ///
    /// The caller holds the lock in some mode.
    #[inline]
    unsafe fn clock(&self) -> &SyncClock {
        // SAFETY: writers hold the lock exclusively, the caller holds it, so none writes now.
        unsafe { &*self.clock.get() }
    }

    /// # Safety
    ///
    /// The caller holds the lock exclusively, and keeps the reference no longer than that.
    #[inline]
    #[allow(clippy::mut_from_ref, reason = "guarded by the lock that this describes")]
    unsafe fn clock_mut(&self) -> &mut SyncClock {
        // SAFETY: the caller's exclusive hold makes this the only reference.
        unsafe { &mut *self.clock.get() }
    }
}

impl Drop for LockMeta {
    #[inline]
    fn drop(&mut self) {
        if *self.id.get_mut() != 0 && (*self.context.get_mut() != 0 || *self.standing.get_mut() == KNOWN) {
            self.died();
        }
    }
}

/// One held lock of this thread.
pub(crate) struct Entry {
    lock: LockId,
    site: SiteId,
    /// Chain key of the stack up to and with this entry; 0 until it is needed.
    chain: u64,
    created: Place,
    kind: ObjectKind,
    mode: Mode,
    attempt: Attempt,
    /// The graph knows the lock; so it does as soon as something is taken above it.
    known: bool,
    /// The lock's [`LockMeta::only_taken`] when it was taken, if it was fresh.
    before: (u32, u32),
}

/// Places seen by one thread: a direct-mapped cache from address to id.
struct Places([(usize, SiteId); Places::SIZE]);

impl Places {
    const SIZE: usize = 64;

    #[inline(always)]
    fn id(&mut self, place: Place) -> SiteId {
        let address = std::ptr::from_ref(place).addr();
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
    site
}

/// What a thread knows of the locks it holds and has held.
pub(crate) struct LockState {
    held: Vec<Entry>,
    known: KnownChains,
    seed: u64,
    places: Places,
    /// Contexts that the graph has an id for, by chain.
    contexts: FxHashMap<u64, ContextId>,
}

impl LockState {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            held: Vec::with_capacity(16),
            known: KnownChains::new(),
            seed,
            places: Places([(0, SiteId::UNKNOWN); Places::SIZE]),
            contexts: FxHashMap::default(),
        }
    }

    /// A new fork/join segment: chains judged in the old one are judged again, for their clock has changed.
    pub(crate) fn new_segment(&mut self, seed: u64) {
        self.seed = seed;
        self.known.clear();
        self.contexts.clear();
        for entry in &mut self.held {
            entry.chain = 0;
        }
    }

    #[inline(always)]
    pub(crate) fn site(&mut self, place: Place) -> SiteId {
        self.places.id(place)
    }

    /// What is held now, oldest first, for the wait graph.
    pub(crate) fn holdings(&self) -> Vec<Holding> {
        let holding = |entry: &Entry| Holding { lock: entry.lock, mode: entry.mode, site: entry.site, ordinal: 0 };
        self.held.iter().map(holding).collect()
    }

    /// Locks still on the stack when the thread ends: their guards were leaked.
    pub(crate) fn left(&self) -> Vec<LockId> {
        self.held.iter().map(|entry| entry.lock).collect()
    }

    /// The lock taken last, of those held.
    #[inline]
    pub(crate) fn innermost(&self) -> Option<(LockId, Mode, SiteId)> {
        self.held.last().map(|entry| (entry.lock, entry.mode, entry.site))
    }

    pub(crate) fn holds(&self, lock: LockId) -> bool {
        self.held.iter().any(|entry| entry.lock == lock)
    }

    fn held_locks(&self) -> Vec<HeldLock> {
        let held = |entry: &Entry| HeldLock { lock: entry.lock, mode: entry.mode, site: entry.site, attempt: entry.attempt };
        self.held.iter().map(held).collect()
    }

    /// Chain key of the whole stack; computes the missing ones from below.
    #[inline]
    fn chain(&mut self) -> u64 {
        match self.held.last() {
            None => self.seed,
            Some(top) if top.chain != 0 => top.chain,
            Some(_) => self.rechain(),
        }
    }

    fn rechain(&mut self) -> u64 {
        let mut chain = self.seed;
        for entry in &mut self.held {
            if entry.chain == 0 {
                entry.chain = grow(chain, entry.lock, entry.mode);
            }
            chain = entry.chain;
        }
        chain
    }

    /// Takes the entry off the stack; the newest of this lock and mode, wherever it stands.
    #[inline(always)]
    fn pop(&mut self, lock: LockId, mode: Mode) -> Option<Entry> {
        match self.held.last() {
            Some(top) if top.lock == lock && top.mode == mode => self.held.pop(),
            _ => self.remove(lock, mode),
        }
    }

    #[cold]
    #[inline(never)]
    fn remove(&mut self, lock: LockId, mode: Mode) -> Option<Entry> {
        let place = self.held.iter().rposition(|entry| entry.lock == lock && entry.mode == mode)?;
        for entry in &mut self.held[place + 1..] {
            entry.chain = 0;
        }
        Some(self.held.remove(place))
    }
}

/// The chain key with one lock more; never 0, which means "not computed".
#[inline(always)]
fn grow(chain: u64, lock: LockId, mode: Mode) -> u64 {
    extend(chain, lock, mode) | 1
}

/// Before an acquisition that will have to wait: judges the order, so that a report precedes the hang, and enters the
/// wait. The wait lasts until the token is dropped.
#[cold]
#[inline(never)]
pub(crate) fn request(meta: &LockMeta, mode: Mode, upgrade: bool, place: Place) -> Option<waits::Waiting> {
    let mut inside = enter()?;
    let lock = meta.id();
    let site = inside.locks.site(place);
    meta.describe();
    // A lock that the thread holds makes no edge to itself: that wait is judged by the wait graph, just below.
    if inside.modes.order() && !inside.locks.held.is_empty() && !inside.locks.holds(lock) {
        let chain = grow(inside.locks.chain(), lock, mode);
        if !inside.locks.known.known(chain) {
            note(&mut inside, meta, chain, mode, site);
        }
    }
    waits::begin(inside, Wait::Lock { lock, mode, upgrade }, site)
}

/// After an exclusive acquisition.
#[inline]
pub(crate) fn acquired(meta: &LockMeta, attempt: Attempt, place: Place) {
    let Some(mut inside) = enter() else { return };
    let context = &mut *inside;
    push(context, meta, Mode::Exclusive, attempt, place);
    if context.modes.races() {
        // SAFETY: the caller has just acquired the lock exclusively.
        unsafe { meta.clock() }.acquire(&mut context.clock);
    }
}

/// Before the release of a lock that was acquired with [`acquired`].
#[inline]
pub(crate) fn released(meta: &LockMeta) {
    let Some(mut inside) = enter() else { return };
    let context = &mut *inside;
    pop(context, meta, Mode::Exclusive);
    if context.modes.races() {
        // SAFETY: the caller still holds the lock exclusively.
        unsafe { meta.clock_mut() }.publish(&mut context.clock);
    }
}

/// Puts the lock on the held stack, and judges the order if something is held already.
#[inline(always)]
fn push(context: &mut Context, meta: &LockMeta, mode: Mode, attempt: Attempt, place: Place) {
    let lock = meta.id();
    let locks = &mut context.locks;
    let site = locks.site(place);
    let mut chain = 0;
    if !locks.held.is_empty() && context.modes.order() {
        chain = grow(locks.chain(), lock, mode);
        if attempt == Attempt::Blocking && !locks.known.known(chain) {
            judge(context, meta, chain, mode, site);
        }
    }
    let known = meta.standing.load(Ordering::Relaxed) == KNOWN;
    let before = if known { (0, 0) } else { meta.only_taken() };
    context.locks.held.push(Entry { lock, site, chain, created: meta.created, kind: meta.kind, mode, attempt, known, before });
}

#[inline(always)]
fn pop(context: &mut Context, meta: &LockMeta, mode: Mode) {
    let lock = LockId(meta.id.load(Ordering::Relaxed));
    if let Some(entry) = context.locks.pop(lock, mode)
        && entry.known
    {
        meta.standing.store(KNOWN, Ordering::Relaxed);
    }
}

/// A chain not seen before, of a lock that has just been acquired.
#[cold]
#[inline(never)]
fn judge(context: &mut Context, meta: &LockMeta, chain: u64, mode: Mode, site: SiteId) {
    // A mutex that never had anything taken above it has no way out of it, so it can't close a cycle. While it has been
    // taken in one context only, a note of that context in the lock itself is enough: a short-lived lock never costs a
    // node. (A reader-writer lock has several holders at a time, who would race for the note.)
    if meta.kind == ObjectKind::Mutex && meta.standing.load(Ordering::Relaxed) == FRESH {
        let held = held_context(context);
        match meta.only_taken() {
            (0, _) => {
                meta.context.store(held.0, Ordering::Relaxed);
                meta.context_site.store(site.0, Ordering::Relaxed);
                return;
            }
            (known, _) if known == held.0 => return,
            _ => {}
        }
    }
    note(context, meta, chain, mode, site);
}

/// Tells the graph of a new chain, and reports what it says.
fn note(context: &mut Context, meta: &LockMeta, chain: u64, mode: Mode, site: SiteId) {
    let lock = meta.id();
    if lock.0 == UNWATCHED {
        return;
    }
    let held = held_context(context);
    let mut order = ORDER.lock();
    let mut hazards = Vec::new();
    for entry in &mut context.locks.held {
        if !std::mem::replace(&mut entry.known, true) {
            registry::describe(Object::Lock(entry.lock), entry.kind, Some(entry.created));
            hazards.extend(late_edge(&mut order, entry.before, entry.lock));
        }
    }
    if meta.standing.swap(KNOWN, Ordering::Relaxed) == FRESH {
        meta.describe();
        hazards.extend(late_edge(&mut order, meta.only_taken(), lock));
    }
    hazards.extend(order.acquire_in(held, lock, mode, site, 0));
    drop(order);
    context.locks.known.insert(chain);
    for hazard in hazards {
        sink::report(context, hazard.finding(&LiveNames));
    }
}

/// The edges into a lock that only a note in the lock stood for until now.
fn late_edge(order: &mut LockOrder, (context, site): (u32, u32), lock: LockId) -> Vec<Hazard> {
    match context {
        0 => Vec::new(),
        context => order.acquire_in(ContextId(context), lock, Mode::Exclusive, SiteId(site), 0),
    }
}

/// The graph's id of what the thread holds now.
fn held_context(context: &mut Context) -> ContextId {
    let chain = context.locks.chain();
    if let Some(&id) = context.locks.contexts.get(&chain) {
        return id;
    }
    let id = ORDER.lock().context(context.thread, &context.locks.held_locks());
    context.locks.contexts.insert(chain, id);
    id
}

impl LockMeta {
    /// While fresh: the one context (0: none) and site of all acquisitions below another lock so far.
    #[inline]
    fn only_taken(&self) -> (u32, u32) {
        (self.context.load(Ordering::Relaxed), self.context_site.load(Ordering::Relaxed))
    }

    /// The lock is destroyed: its history goes over to its class.
    #[cold]
    fn died(&mut self) {
        let Some(mut inside) = enter() else { return };
        if !inside.modes.order() {
            return;
        }
        let lock = self.id();
        let (held, site) = self.only_taken();
        let hazards = if self.standing.load(Ordering::Relaxed) == KNOWN {
            let class = inside.locks.site(self.created);
            registry::forget(Object::Lock(lock));
            ORDER.lock().lock_died(lock, class)
        } else {
            // Same context, same class, same place: the class knows it.
            let address = std::ptr::from_ref(self.created).addr();
            let key = extend(address as u64, LockId(held), Mode::Exclusive) ^ u64::from(site);
            if inside.locks.known.known(key) {
                return;
            }
            inside.locks.known.insert(key);
            let class = inside.locks.site(self.created);
            ORDER.lock().class_edge_in(ContextId(held), class, Mode::Exclusive, SiteId(site), 0)
        };
        for hazard in hazards {
            sink::report(&mut inside, hazard.finding(&LiveNames));
        }
    }
}

/// What a reader-writer lock keeps beside the real lock.
pub(crate) struct RwMeta {
    pub(crate) lock: LockMeta,
    /// Readers hold the lock together, so its clocks need a lock of their own.
    clocks: Mutex<LockClock>,
}

impl RwMeta {
    pub(crate) const fn new(kind: ObjectKind, created: Place) -> Self {
        Self { lock: LockMeta::new(kind, created), clocks: Mutex::new(LockClock::new()) }
    }

    /// After an acquisition in `mode`.
    #[inline]
    pub(crate) fn acquired(&self, mode: Mode, attempt: Attempt, place: Place) {
        let Some(mut inside) = enter() else { return };
        let context = &mut *inside;
        push(context, &self.lock, mode, attempt, place);
        if context.modes.races() {
            self.clocks.lock().acquired(&mut context.clock, mode);
        }
    }

    /// Before a release of `mode`.
    #[inline]
    pub(crate) fn released(&self, mode: Mode) {
        let Some(mut inside) = enter() else { return };
        let context = &mut *inside;
        pop(context, &self.lock, mode);
        if context.modes.races() {
            self.clocks.lock().released(&mut context.clock, mode);
        }
    }
}

impl UnwindSafe for RwMeta {}
impl RefUnwindSafe for RwMeta {}
