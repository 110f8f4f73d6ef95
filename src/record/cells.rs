//! Hooks of memory: shared cells, atomics, fences.

use std::sync::LazyLock;

use parking_lot::{Mutex, MutexGuard};
use rustc_hash::FxHashMap;

use super::context::{Context, enter};
use super::registry::{self, Ids, LiveNames};
use super::{Place, sink};
use crate::analysis::happens_before::{self, AccessInfo, AtomicClock, HeldLock, Race, ThreadClock, VarState};
use crate::event::{LockId, Mode, Object, ObjectKind, Order, SiteId, ThreadId, VarId};
use crate::primitive::AtomicU32;

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
        self.access(place, VarState::read, false);
    }

    /// A write, checked while the caller keeps everyone else away from the value.
    pub(crate) fn write(&self, place: Place) {
        self.access(place, VarState::write, true);
    }

    #[inline]
    fn access(
        &self,
        place: Place,
        check: for<'a> fn(&'a mut VarState<Access>, &mut ThreadClock, Access) -> &'a [AccessInfo<Access>],
        write: bool,
    ) {
        let Some(mut inside) = enter() else { return };
        let context = &mut *inside;
        if !context.modes.races() {
            return;
        }
        let site = context.locks.site(place);
        let held = context.locks.innermost();
        let access = Access { thread: context.thread, origin: context.record.origin, site, held };
        let mut state = self.state.lock();
        let conflicts = check(&mut state, &mut context.clock, access);
        if !conflicts.is_empty() {
            let conflicts: Vec<_> = conflicts.to_vec();
            drop(state);
            self.races(context, access, write, &conflicts);
        }
    }

    #[cold]
    fn races(&self, context: &mut Context, later: Access, write: bool, conflicts: &[AccessInfo<Access>]) {
        let object = self.object();
        registry::describe(object, ObjectKind::Cell, Some(self.created));
        let Object::Var(var) = object else { return };
        for earlier in conflicts.iter().filter(|earlier| earlier.info.origin == later.origin) {
            let race = Race { var, earlier: earlier.info.side(earlier.write), later: later.side(write) };
            sink::report(context, race.finding(&LiveNames));
        }
    }
}

impl Access {
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
#[derive(Default)]
struct AtomicState {
    clock: AtomicClock,
    /// The value after the last operation. Another value at the next one means that the memory was given to another
    /// atomic, or written through `get_mut`: the release sequence is over.
    last: Option<u128>,
}

type Shard = Mutex<FxHashMap<usize, AtomicState>>;

static ATOMICS: LazyLock<[Shard; SHARDS]> = LazyLock::new(|| std::array::from_fn(|_| Mutex::default()));

/// An atomic operation on its way: the real operation is done while this is held, so that the order of the clocks is the
/// modification order.
pub(crate) struct AtomicAccess {
    inside: super::context::Entered,
    shard: MutexGuard<'static, FxHashMap<usize, AtomicState>>,
    address: usize,
}

/// Begins an operation on the atomic at `address`; `None` when races are not watched.
#[inline]
pub(crate) fn atomic(address: usize) -> Option<AtomicAccess> {
    let inside = enter()?;
    if !inside.modes.races() {
        return None;
    }
    let shard = ATOMICS[(address >> 3).wrapping_mul(0x9e37_79b1) >> 16 & (SHARDS - 1)].lock();
    Some(AtomicAccess { inside, shard, address })
}

impl AtomicAccess {
    /// The operation read `value`.
    pub(crate) fn loaded(mut self, order: Order, value: u128) {
        let Some(state) = self.shard.get_mut(&self.address) else { return };
        if state.last == Some(value) {
            state.clock.load(&mut self.inside.clock, order);
        } else {
            self.shard.remove(&self.address);
        }
    }

    /// The operation wrote `value` without reading.
    pub(crate) fn stored(mut self, order: Order, value: u128) {
        let state = self.shard.entry(self.address).or_default();
        state.clock.store(&mut self.inside.clock, order);
        state.last = Some(value);
    }

    /// The operation read `old` and wrote `new`.
    pub(crate) fn swapped(mut self, order: Order, old: u128, new: u128) {
        let state = self.shard.entry(self.address).or_default();
        if state.last != Some(old) {
            *state = AtomicState::default();
        }
        state.clock.rmw(&mut self.inside.clock, order);
        state.last = Some(new);
    }
}

/// A fence.
pub(crate) fn fence(order: Order) {
    if let Some(mut inside) = enter()
        && inside.modes.races()
    {
        inside.clock.fence(order);
    }
}
