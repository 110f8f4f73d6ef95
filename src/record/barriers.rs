//! Hooks of barriers. The barrier itself lives in the wrapper; all of these are called under its lock.

use std::sync::Arc;

use parking_lot::Mutex;

use super::Place;
use super::context::enter;
use super::queue;
use super::registry::{self, Ids};
use super::waits::Waiting;
use crate::analysis::happens_before::SyncClock;
use crate::analysis::wait_for::Wait;
use crate::event::{BarrierId, Object, ObjectKind, Op};
use crate::primitive::AtomicU32;

static BARRIER_IDS: Ids = Ids::new();

/// What all arrivals of one generation know. Kept by each of them until it leaves, so that a generation on its way out
/// does not mix with the next.
pub(crate) type Generation = Arc<Mutex<SyncClock>>;

/// What a barrier keeps beside its count.
#[derive(Debug)]
pub(crate) struct BarrierMeta {
    id: AtomicU32,
    created: Place,
    parties: u32,
    /// The generation that is not full yet, if someone has arrived.
    generation: Mutex<Option<Generation>>,
}

impl BarrierMeta {
    pub(crate) const fn new(parties: usize, created: Place) -> Self {
        let parties = if parties > u32::MAX as usize { u32::MAX } else { parties as u32 };
        Self { id: AtomicU32::new(0), created, parties, generation: Mutex::new(None) }
    }

    fn id(&self) -> BarrierId {
        BarrierId(registry::id_in(&self.id, &BARRIER_IDS))
    }

    /// Gives the barrier a name for reports.
    pub(crate) fn set_name(&self, name: &str) {
        let _inside = enter();
        registry::name(Object::Barrier(self.id()), ObjectKind::Barrier, Some(self.created), name);
    }

    /// The id, known by its place.
    pub(crate) fn described(&self) -> BarrierId {
        let _inside = enter();
        registry::describe(Object::Barrier(self.id()), ObjectKind::Barrier, Some(self.created));
        self.id()
    }

    /// The current thread arrives, as the last of its generation or not. The value is for [`leave`](Self::leave).
    pub(crate) fn arrive(&self, last: bool, place: Place) -> Generation {
        let mut inside = enter();
        let mut open = self.generation.lock();
        let generation = Arc::clone(open.get_or_insert_default());
        if last {
            *open = None;
        }
        if let Some(inside) = &mut inside {
            if inside.modes.record() {
                inside.emit(Op::BarrierArrive { barrier: self.id(), parties: self.parties }, place);
            }
            if inside.modes.races() {
                generation.lock().publish_join(&mut inside.clock);
            }
        }
        generation
    }

    /// The current thread stands in the queue and enters its wait.
    pub(crate) fn wait(&self, place: Place) -> Option<Waiting> {
        if let Some(_inside) = enter() {
            registry::describe(Object::Barrier(self.id()), ObjectKind::Barrier, Some(self.created));
        }
        queue::enter_wait(Wait::Barrier(self.id()), place)
    }

    /// The current thread leaves after all arrivals of its generation.
    pub(crate) fn leave(&self, generation: Generation, place: Place) {
        let Some(mut inside) = enter() else { return };
        if inside.modes.record() {
            inside.emit(Op::BarrierLeave { barrier: self.id() }, place);
        }
        if inside.modes.races() {
            generation.lock().acquire(&mut inside.clock);
        }
    }
}

impl Drop for BarrierMeta {
    fn drop(&mut self) {
        if *self.id.get_mut() != 0
            && let Some(_inside) = enter()
        {
            registry::forget(Object::Barrier(self.id()));
        }
    }
}
