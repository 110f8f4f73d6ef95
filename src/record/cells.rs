//! Hooks of memory: shared cells, atomics, fences.

use std::sync::LazyLock;
use std::sync::atomic::AtomicU32;

use parking_lot::{Mutex, MutexGuard};
use rustc_hash::FxHashMap;

use super::context::{Context, enter};
use super::registry::{self, Ids, LiveNames};
use super::{Place, sink};
use crate::analysis::happens_before::{AccessInfo, AtomicClock, VarState};
use crate::event::{AtomicId, LockId, Mode, Names, Object, ObjectKind, Op, Order, SiteId, ThreadId, VarId};
use crate::finding::{Finding, Held, Involved, Kind, SiteReport, Tier};

static VAR_IDS: Ids = Ids::new();

/// What a cell remembers of an access.
#[derive(Clone, Copy)]
struct Access {
    thread: ThreadId,
    origin: ThreadId,
    site: SiteId,
    /// The innermost lock held, and where it was taken.
    held: Option<(LockId, Mode, SiteId)>,
}

const NOWHERE: Access = Access { thread: ThreadId(0), origin: ThreadId(0), site: SiteId::UNKNOWN, held: None };

/// What a `Shared` keeps beside its value.
pub(crate) struct CellMeta {
    id: AtomicU32,
    created: Place,
    state: Mutex<VarState<Access>>,
}

impl CellMeta {
    pub(crate) const fn new(created: Place) -> Self {
        Self { id: AtomicU32::new(0), created, state: Mutex::new(VarState::new(NOWHERE)) }
    }

    pub(crate) fn set_name(&self, name: &str) {
        let _inside = enter();
        registry::name(self.object(), ObjectKind::Cell, Some(self.created), name);
    }

    fn object(&self) -> Object {
        Object::Var(VarId(registry::id_in(&self.id, &VAR_IDS)))
    }

    /// A read, checked while the caller keeps writers of the value away.
    pub(crate) fn read(&self, place: Place) {
        self.access(place, false);
    }

    /// A write, checked while the caller keeps everyone else away from the value.
    pub(crate) fn write(&self, place: Place) {
        self.access(place, true);
    }

    /// A read that can't be part of a race.
    pub(crate) fn read_speculatively(&self, place: Place) {
        let Some(mut inside) = enter() else { return };
        if inside.modes.record() {
            let var = VarId(registry::id_in(&self.id, &VAR_IDS));
            inside.emit(Op::SpeculativeRead { var }, place);
        }
    }

    #[inline]
    fn access(&self, place: Place, write: bool) {
        let Some(mut inside) = enter() else { return };
        let context = &mut *inside;
        if context.modes.record() {
            let var = VarId(registry::id_in(&self.id, &VAR_IDS));
            context.emit(if write { Op::Write { var } } else { Op::Read { var } }, place);
        }
        if !context.modes.races() {
            return;
        }
        let site = context.locks.site(place);
        let held = context.locks.innermost();
        let access = Access { thread: context.thread, origin: context.record.origin, site, held };
        let mut state = self.state.lock();
        let clock = &mut context.clock;
        let conflicts = if write { state.write(clock, access) } else { state.read(clock, access) };
        if !conflicts.is_empty() {
            let conflicts: Vec<_> = conflicts.to_vec();
            drop(state);
            self.races(context, access, write, &conflicts);
        }
    }

    #[cold]
    fn races(&self, context: &mut Context, later: Access, write: bool, conflicts: &[AccessInfo<Access>]) {
        registry::describe(self.object(), ObjectKind::Cell, Some(self.created));
        for conflict in conflicts.iter().filter(|conflict| conflict.info.origin == later.origin) {
            sink::report(context, self.race(later, write, conflict));
        }
    }

    fn race(&self, later: Access, write: bool, earlier: &AccessInfo<Access>) -> Finding {
        let names = &LiveNames;
        let label = names.label(self.object());
        let report = |access: Access, write: bool| SiteReport {
            role: format!("{} of {label}", if write { "write" } else { "read" }),
            site: names.site(access.site),
            owner: names.thread_label(access.thread),
            held: access.held.into_iter().map(|(lock, mode, at)| Held::new(names, lock, mode, at)).collect(),
            event: None,
            stack: Vec::new(),
        };
        let sites = vec![report(later, write), report(earlier.info, earlier.write)];
        let message = format!("{label} is accessed by two threads with nothing that orders them");
        Finding::new(Kind::DataRace, Tier::Observed, message, sites, vec![Involved::new(names, self.object())])
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
    /// Given when a trace is recorded.
    id: AtomicU32,
}

pub(crate) static ATOMIC_IDS: Ids = Ids::new();

type Shard = Mutex<FxHashMap<usize, AtomicState>>;

static ATOMICS: LazyLock<[Shard; SHARDS]> = LazyLock::new(|| std::array::from_fn(|_| Mutex::default()));

/// An atomic operation on its way: the real operation is done while this is held, so that the order of the clocks is the
/// modification order.
pub(crate) struct AtomicAccess {
    inside: super::context::Entered,
    shard: MutexGuard<'static, FxHashMap<usize, AtomicState>>,
    address: usize,
}

/// Begins an operation on the atomic at `address`; `None` when neither races are watched nor a trace is recorded.
#[inline]
pub(crate) fn atomic(address: usize) -> Option<AtomicAccess> {
    let inside = enter()?;
    if !inside.modes.races() && !inside.modes.record() {
        return None;
    }
    let shard = ATOMICS[(address >> 3).wrapping_mul(0x9e37_79b1) >> 16 & (SHARDS - 1)].lock();
    Some(AtomicAccess { inside, shard, address })
}

impl AtomicAccess {
    /// The operation was a load, or a compare-exchange that failed.
    pub(crate) fn loaded(mut self, order: Order, place: Place) {
        if self.inside.modes.record() {
            self.emit(|atomic| Op::AtomicLoad { atomic, order }, place);
        }
        // Without a state nobody has published anything there.
        if let Some(state) = self.shard.get_mut(&self.address) {
            state.clock.load(&mut self.inside.clock, order);
        }
    }

    /// The operation was a store.
    pub(crate) fn stored(mut self, order: Order, place: Place) {
        if self.inside.modes.record() {
            self.emit(|atomic| Op::AtomicStore { atomic, order }, place);
        }
        self.shard.entry(self.address).or_default().clock.store(&mut self.inside.clock, order);
    }

    /// The operation was a read-modify-write.
    pub(crate) fn swapped(mut self, order: Order, place: Place) {
        if self.inside.modes.record() {
            self.emit(|atomic| Op::AtomicRmw { atomic, order }, place);
        }
        self.shard.entry(self.address).or_default().clock.rmw(&mut self.inside.clock, order);
    }

    #[cold]
    fn emit(&mut self, op: impl FnOnce(AtomicId) -> Op, place: Place) {
        let state = self.shard.entry(self.address).or_default();
        let atomic = AtomicId(registry::id_in(&state.id, &ATOMIC_IDS));
        self.inside.emit(op(atomic), place);
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
