//! Hooks of atomics and fences.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use super::open::{Look, Open, OpenGuard};
use super::readers::Repeated;
use super::use_them;
use crate::analysis::atomicity::{Doing, UpdateState};
use crate::analysis::happens_before::AtomicClock;
use crate::clock::Epoch;
use crate::event::{AtomicId, Object, Op, Order};
use crate::primitive::AtomicU32;
use crate::record::context::{Context, Entered, enter};
use crate::record::registry::{self, Ids, LiveNames};
use crate::record::spin::Spin;
use crate::record::{Place, sink};

pub(crate) static ATOMIC_IDS: Ids = Ids::new();

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
    repeated: Repeated,
    /// Given when a trace is recorded.
    id: AtomicU32,
}

/// An atomic: where it is, and what is known of it. Never moved, and never freed. On lines of its own: its neighbours are other
/// threads'.
#[repr(align(64))]
struct Atomic {
    address: usize,
    state: Open<AtomicState>,
}

/// Number of tables that atomics are spread over.
const SHARDS: usize = 64;

static ATOMICS: LazyLock<[Spin<Shard>; SHARDS]> =
    LazyLock::new(|| std::array::from_fn(|_| Spin::new(Shard::default())));

/// Atomics by address.
#[derive(Default)]
struct Shard {
    known: FxHashMap<usize, &'static Atomic>,
    /// Memory for more, got for several at a time.
    spare: Vec<&'static mut Atomic>,
}

impl Shard {
    /// Most atomics for which memory is got at a time.
    const CHUNK: usize = 64;

    fn find(&mut self, address: usize) -> &'static Atomic {
        if let Some(known) = self.known.get(&address) {
            return known;
        }
        if self.spare.is_empty() {
            let more = self.known.len().clamp(1, Self::CHUNK);
            let chunk: Box<[Atomic]> =
                (0..more).map(|_| Atomic { address: 0, state: Open::new(AtomicState::default()) }).collect();
            self.spare.extend(Box::leak(chunk));
        }
        let Some(atomic) = self.spare.pop() else { unreachable!("some were put there") };
        atomic.address = address;
        let atomic: &'static Atomic = atomic;
        self.known.insert(address, atomic);
        atomic
    }
}

/// The atomics that a thread has used lately: a direct-mapped cache by address, there from its first use of one.
#[derive(Default)]
pub(crate) struct SeenAtomics(Option<Box<[Option<&'static Atomic>; SeenAtomics::SIZE]>>);

impl SeenAtomics {
    const SIZE: usize = 256;

    #[inline(always)]
    fn find(&mut self, address: usize) -> &'static Atomic {
        if let Some(seen) = &self.0
            && let Some(atomic) = seen[Self::home(address)]
            && atomic.address == address
        {
            return atomic;
        }
        self.find_anew(address)
    }

    #[inline(never)]
    fn find_anew(&mut self, address: usize) -> &'static Atomic {
        let shard = (address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - SHARDS.ilog2());
        let atomic = ATOMICS[shard as usize].lock().find(address);
        self.0.get_or_insert_with(|| Box::new([None; Self::SIZE]))[Self::home(address)] = Some(atomic);
        atomic
    }

    /// Arrays, of whatever there is an atomic in each of, have a place for each element.
    #[inline(always)]
    const fn home(address: usize) -> usize {
        (address >> 3 ^ address >> 11 ^ address >> 19 ^ address << 5) % Self::SIZE
    }
}

/// An atomic operation on its way: the real operation is done while this is held, so that the order of the clocks is the
/// modification order.
///
/// Two pointers, so that it stays in registers. The lock is given back first: who has it is inside the tool.
pub(crate) struct AtomicAccess {
    state: OpenGuard<'static, AtomicState>,
    inside: Entered,
}

/// Begins an operation on the atomic at `address`; `None` when neither races are watched nor a trace is recorded.
#[inline]
pub(crate) fn atomic(address: usize) -> Option<AtomicAccess> {
    let (inside, atomic) = begin(address)?;
    Some(AtomicAccess { state: atomic.state.lock(), inside })
}

/// A load of the atomic at `address`, by `real`: if several threads do nothing else, beside theirs.
#[inline(always)]
pub(crate) fn load<R>(address: usize, order: Order, place: Place, real: impl FnOnce() -> R) -> R {
    let Some((mut inside, atomic)) = begin(address) else { return real() };
    if atomic.state.is_open()
        && let Some(state) = look_again(&mut inside, atomic, place)
    {
        let value = real();
        state.clock.load(&mut inside.clock, order);
        return value;
    }
    let access = AtomicAccess { state: atomic.state.lock(), inside };
    let value = real();
    access.loaded(order, place);
    value
}

#[inline(always)]
fn begin(address: usize) -> Option<(Entered, &'static Atomic)> {
    let mut inside = enter()?;
    if !inside.modes.races() && !inside.modes.record() {
        return None;
    }
    use_them();
    let atomic = inside.atomics.find(address);
    Some((inside, atomic))
}

/// The state of an atomic, for a load that changes nothing of it.
#[inline(never)]
fn look_again(inside: &mut Context, atomic: &'static Atomic, place: Place) -> Option<Look<'static, AtomicState>> {
    if inside.modes.record() {
        return None;
    }
    let slot = inside.slot.get()?;
    let by = looking(inside, place);
    atomic.state.look(slot).filter(|state| state.updates.has_looked(by))
}

#[inline(always)]
fn looking(inside: &mut Context, place: Place) -> Doing {
    Doing { thread: inside.owner(), site: inside.locks.site(place), ordinal: 0, epoch: Epoch::NONE }
}

impl AtomicAccess {
    /// The operation was a load, or a compare-exchange that failed.
    pub(crate) fn loaded(mut self, order: Order, place: Place) {
        let recorded = self.inside.modes.record();
        if recorded {
            self.emit(|atomic| Op::AtomicLoad { atomic, order }, place);
        }
        let by = looking(&mut self.inside, place);
        let state = &mut *self.state;
        state.clock.load(&mut self.inside.clock, order);
        if !state.updates.has_looked(by) {
            state.updates.look(by, None);
        } else if !recorded && state.updates.are_looks_of_several() && state.repeated.again(&mut self.inside.slot) {
            self.state.leave_open();
        }
    }

    /// The operation was a store.
    pub(crate) fn stored(mut self, order: Order, place: Place) {
        if self.inside.modes.record() {
            self.emit(|atomic| Op::AtomicStore { atomic, order }, place);
        }
        let by = self.writing(place);
        let (state, clock) = (&mut *self.state, &mut self.inside.clock);
        let stale = state.updates.store(by, |write| clock.covers(write));
        state.clock.store(clock, order);
        if let Some(stale) = stale {
            let object = Object::Atomic(AtomicId(registry::id_in(&state.id, &ATOMIC_IDS)));
            let Self { state, mut inside } = self;
            drop(state);
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
        self.state.clock.rmw(&mut self.inside.clock, order);
        self.state.updates.update(by);
    }

    /// A write, at the moment before it is published.
    fn writing(&mut self, place: Place) -> Doing {
        Doing { epoch: self.inside.clock.access(), ..looking(&mut self.inside, place) }
    }

    #[cold]
    fn emit(&mut self, op: impl FnOnce(AtomicId) -> Op, place: Place) {
        let atomic = AtomicId(registry::id_in(&self.state.id, &ATOMIC_IDS));
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
