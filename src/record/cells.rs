//! Hooks of memory: shared cells, atomics, fences.

pub(crate) mod readers;

use std::cell::{Cell, UnsafeCell};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustc_hash::FxHashMap;

use self::readers::Slot;
use super::context::{self, Context, Current, enter};
use super::registry::{self, Ids, LiveNames};
use super::spin::{Spin, SpinGuard};
use super::{Place, sink};
use crate::analysis::atomicity::{CellUpdates, Doing, Region, UpdateState};
use crate::analysis::happens_before::{self, AccessInfo, AtomicClock, HeldLock, Race, VarState};
use crate::clock::Epoch;
use crate::event::{AtomicId, LockId, Mode, Object, ObjectKind, Op, Order, SiteId, ThreadId, VarId};
use crate::primitive::AtomicU32;

static VAR_IDS: Ids = Ids::new();

/// Something whose accesses are checked has been used: before, nobody needs a clock.
static IN_USE: AtomicBool = AtomicBool::new(false);

/// See [`IN_USE`].
pub(crate) fn are_in_use() -> bool {
    IN_USE.load(Ordering::Relaxed)
}

#[inline]
fn use_them() {
    if !IN_USE.load(Ordering::Relaxed) {
        IN_USE.store(true, Ordering::Relaxed);
    }
}

/// What a cell remembers of an access.
#[derive(Clone, Copy)]
struct Access {
    thread: ThreadId,
    origin: ThreadId,
    /// What only one thread at a time does: the tasks of a runtime of one thread; 0: nothing of the kind.
    domain: u32,
    site: SiteId,
    /// The innermost lock held, and where it was taken.
    held: Option<(LockId, Mode, SiteId)>,
}

const NOWHERE: Access =
    Access { thread: ThreadId(0), origin: ThreadId(0), domain: 0, site: SiteId::UNKNOWN, held: None };

/// How a cell is touched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Read,
    Write,
    Update,
}

/// What a `Shared` keeps beside its value.
///
/// Whoever calls is inside the cell: alone for [`read`](Self::read), [`write`](Self::write) and [`update`](Self::update), and
/// beside threads that do the same for [`has_read`](Self::has_read). So the state needs no lock of its own.
///
/// What each access looks at comes last, and behind it what the caller has: so it is on few lines of the cache.
#[repr(C)]
pub(crate) struct CellMeta {
    created: Place,
    id: AtomicU32,
    /// Reads while several threads did nothing else, and none of them new. Only who is alone inside counts.
    repeated: Cell<u32>,
    state: UnsafeCell<CellState>,
}

#[repr(C)]
struct CellState {
    updates: CellUpdates,
    accesses: VarState<Access>,
}

impl CellMeta {
    pub(crate) const fn new(created: Place) -> Self {
        let state = CellState { accesses: VarState::new(NOWHERE), updates: CellUpdates::new() };
        Self { state: UnsafeCell::new(state), id: AtomicU32::new(0), created, repeated: Cell::new(0) }
    }

    pub(crate) fn set_name(&self, name: &str) {
        let _inside = enter();
        registry::name(self.object(), ObjectKind::Cell, Some(self.created), name);
    }

    fn object(&self) -> Object {
        Object::Var(VarId(registry::id_in(&self.id, &VAR_IDS)))
    }

    /// A read. Are several threads doing nothing else, so that it is worth letting them read beside one another?
    ///
    /// # Safety
    ///
    /// The caller is alone inside the cell.
    #[inline]
    pub(crate) unsafe fn read(&self, place: Place, thread: usize) -> bool {
        // SAFETY: by the caller's promise. Nothing is called below but arithmetic on the context and the state.
        let known = unsafe {
            let state = &*self.state.get();
            context::current().hot().is_some_and(|context| state.is_read_again(context))
        };
        // SAFETY: by the caller's promise.
        !known && unsafe { self.read_anew(place, thread) }
    }

    /// A write.
    ///
    /// # Safety
    ///
    /// The caller is alone inside the cell.
    #[inline]
    pub(crate) unsafe fn write(&self, place: Place) {
        // SAFETY: by the caller's promise.
        unsafe { self.access(place, How::Write) };
    }

    /// A write that sees the value that it replaces.
    ///
    /// # Safety
    ///
    /// The caller is alone inside the cell.
    #[inline]
    pub(crate) unsafe fn update(&self, place: Place) {
        // SAFETY: by the caller's promise.
        unsafe { self.access(place, How::Update) };
    }

    /// A read that can't be part of a race.
    #[inline]
    pub(crate) fn read_speculatively(&self, place: Place) {
        if !context::current().is_plain() {
            self.read_speculatively_and_tell(place);
        }
    }

    #[inline(never)]
    fn read_speculatively_and_tell(&self, place: Place) {
        let Some(mut inside) = enter() else { return };
        if inside.modes.record() {
            let var = VarId(registry::id_in(&self.id, &VAR_IDS));
            inside.emit(Op::SpeculativeRead { var }, place);
        }
    }

    /// Would [`read`](Self::read) change nothing?
    ///
    /// # Safety
    ///
    /// The caller is inside the cell, beside others that only look at the state.
    #[inline(always)]
    pub(crate) unsafe fn has_read(&self, reader: Reader) -> bool {
        // SAFETY: by the caller's promise; and `reader` has just been made, with nothing called since but what enters the cell.
        let (state, context) = unsafe { (&*self.state.get(), reader.0.hot_plain()) };
        state.has_read(context)
    }

    /// As [`read`](Self::read), which sees at once if there is nothing to do.
    ///
    /// # Safety
    ///
    /// That of [`read`](Self::read).
    #[inline(never)]
    unsafe fn read_anew(&self, place: Place, thread: usize) -> bool {
        // SAFETY: by the caller's promise.
        let state = unsafe { &mut *self.state.get() };
        // SAFETY: nothing is called but arithmetic on the context and the state.
        if let Some(context) = unsafe { context::current().hot() }
            && state.has_read(context)
        {
            return state.accesses.is_read_by_several() && self.opens(thread);
        }
        // SAFETY: by the caller's promise.
        unsafe { self.access(place, How::Read) };
        false
    }

    /// An access, if the last one was this thread's. Without calls, so that no registers are saved.
    ///
    /// # Safety
    ///
    /// The caller is alone inside the cell.
    #[inline(never)]
    unsafe fn access(&self, place: Place, how: How) {
        // SAFETY: by the caller's promise.
        let state = unsafe { &mut *self.state.get() };
        // SAFETY: nothing is called but arithmetic on the context and the state.
        let known = unsafe { context::current().hot() };
        if !known.is_some_and(|context| state.access_in_place::<true>(context, place, how)) {
            // SAFETY: by the caller's promise.
            unsafe { self.access_after(place, how) };
        }
    }

    /// As [`access`](Self::access), whoever was the last.
    ///
    /// # Safety
    ///
    /// That of [`access`](Self::access).
    #[inline(never)]
    unsafe fn access_after(&self, place: Place, how: How) {
        // SAFETY: by the caller's promise.
        let state = unsafe { &mut *self.state.get() };
        // SAFETY: as above.
        let known = unsafe { context::current().hot() };
        if !known.is_some_and(|context| state.access_in_place::<false>(context, place, how)) {
            self.access_anew(state, place, how);
        }
    }

    /// After a read that was nothing new, while several threads only read: are there enough of these by now?
    #[cold]
    #[inline(never)]
    fn opens(&self, thread: usize) -> bool {
        let Some(mut inside) = enter() else { return false };
        // Who then writes has to look at each slot; so many reads pay for that.
        let slots = inside.slot.prepare(thread);
        let repeated = self.repeated.get() + 1;
        let enough = repeated as usize >= slots.clamp(16, 1024);
        self.repeated.set(if enough { 0 } else { repeated });
        enough
    }

    #[inline(never)]
    fn access_anew(&self, state: &mut CellState, place: Place, how: How) {
        let Some(mut inside) = enter() else { return };
        let context = &mut *inside;
        let write = how != How::Read;
        if context.modes.record() {
            let var = VarId(registry::id_in(&self.id, &VAR_IDS));
            // The look of an update matters to regions, and to prediction; to races the write says it all.
            if !write || (how == How::Update && context.region.1.is_some()) {
                context.emit(Op::Read { var }, place);
            } else if how == How::Update {
                context.emit(Op::SpeculativeRead { var }, place);
            }
            if write {
                context.emit(Op::Write { var }, place);
            }
        }
        if !context.modes.races() {
            return;
        }
        use_them();
        let site = context.locks.site(place);
        let access = Access::of(context, site);
        let CellState { accesses, updates, .. } = state;
        let clock = &mut context.clock;
        let conflicts = if write { accesses.write(clock, access) } else { accesses.read(clock, access) };
        let conflicts = if conflicts.is_empty() { Vec::new() } else { conflicts.to_vec() };
        let by = Doing { thread: context.owner(), site, ordinal: 0, epoch: Epoch::NONE };
        let stale = match how {
            How::Read => {
                updates.read(by, context.region.1);
                None
            }
            How::Write => updates.write(by, context.region.1),
            How::Update => {
                updates.update(by);
                None
            }
        };
        if !conflicts.is_empty() {
            self.races(context, access, write, &conflicts);
        }
        if let Some(stale) = stale {
            registry::describe(self.object(), ObjectKind::Cell, Some(self.created));
            sink::report(context, stale.finding(self.object(), &LiveNames));
        }
    }

    #[cold]
    fn races(&self, context: &mut Context, later: Access, write: bool, conflicts: &[AccessInfo<Access>]) {
        let object = self.object();
        registry::describe(object, ObjectKind::Cell, Some(self.created));
        let Object::Var(var) = object else { return };
        let one_at_a_time = |earlier: &Access| later.domain != 0 && earlier.domain == later.domain;
        let may_race = |earlier: &Access| earlier.origin == later.origin && !one_at_a_time(earlier);
        for earlier in conflicts.iter().filter(|earlier| may_race(&earlier.info)) {
            let race = Race { var, earlier: earlier.info.side(earlier.write), later: later.side(write) };
            sink::report(context, race.finding(&LiveNames));
        }
    }
}

impl CellState {
    /// [`has_read`](Self::has_read), where hardly anything has to be looked at.
    #[inline(always)]
    fn is_read_again(&self, context: &Context) -> bool {
        context.region.1.is_none() && self.accesses.has_read_alone(&context.clock)
    }

    /// Is a read by this thread, of which nothing is recorded, nothing new?
    #[inline(always)]
    fn has_read(&self, context: &Context) -> bool {
        !context.modes.races() || (context.region.1.is_none() && self.accesses.has_read(&context.clock))
    }

    /// Takes the thread's access down, if that needs no memory, no registry and no report; false, and nothing done that the
    /// access would not begin with, if it does. Nothing is recorded of the thread. `OWN` as in
    /// [`VarState::is_short_for`] and [`VarState::write_short`].
    #[inline(always)]
    fn access_in_place<const OWN: bool>(&mut self, context: &mut Context, place: Place, how: How) -> bool {
        if !context.modes.races() {
            return true;
        }
        let alone = if how == How::Read { context.region.1.is_none() } else { self.updates.is_empty() };
        let Some(site) = context.locks.seen_site(place) else { return false };
        if !alone || !are_in_use() {
            return false;
        }
        if !self.accesses.is_short_for::<OWN>(&context.clock) {
            return false;
        }
        let access = Access::of(context, site);
        match how {
            How::Read => self.accesses.read_short(&mut context.clock, access),
            How::Write | How::Update => self.accesses.write_short::<OWN>(&mut context.clock, access),
        }
    }
}

/// A thread of which nothing is recorded, and that may read cells beside others.
#[derive(Clone, Copy)]
pub(crate) struct Reader(Current);

/// The current thread, and its slot, if it has one. Until the [`Reader`] is used, the caller calls nothing that could reach a hook.
#[inline(always)]
pub(crate) fn reader() -> Option<(Reader, &'static Slot)> {
    let current = context::current();
    // SAFETY: nothing is called before the reference is gone.
    let slot = unsafe { current.hot() }?.slot.get()?;
    Some((Reader(current), slot))
}

impl Access {
    #[inline(always)]
    fn of(context: &Context, site: SiteId) -> Self {
        let held = context.locks.innermost();
        Self { thread: context.owner(), origin: context.origin(), domain: context.domain(), site, held }
    }

    fn side(&self, write: bool) -> happens_before::Access {
        let held = self.held.map(|(lock, mode, site)| HeldLock { lock, mode, site });
        let Self { thread, site, .. } = *self;
        happens_before::Access { thread, site, write, ordinal: 0, held: held.into_iter().collect() }
    }
}

/// Number of tables that atomics are spread over.
const SHARDS: usize = 64;

/// What is known of an atomic. Kept beside it, by address: atomics are transparent over the real ones (`from_ptr`), so
/// there is no room in them, and no `Drop`.
///
/// So a state outlives its atomic, and memory may be written behind our back: through `get_mut`, `as_ptr` or a view as the
/// real type, by the initialiser of another atomic at the same address, by an operation inside the tool. None of these may
/// make an order disappear that is there, or a race would be told that is none. So whatever the value is, an operation
/// goes on from the last state known:
///
/// - `get_mut`, `into_inner`, and the end of one atomic and the beginning of the next need exclusive access, which the
///   program has to bring about by other means; the orders that this makes are seen there. What a load of the new value
///   learns on top is what the old one published: true of the past, though not by way of this load.
/// - A read-modify-write that was not seen goes on with the release sequence, and so do we.
/// - A store that was not seen ends the release sequence, and we go on with it.
///
/// In the first and the last case an order may be taken for granted that is not, so a race with accesses before an *old*
/// release can be missed; accesses made since that release are checked as ever. A release that was not seen at all can't
/// be known.
#[derive(Default)]
struct AtomicState {
    clock: AtomicClock,
    updates: UpdateState,
    /// Given when a trace is recorded.
    id: AtomicU32,
}

pub(crate) static ATOMIC_IDS: Ids = Ids::new();

type Shard = Spin<FxHashMap<usize, AtomicState>>;

static ATOMICS: LazyLock<[Shard; SHARDS]> = LazyLock::new(|| std::array::from_fn(|_| Spin::new(FxHashMap::default())));

/// An atomic operation on its way: the real operation is done while this is held, so that the order of the clocks is the
/// modification order.
pub(crate) struct AtomicAccess {
    inside: context::Entered,
    shard: SpinGuard<'static, FxHashMap<usize, AtomicState>>,
    address: usize,
}

/// Begins an operation on the atomic at `address`; `None` when neither races are watched nor a trace is recorded.
#[inline]
pub(crate) fn atomic(address: usize) -> Option<AtomicAccess> {
    let inside = enter()?;
    if !inside.modes.races() && !inside.modes.record() {
        return None;
    }
    use_them();
    let shard = ATOMICS[(address >> 3).wrapping_mul(0x9e37_79b1) >> 16 & (SHARDS - 1)].lock();
    Some(AtomicAccess { inside, shard, address })
}

impl AtomicAccess {
    /// The operation was a load, or a compare-exchange that failed.
    pub(crate) fn loaded(mut self, order: Order, place: Place) {
        if self.inside.modes.record() {
            self.emit(|atomic| Op::AtomicLoad { atomic, order }, place);
        }
        let by = self.by(place);
        let state = self.shard.entry(self.address).or_default();
        state.clock.load(&mut self.inside.clock, order);
        state.updates.look(by, None);
    }

    /// The operation was a store.
    pub(crate) fn stored(mut self, order: Order, place: Place) {
        if self.inside.modes.record() {
            self.emit(|atomic| Op::AtomicStore { atomic, order }, place);
        }
        let by = self.writing(place);
        let state = self.shard.entry(self.address).or_default();
        let clock = &mut self.inside.clock;
        let stale = state.updates.store(by, |write| clock.covers(write));
        state.clock.store(clock, order);
        if let Some(stale) = stale {
            let object = Object::Atomic(AtomicId(registry::id_in(&state.id, &ATOMIC_IDS)));
            let Self { mut inside, shard, .. } = self;
            drop(shard);
            sink::report(&mut inside, stale.finding(object, &LiveNames));
        }
    }

    /// The operation was a read-modify-write. If it `keeps` nothing of the old value (a swap, a compare-exchange), the trace
    /// has a look before it: no update of another thread is lost in it, and it may not be done at another value.
    pub(crate) fn swapped(mut self, order: Order, keeps: bool, place: Place) {
        if self.inside.modes.record() {
            if !keeps {
                self.emit(|atomic| Op::AtomicLoad { atomic, order: Order::Relaxed }, place);
            }
            self.emit(|atomic| Op::AtomicRmw { atomic, order }, place);
        }
        let by = self.writing(place);
        let state = self.shard.entry(self.address).or_default();
        state.clock.rmw(&mut self.inside.clock, order);
        state.updates.update(by);
    }

    fn by(&mut self, place: Place) -> Doing {
        Doing { thread: self.inside.owner(), site: self.inside.locks.site(place), ordinal: 0, epoch: Epoch::NONE }
    }

    /// A write, at the moment before it is published.
    fn writing(&mut self, place: Place) -> Doing {
        Doing { epoch: self.inside.clock.access(), ..self.by(place) }
    }

    #[cold]
    fn emit(&mut self, op: impl FnOnce(AtomicId) -> Op, place: Place) {
        let state = self.shard.entry(self.address).or_default();
        let atomic = AtomicId(registry::id_in(&state.id, &ATOMIC_IDS));
        self.inside.emit(op(atomic), place);
    }
}

/// What orders owners and is no event of its own: in the trace it is an atomic.
#[derive(Debug)]
pub(crate) struct Edge(AtomicU32);

impl Edge {
    pub(crate) const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// The owner gives what it knows, or learns what was given.
    #[inline]
    pub(crate) fn tell(&self, inside: &mut Context, order: Order, place: Place) {
        if inside.modes.record() {
            let atomic = AtomicId(registry::id_in(&self.0, &ATOMIC_IDS));
            inside.emit(Op::AtomicRmw { atomic, order }, place);
        }
    }
}

/// A fence.
pub(crate) fn fence(order: Order, place: Place) {
    let Some(mut inside) = enter() else { return };
    inside.emit(Op::Fence { order }, place);
    if inside.modes.races() {
        inside.clock.fence(order);
    }
}

/// A passage through a region meant to be atomic; ends when dropped.
pub(crate) struct Passage(Place);

static PASSAGES: AtomicU64 = AtomicU64::new(1);

impl Passage {
    pub(crate) fn begin(place: Place) -> Self {
        if let Some(mut inside) = enter() {
            inside.emit(Op::RegionBegin, place);
            inside.region.0 += 1;
            inside.region.1.get_or_insert_with(|| Region(PASSAGES.fetch_add(1, Ordering::Relaxed)));
        }
        Self(place)
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        let Some(mut inside) = enter() else { return };
        inside.emit(Op::RegionEnd, self.0);
        inside.region.0 = inside.region.0.saturating_sub(1);
        if inside.region.0 == 0 {
            inside.region.1 = None;
        }
    }
}
