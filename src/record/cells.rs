//! Hooks of memory: shared cells, atomics, fences, regions.

mod atomics;
pub(crate) mod gate;
mod open;
pub(crate) mod readers;

use std::cell::{Cell, UnsafeCell};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub(crate) use self::atomics::{ATOMIC_IDS, Edge, SeenAtomics, atomic, fence, load};
use self::readers::{Repeated, Slot};
use super::context::{self, Context, Current, enter};
use super::registry::{self, Ids, LiveNames};
use super::{Place, sink};
use crate::analysis::atomicity::{CellUpdates, Doing, Region};
use crate::analysis::happens_before::{self, AccessInfo, HeldLock, Race, VarState};
use crate::clock::Epoch;
use crate::event::{LockId, Mode, Object, ObjectKind, Op, SiteId, ThreadId, VarId};
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
    repeated: Cell<Repeated>,
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
        Self { state: UnsafeCell::new(state), id: AtomicU32::new(0), created, repeated: Cell::new(Repeated::NONE) }
    }

    pub(crate) fn set_name(&self, name: &str) {
        let _inside = enter();
        registry::name(self.object(), ObjectKind::Cell, Some(self.created), name);
    }

    fn object(&self) -> Object {
        Object::Var(VarId(registry::id_in(&self.id, &VAR_IDS)))
    }

    /// A read. Are several threads doing nothing else, so that it is worth letting them read beside one another? Those only may
    /// who copy the value.
    ///
    /// # Safety
    ///
    /// The caller is alone inside the cell.
    #[inline]
    pub(crate) unsafe fn read(&self, place: Place, copies: bool) -> bool {
        // SAFETY: by the caller's promise. Nothing is called below but arithmetic on the context and the state.
        let known = unsafe {
            let state = &*self.state.get();
            context::current().hot().is_some_and(|context| state.is_read_again(context))
        };
        // SAFETY: by the caller's promise.
        !known && unsafe { self.read_anew(place, copies) }
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
    unsafe fn read_anew(&self, place: Place, copies: bool) -> bool {
        // SAFETY: by the caller's promise.
        let state = unsafe { &mut *self.state.get() };
        // SAFETY: nothing is called but arithmetic on the context and the state.
        if let Some(context) = unsafe { context::current().hot() }
            && state.has_read(context)
        {
            return copies && state.accesses.is_read_by_several() && self.opens();
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
    fn opens(&self) -> bool {
        let Some(mut inside) = enter() else { return false };
        let mut repeated = self.repeated.get();
        let opens = repeated.again(&mut inside.slot);
        self.repeated.set(repeated);
        opens
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
