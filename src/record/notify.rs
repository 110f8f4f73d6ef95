//! Hooks of notifications (tokio's `Notify`).

use parking_lot::Mutex;

use super::Place;
use super::cells::Edge;
use super::condvars::CONDVAR_IDS;
use super::context::enter;
use super::registry;
use super::tasks::Target;
use crate::analysis::happens_before::SyncClock;
use crate::analysis::wait_for::Wait;
use crate::event::{CondvarId, Object, ObjectKind, Order};
use crate::primitive::AtomicU32;

/// What a wrapper keeps beside a `Notify`.
#[derive(Debug)]
pub struct NotifyMeta {
    id: AtomicU32,
    created: Place,
    clock: Mutex<SyncClock>,
    edge: Edge,
}

impl NotifyMeta {
    /// Of a notify made at `created`.
    #[must_use]
    pub const fn new(created: Place) -> Self {
        Self { id: AtomicU32::new(0), created, clock: Mutex::new(SyncClock::new()), edge: Edge::new() }
    }

    fn id(&self) -> CondvarId {
        CondvarId(registry::id_in(&self.id, &CONDVAR_IDS))
    }

    /// Gives it a name for reports.
    pub fn set_name(&self, name: &str) {
        let _inside = enter();
        registry::name(Object::Condvar(self.id()), ObjectKind::Notify, Some(self.created), name);
    }

    /// The wait for a notification.
    #[must_use]
    pub fn wants(&self) -> Target {
        let _inside = enter();
        registry::describe(Object::Condvar(self.id()), ObjectKind::Notify, Some(self.created));
        Target::of(Wait::Condvar(self.id()))
    }

    /// Before a real `notify_one`, `notify_last` or `notify_waiters`.
    pub fn notifying(&self, place: Place) {
        let Some(mut inside) = enter() else { return };
        self.edge.tell(&mut inside, Order::AcqRel, place);
        if inside.modes.races() {
            self.clock.lock().publish_join(&mut inside.clock);
        }
    }

    /// The current owner was notified: its future was ready.
    pub fn notified(&self, place: Place) {
        let Some(mut inside) = enter() else { return };
        self.edge.tell(&mut inside, Order::Acquire, place);
        if inside.modes.races() {
            self.clock.lock().acquire(&mut inside.clock);
        }
    }
}

impl Drop for NotifyMeta {
    fn drop(&mut self) {
        if self.id.load(std::sync::atomic::Ordering::Relaxed) != 0
            && let Some(_inside) = enter()
        {
            registry::forget(Object::Condvar(self.id()));
        }
    }
}
