//! Hooks of everything that is held: mutexes, reader-writer locks, reentrant mutexes, running initialisers.
//!
//! The hot path, a lock taken before in this held context, touches only the thread's own memory: a push and a pop on the
//! held stack, and below another lock one look into the filter of known chains.

use std::cell::UnsafeCell;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use super::context::{self, Context, Current, enter};
use super::log::Room;
use super::note::Note;
use super::orders::{self, Wanted};
use super::registry::{self, Ids, LiveNames, UNWATCHED};
use super::{Place, sink, stacks, waits};
use crate::analysis::happens_before::{LockClock, SyncClock};
use crate::analysis::lock_order::{ContextId, Hazard, HeldLock, KnownChains, LockOrder, extend};
use crate::analysis::wait_for::{Holding, Wait};
use crate::event::{Attempt, LockId, Mode, Object, ObjectKind, Op, SiteId, ThreadId};

static LOCK_IDS: Ids = Ids::new();

/// The lock-order graph of the process. Taken only for what is new.
pub(crate) static ORDER: LazyLock<Mutex<LockOrder>> = LazyLock::new(Mutex::default);

/// What a wrapper keeps beside the real lock.
///
/// `Drop` tells the lock-order graph, so it stands in the wrapper as a field: the wrapper itself has no `Drop` and can be
/// taken apart, and the user's type is dropped as it would be without us.
pub(crate) struct LockMeta {
    /// The id, 0 until the first acquisition, with [`KNOWN`] and [`DESCRIBED`].
    id: AtomicU32,
    kind: ObjectKind,
    named: AtomicBool,
    /// Some thread's filter holds a chain with the id.
    chained: AtomicBool,
    /// While the graph does not know the lock: the place of the acquisitions in `context`.
    context_site: AtomicU32,
    /// While the graph does not know the lock: the one held context in which it was ever taken below another (an `Arc`
    /// turned into a pointer; null: none). Changed only by who holds the lock exclusively, or owns it.
    context: Note<Pin>,
    created: Place,
    /// While a trace is recorded: the thread (its number plus one) of the last exclusive release, and its position then.
    last_thread: AtomicU32,
    last_position: AtomicU64,
    /// What the last exclusive release published. Touched only while the lock is held exclusively, and read by readers.
    clock: UnsafeCell<SyncClock>,
}

/// The bit in [`LockMeta::id`] that says that the graph knows the lock. Until something is taken above it, the lock has no
/// edge out and needs no node: it is *fresh*.
const KNOWN: u32 = 1 << 31;

/// The bit in [`LockMeta::id`] that says that the registry knows the lock: from its second acquisition on.
const DESCRIBED: u32 = 1 << 30;

/// The id itself.
const ID: u32 = DESCRIBED - 1;

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
            named: AtomicBool::new(false),
            chained: AtomicBool::new(false),
            context_site: AtomicU32::new(0),
            context: Note::new(),
            created,
            last_thread: AtomicU32::new(0),
            last_position: AtomicU64::new(0),
            clock: UnsafeCell::new(SyncClock::new()),
        }
    }

    fn id(&self, locks: &mut LockState) -> LockId {
        let id = self.id.load(Ordering::Relaxed);
        if id & DESCRIBED != 0 {
            return LockId(id & ID);
        }
        if id != 0 {
            self.describe(LockId(id & ID));
            return LockId(id & ID);
        }
        let id = locks.spare_ids.pop().unwrap_or_else(|| LOCK_IDS.some(&mut locks.spare_ids));
        let first = self.id.compare_exchange(0, id, Ordering::Relaxed, Ordering::Relaxed);
        let lock = LockId(first.map_or_else(|given| given & ID, |_| id));
        if locks.newcomers.len() > locks.held.len() + NEWCOMERS {
            // Only those still held can be asked for.
            let held: Vec<LockId> = locks.held.iter().map(Entry::lock).collect();
            locks.newcomers.retain(|(newcomer, ..)| held.contains(newcomer));
        }
        locks.newcomers.push((lock, self.kind, self.created));
        lock
    }

    fn describe(&self, lock: LockId) {
        registry::describe(Object::Lock(lock), self.kind, Some(self.created));
        self.id.fetch_or(DESCRIBED, Ordering::Relaxed);
    }

    /// Was the last exclusive release that the trace has of another thread?
    #[inline(always)]
    fn comes_from_another(&self, thread: ThreadId) -> bool {
        let last = self.last_thread.load(Ordering::Relaxed);
        last != 0 && last != thread.0 + 1
    }

    /// Writes the acquisition of a lock that is held exclusively: after the release of its last holder, if that was
    /// another thread.
    fn log_acquired(&self, mut room: Room<'_>, thread: ThreadId, op: Op, place: Place) {
        if self.comes_from_another(thread) {
            let last = ThreadId(self.last_thread.load(Ordering::Relaxed) - 1);
            room.after(last, self.last_position.load(Ordering::Relaxed));
        }
        room.push(op, place);
    }

    /// The trace has the release: it is that of the thread's event before `position`.
    #[inline(always)]
    fn log_released(&self, thread: ThreadId, position: u64) {
        self.last_thread.store(thread.0 + 1, Ordering::Relaxed);
        self.last_position.store(position, Ordering::Relaxed);
    }

    fn is_fresh(&self) -> bool {
        self.id.load(Ordering::Relaxed) & KNOWN == 0
    }

    /// The id of a lock that has been taken before.
    fn given_id(&self) -> LockId {
        LockId(self.id.load(Ordering::Relaxed) & ID)
    }

    /// The lock's identifier, for the events and waits of other objects that name it.
    pub(crate) fn lock_id(&self, context: &mut Context) -> LockId {
        let lock = self.id(&mut context.locks);
        self.describe(lock);
        lock
    }

    /// Gives the lock a name for reports.
    pub(crate) fn set_name(&self, name: &str) {
        let Some(mut inside) = enter() else { return };
        let lock = self.id(&mut inside.locks);
        registry::name(Object::Lock(lock), self.kind, Some(self.created), name);
        self.named.store(true, Ordering::Relaxed);
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
        if *self.id.get_mut() != 0 {
            self.died();
        }
    }
}

/// A held context that the graph keeps as long as this lives.
struct Pin {
    id: ContextId,
    /// Unlike the id, never given out again.
    chain: u64,
}

impl Drop for Pin {
    fn drop(&mut self) {
        // Never dropped with the graph locked: `note` and `died` drop pins after they let go of it.
        ORDER.lock().release(self.id);
    }
}

/// One held lock of this thread.
#[derive(Clone, Copy)]
struct Entry {
    /// Chain key of the stack up to and with this entry; 0 while it has to be computed anew.
    chain: u64,
    /// As in [`LockMeta::id`] when it was taken, and where (one store for both).
    id_and_site: u64,
    mode: Mode,
    attempt: Attempt,
    /// The graph was told of the lock while this entry stood: at the release, the lock must hear of it.
    news: bool,
}

impl Entry {
    #[inline(always)]
    fn new(chain: u64, id: u32, site: SiteId, mode: Mode, attempt: Attempt) -> Self {
        Self { chain, id_and_site: u64::from(id) | u64::from(site.0) << 32, mode, attempt, news: false }
    }

    fn lock(&self) -> LockId {
        LockId(self.id_and_site as u32 & ID)
    }

    fn site(&self) -> SiteId {
        SiteId((self.id_and_site >> 32) as u32)
    }

    fn was_fresh(&self) -> bool {
        self.id_and_site as u32 & KNOWN == 0
    }

    #[inline(always)]
    fn is(&self, id: u32, mode: Mode) -> bool {
        (self.id_and_site as u32 ^ id) & ID == 0 && self.mode == mode
    }
}

/// Places seen by one thread: a direct-mapped cache from address to id.
struct Places([(usize, SiteId); Places::SIZE]);

impl Places {
    const SIZE: usize = 64;

    /// The id of a place that was here before.
    #[inline(always)]
    fn seen(&self, place: Place) -> Option<SiteId> {
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
    site
}

/// What a thread knows of the locks it holds and has held.
pub(crate) struct LockState {
    held: Vec<Entry>,
    known: KnownChains,
    seed: u64,
    places: Places,
    /// Contexts that are pinned in the graph, by chain.
    contexts: FxHashMap<u64, Arc<Pin>>,
    /// The one of them that was asked for last.
    last_pin: Option<Arc<Pin>>,
    /// The note of a lock that died, for the next one in the same context: so the count of the pin need not be touched.
    spare_pin: Option<Arc<Pin>>,
    /// Ids of destroyed locks that no one was told of.
    spare_ids: Vec<u32>,
    /// Locks that were taken for the first time since the stack was last empty: the registry does not know them yet.
    newcomers: Vec<(LockId, ObjectKind, Place)>,
}

/// Ids that a thread keeps for reuse.
const SPARE_IDS: usize = 1024;

/// Newcomers kept beyond those that are held.
const NEWCOMERS: usize = 64;

impl LockState {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            held: Vec::with_capacity(16),
            known: KnownChains::new(),
            seed,
            places: Places([(0, SiteId::UNKNOWN); Places::SIZE]),
            contexts: FxHashMap::default(),
            last_pin: None,
            spare_pin: None,
            spare_ids: Vec::new(),
            newcomers: Vec::new(),
        }
    }

    /// A new fork/join segment: chains judged in the old one are judged again, for their clock has changed.
    pub(crate) fn new_segment(&mut self, seed: u64) {
        self.seed = seed;
        self.known.clear();
        self.contexts.clear();
        self.last_pin = None;
        self.spare_pin = None;
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
        let holding = |entry: &Entry| Holding { lock: entry.lock(), mode: entry.mode, site: entry.site(), ordinal: 0 };
        self.held.iter().map(holding).collect()
    }

    /// Locks still on the stack when the thread ends: their guards were leaked.
    pub(crate) fn left(&self) -> Vec<LockId> {
        self.held.iter().map(Entry::lock).collect()
    }

    /// The lock taken last, of those held.
    #[inline]
    pub(crate) fn innermost(&self) -> Option<(LockId, Mode, SiteId)> {
        self.held.last().map(|entry| (entry.lock(), entry.mode, entry.site()))
    }

    /// Can an acquisition in this mode say anything about the order? Only below another lock; and a writer also alone,
    /// for it can come between two reads of another thread.
    #[inline(always)]
    fn matters(&self, meta: &LockMeta, mode: Mode) -> bool {
        !self.held.is_empty() || (meta.kind == ObjectKind::RwLock && mode == Mode::Exclusive)
    }

    fn held_locks(&self) -> Vec<HeldLock> {
        let held = |entry: &Entry| HeldLock {
            lock: entry.lock(),
            mode: entry.mode,
            site: entry.site(),
            attempt: entry.attempt,
        };
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
                entry.chain = grow(chain, entry.lock(), entry.mode);
            }
            chain = entry.chain;
        }
        chain
    }

    /// Takes the newest entry of this lock and mode off the stack, wherever it stands.
    fn remove(&mut self, lock: LockId, mode: Mode) -> Option<Entry> {
        let place = self.held.iter().rposition(|entry| entry.is(lock.0, mode))?;
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
    let context = &mut *inside;
    let lock = meta.id(&mut context.locks);
    let site = context.locks.site(place);
    meta.describe(lock);
    context.emit(Op::Request { lock, mode }, place);
    if context.modes.order() && context.locks.matters(meta, mode) {
        let chain = grow(context.locks.chain(), lock, mode);
        if !context.locks.known.known(chain) {
            note(context, meta, chain, mode, site);
        }
    }
    waits::begin(inside, Wait::Lock { lock, mode, upgrade }, site)
}

/// After an exclusive acquisition.
#[inline(always)]
pub(crate) fn acquired(meta: &LockMeta, attempt: Attempt, place: Place) {
    match attempt {
        Attempt::Blocking => acquired_blocking(context::current(), meta, place),
        attempt => acquired_otherwise(context::current(), meta, attempt, place),
    }
}

/// A call of its own: the caller's guard then stays in registers. Without calls and without events, so that it saves none.
#[inline(never)]
fn acquired_blocking(current: Current, meta: &LockMeta, place: Place) {
    if !acquired_known::<false>(current, meta, Attempt::Blocking, place) {
        acquired_otherwise(current, meta, Attempt::Blocking, place);
    }
}

#[inline(never)]
fn acquired_otherwise(current: Current, meta: &LockMeta, attempt: Attempt, place: Place) {
    if !acquired_known::<true>(current, meta, attempt, place) {
        acquired_slow(meta, attempt, place);
    }
}

#[inline(always)]
fn acquired_known<const RECORDED: bool>(current: Current, meta: &LockMeta, attempt: Attempt, place: Place) -> bool {
    push_known::<RECORDED>(current, meta, Mode::Exclusive, attempt, place, |context| {
        // SAFETY: the caller has just acquired the lock exclusively.
        unsafe { meta.clock() }.acquired_by_last(&context.clock)
    })
}

#[cold]
#[inline(never)]
fn acquired_slow(meta: &LockMeta, attempt: Attempt, place: Place) {
    let Some(mut inside) = enter() else { return };
    let context = &mut *inside;
    push(context, meta, Mode::Exclusive, attempt, place);
    if let Some(log) = &mut context.log {
        let op = Op::Acquired { lock: meta.given_id(), mode: Mode::Exclusive, attempt };
        meta.log_acquired(log.make_room(), context.thread, op, place);
    }
    if context.modes.races() {
        // SAFETY: the caller has just acquired the lock exclusively.
        unsafe { meta.clock() }.acquire(&mut context.clock);
    }
}

/// Before the release of a lock that was acquired with [`acquired`].
#[inline(always)]
pub(crate) fn released(meta: &LockMeta) {
    released_plainly(context::current(), meta);
}

/// As [`acquired_blocking`].
#[inline(never)]
fn released_plainly(current: Current, meta: &LockMeta) {
    if !released_known::<false>(current, meta) {
        released_otherwise(current, meta);
    }
}

#[inline(never)]
fn released_otherwise(current: Current, meta: &LockMeta) {
    if !released_known::<true>(current, meta) {
        released_slow(meta);
    }
}

#[inline(always)]
fn released_known<const RECORDED: bool>(current: Current, meta: &LockMeta) -> bool {
    pop_known::<RECORDED>(current, meta, Mode::Exclusive, |context| {
        // SAFETY: the caller still holds the lock exclusively.
        unsafe { meta.clock_mut() }.publish_again(&mut context.clock)
    })
}

#[cold]
#[inline(never)]
fn released_slow(meta: &LockMeta) {
    let Some(mut inside) = enter() else { return };
    let context = &mut *inside;
    pop(context, meta, Mode::Exclusive);
    if let Some(log) = &mut context.log {
        let op = Op::Released { lock: meta.given_id(), mode: Mode::Exclusive };
        let position = log.make_room().push(op, meta.created);
        meta.log_released(context.thread, position);
    }
    if context.modes.races() {
        // SAFETY: the caller still holds the lock exclusively.
        unsafe { meta.clock_mut() }.publish(&mut context.clock);
    }
}

/// The hot path of an acquisition: nothing about it is new. False, and nothing done, if anything is, or if events are
/// written and `RECORDED` is false, or the other way round.
#[inline(always)]
fn push_known<const RECORDED: bool>(
    current: Current,
    meta: &LockMeta,
    mode: Mode,
    attempt: Attempt,
    place: Place,
    clocks_known: impl FnOnce(&mut Context) -> bool,
) -> bool {
    // SAFETY: `current` comes from the caller's caller, and nothing is called below but arithmetic on the context and the lock's own words, and `clocks_known`, which
    // compares or stores epochs.
    let Some(context) = (unsafe { current.hot() }) else { return false };
    if context.modes.record() != RECORDED {
        return false;
    }
    let id = meta.id.load(Ordering::Relaxed);
    let Some(site) = context.locks.places.seen(place) else { return false };
    let locks = &mut context.locks;
    let depth = locks.held.len();
    let parent = if depth == 0 { locks.seed } else { locks.held[depth - 1].chain };
    if id & DESCRIBED == 0 || depth == locks.held.capacity() || parent == 0 {
        return false;
    }
    let chain = grow(parent, LockId(id & ID), mode);
    if context.modes.order()
        && attempt == Attempt::Blocking
        && locks.matters(meta, mode)
        && !locks.known.in_front(chain)
    {
        return false;
    }
    if context.modes.races() && !clocks_known(context) {
        return false;
    }
    if RECORDED {
        let Some(log) = context.log.as_mut().filter(|log| log.is_ready(place)) else { return false };
        if meta.comes_from_another(context.thread) {
            return false;
        }
        log.push_ready(Op::Acquired { lock: LockId(id & ID), mode, attempt }, place);
    }
    let held = &mut context.locks.held;
    // SAFETY: there is room: `depth` is the length, and was compared with the capacity above.
    unsafe {
        held.as_mut_ptr().add(depth).write(Entry::new(chain, id, site, mode, attempt));
        held.set_len(depth + 1);
    }
    true
}

/// The hot path of a release: the lock is the newest held, and nothing is to be told.
#[inline(always)]
fn pop_known<const RECORDED: bool>(
    current: Current,
    meta: &LockMeta,
    mode: Mode,
    clocks_known: impl FnOnce(&mut Context) -> bool,
) -> bool {
    // SAFETY: as in `push_known`.
    let Some(context) = (unsafe { current.hot() }) else { return false };
    if context.modes.record() != RECORDED {
        return false;
    }
    let id = meta.id.load(Ordering::Relaxed);
    match context.locks.held.last() {
        Some(top) if top.is(id, mode) && !top.news => {}
        _ => return false,
    }
    if RECORDED && !context.log.as_ref().is_some_and(|log| log.is_ready(meta.created)) {
        return false;
    }
    if context.modes.races() && !clocks_known(context) {
        return false;
    }
    if RECORDED && let Some(log) = &mut context.log {
        let position = log.push_ready(Op::Released { lock: LockId(id & ID), mode }, meta.created);
        meta.log_released(context.thread, position);
    }
    context.locks.held.pop();
    true
}

/// Puts the lock on the held stack, and judges the order if something is held already.
fn push(context: &mut Context, meta: &LockMeta, mode: Mode, attempt: Attempt, place: Place) {
    let locks = &mut context.locks;
    if locks.held.is_empty() {
        locks.newcomers.clear();
    }
    let lock = meta.id(locks);
    let site = locks.site(place);
    let chain = grow(locks.chain(), lock, mode);
    if context.modes.order()
        && attempt == Attempt::Blocking
        && locks.matters(meta, mode)
        && (!meta.chained.load(Ordering::Relaxed) || !locks.known.known(chain))
    {
        judge(context, meta, chain, mode, site);
    }
    let id = meta.id.load(Ordering::Relaxed);
    if id & DESCRIBED == 0
        && let Some(log) = &mut context.log
    {
        log.make_room().made(lock, meta.kind, meta.created);
    }
    context.locks.held.push(Entry::new(chain, id, site, mode, attempt));
}

fn pop(context: &mut Context, meta: &LockMeta, mode: Mode) {
    let lock = meta.given_id();
    if let Some(entry) = context.locks.remove(lock, mode)
        && entry.news
        && meta.is_fresh()
    {
        settle(context, meta, lock);
    }
}

/// A chain not seen before, of a lock that has just been acquired.
#[cold]
#[inline(never)]
fn judge(context: &mut Context, meta: &LockMeta, chain: u64, mode: Mode, site: SiteId) {
    // A mutex that never had anything taken above it has no way out of it, so it can't close a cycle. While it has been
    // taken in one context only, a note of that context in the lock itself is enough: a short-lived lock never costs a
    // node. (A reader-writer lock has several holders at a time, who would race for the note.)
    if meta.kind == ObjectKind::Mutex && meta.is_fresh() {
        introduce_holders(context);
        let pin = Arc::as_ptr(held_context(context));
        if meta.context.is_empty() {
            let locks = &mut context.locks;
            let spare = locks.spare_pin.take_if(|spare| ptr::eq(Arc::as_ptr(spare), pin));
            meta.context.put(spare.or_else(|| locks.last_pin.clone()).expect("the context was just pinned"));
            meta.context_site.store(site.0, Ordering::Relaxed);
            return tell_class(context, meta, mode, site);
        }
        if meta.context.is(held_context(context)) {
            // The second time: it lives long enough to be worth a place in the filter.
            meta.chained.store(true, Ordering::Relaxed);
            context.locks.known.insert(chain);
            return;
        }
    }
    note(context, meta, chain, mode, site);
    if meta.is_fresh() {
        let lock = meta.id(&mut context.locks);
        settle(context, meta, lock);
    }
}

/// Tells the graph of a new chain, and reports what it says.
fn note(context: &mut Context, meta: &LockMeta, chain: u64, mode: Mode, site: SiteId) {
    let lock = meta.id(&mut context.locks);
    if lock.0 == UNWATCHED {
        return;
    }
    introduce_holders(context);
    let pin = held_context(context).id;
    let hazards = ORDER.lock().acquire_in(pin, lock, mode, site);
    tell_class(context, meta, mode, site);
    meta.chained.store(true, Ordering::Relaxed);
    context.locks.known.insert(chain);
    tell(context, hazards);
}

/// Tells other processes of a new chain, if anyone gathers what they tell.
#[inline]
fn tell_class(context: &mut Context, meta: &LockMeta, mode: Mode, site: SiteId) {
    if !context.modes.classes() {
        return;
    }
    // Short-lived locks come here each time that one is taken below others.
    let address = ptr::from_ref(meta.created).addr() as u64 ^ context.locks.chain().rotate_left(32);
    let key = extend(address, LockId(site.0), mode);
    if !context.locks.known.known(key) {
        context.locks.known.insert(key);
        orders::tell(
            context,
            &context.locks.held_locks(),
            &Wanted { kind: meta.kind, made: meta.created, mode, at: site },
        );
    }
}

/// What is held has something taken above it: from its release on, the lock is not fresh.
fn introduce_holders(context: &mut Context) {
    for place in 0..context.locks.held.len() {
        let entry = &mut context.locks.held[place];
        if entry.was_fresh() && !std::mem::replace(&mut entry.news, true) {
            let lock = entry.lock();
            introduce(&mut context.locks, lock);
        }
    }
}

/// The graph gets to know a lock by its class, and so does the registry if it has not met the lock yet.
fn introduce(locks: &mut LockState, lock: LockId) {
    // The newest: ids of the dead are given out again.
    let newcomer = locks.newcomers.iter().rfind(|(newcomer, ..)| *newcomer == lock);
    if let Some(&(_, kind, created)) = newcomer {
        registry::describe(Object::Lock(lock), kind, Some(created));
    }
    if let Some(created) = registry::created(Object::Lock(lock)) {
        let class = locks.site(created);
        ORDER.lock().set_class(lock, class);
    }
}

/// The lock is fresh no longer: what only the note in it stood for goes into the graph. The caller holds the lock.
#[cold]
#[inline(never)]
fn settle(context: &mut Context, meta: &LockMeta, lock: LockId) {
    meta.describe(lock);
    meta.id.fetch_or(KNOWN, Ordering::Relaxed);
    introduce(&mut context.locks, lock);
    let Some(pin) = meta.context.take() else { return };
    let site = SiteId(meta.context_site.load(Ordering::Relaxed));
    let hazards = ORDER.lock().acquire_in(pin.id, lock, Mode::Exclusive, site);
    tell(context, hazards);
}

fn tell(context: &mut Context, hazards: Vec<Hazard>) {
    for hazard in hazards {
        sink::report(context, hazard.to_finding(&LiveNames));
    }
}

/// What the thread holds now, pinned in the graph.
fn held_context(context: &mut Context) -> &Arc<Pin> {
    let chain = context.locks.chain();
    if context.locks.last_pin.as_ref().is_none_or(|pin| pin.chain != chain) {
        let known = context.locks.contexts.get(&chain).cloned();
        let pin = known.unwrap_or_else(|| {
            let id = ORDER.lock().context(context.thread, &context.locks.held_locks());
            let pin = Arc::new(Pin { id, chain });
            context.locks.contexts.insert(chain, Arc::clone(&pin));
            pin
        });
        context.locks.last_pin = Some(pin);
    }
    context.locks.last_pin.as_ref().expect("set above")
}

impl LockMeta {
    /// The lock is destroyed: its history goes over to its class.
    #[cold]
    #[inline(never)]
    fn died(&mut self) {
        let Some(mut inside) = enter() else {
            // Inside the tool the graph may be locked, so the note is leaked rather than unpinned.
            std::mem::forget(self.context.take());
            return;
        };
        let context = &mut *inside;
        let known = !self.is_fresh();
        let described = *self.id.get_mut() & DESCRIBED != 0;
        let lock = LockId(*self.id.get_mut() & ID);
        if *self.named.get_mut() || described || known {
            registry::forget(Object::Lock(lock));
        }
        if known {
            let class = context.locks.site(self.created);
            let hazards = ORDER.lock().lock_died(lock, class);
            return tell(context, hazards);
        }
        if let Some(pin) = self.context.take() {
            // Same context, same class, same place: the class knows it.
            let address = ptr::from_ref(self.created).addr() as u64 ^ pin.chain;
            let site = *self.context_site.get_mut();
            let key = extend(address, LockId(site), Mode::Exclusive);
            if !context.locks.known.known(key) {
                context.locks.known.insert(key);
                let class = context.locks.site(self.created);
                let hazards = ORDER.lock().class_edge_in(pin.id, class, Mode::Exclusive, SiteId(site));
                tell(context, hazards);
            }
            context.locks.spare_pin = Some(pin);
        }
        if lock.0 != UNWATCHED
            && !*self.chained.get_mut()
            && context.log.is_none()
            && context.locks.spare_ids.len() < SPARE_IDS
        {
            context.locks.spare_ids.push(lock.0);
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
        let clocks = self.clocks.lock();
        context.emit(Op::Acquired { lock: self.lock.given_id(), mode, attempt }, place);
        if context.modes.races() {
            clocks.acquired(&mut context.clock, mode);
        }
    }

    /// Before a release of `mode`.
    #[inline]
    pub(crate) fn released(&self, mode: Mode) {
        let Some(mut inside) = enter() else { return };
        let context = &mut *inside;
        pop(context, &self.lock, mode);
        let mut clocks = self.clocks.lock();
        context.emit(Op::Released { lock: self.lock.given_id(), mode }, self.lock.created);
        if context.modes.races() {
            clocks.released(&mut context.clock, mode);
        }
    }
}

impl UnwindSafe for RwMeta {}
impl RefUnwindSafe for RwMeta {}
