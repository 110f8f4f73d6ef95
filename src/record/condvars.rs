//! Hooks of condition variables. The queue of waiters is the wrapper's; these are called under its lock.

use std::time::Instant;

use super::Place;
use super::context::enter;
use super::locks::LockMeta;
use super::registry::{self, Ids};
use super::waits::Waiting;
use super::{queue, tasks};
use crate::analysis::wait_for::Wait;
use crate::event::{CondvarId, Object, ObjectKind, Op};
use crate::primitive::AtomicU32;

pub(crate) static CONDVAR_IDS: Ids = Ids::new();

/// What a condvar keeps beside its waiters.
#[derive(Debug)]
pub(crate) struct CondvarMeta {
    id: AtomicU32,
    created: Place,
}

impl CondvarMeta {
    pub(crate) const fn new(created: Place) -> Self {
        Self { id: AtomicU32::new(0), created }
    }

    fn id(&self) -> CondvarId {
        CondvarId(registry::id_in(&self.id, &CONDVAR_IDS))
    }

    /// Gives the condvar a name for reports.
    pub(crate) fn set_name(&self, name: &str) {
        let _inside = enter();
        registry::name(Object::Condvar(self.id()), ObjectKind::Condvar, Some(self.created), name);
    }

    /// The current thread has released the mutex, stands in the queue without a time limit, and enters its wait.
    pub(crate) fn wait(&self, mutex: &LockMeta, place: Place) -> Option<Waiting> {
        let condvar = self.id();
        if let Some(mut inside) = enter() {
            registry::describe(Object::Condvar(condvar), ObjectKind::Condvar, Some(self.created));
            if inside.modes.record() {
                let lock = mutex.lock_id(&mut inside);
                inside.emit(Op::CondvarRequest { condvar, lock }, place);
            }
        }
        queue::enter_wait(Wait::Condvar(condvar), place)
    }

    /// The current thread has released the mutex, stands in the queue, and waits until `deadline` (`None`: for ages).
    pub(crate) fn wait_until(&self, deadline: Option<Instant>, place: Place) {
        {
            let _inside = enter();
            registry::describe(Object::Condvar(self.id()), ObjectKind::Condvar, Some(self.created));
        }
        tasks::blocks_until(Wait::Condvar(self.id()), deadline, place);
    }

    /// The current thread's wait is over.
    pub(crate) fn woken(&self, notified: bool, place: Place) {
        if let Some(mut inside) = enter()
            && inside.modes.record()
        {
            inside.emit(Op::CondvarWoken { condvar: self.id(), notified }, place);
        }
    }

    /// The current thread has released the mutex, without a time limit, and was notified before it could tell of its wait. It
    /// has waited all the same, which is told to those who ask what other orders would do. In a trace whose waits are judged as
    /// they come, it would stand behind its notification, like a wait that nobody ends.
    pub(crate) fn woken_at_once(&self, mutex: &LockMeta, place: Place) {
        if let Some(mut inside) = enter()
            && inside.modes.record()
        {
            let condvar = self.id();
            if inside.kept.is_some() {
                let lock = mutex.lock_id(&mut inside);
                inside.emit(Op::CondvarRequest { condvar, lock }, place);
            }
            inside.emit(Op::CondvarWoken { condvar, notified: true }, place);
        }
    }

    /// The current thread has taken waiters out of the queue, `woken` of which had told of their wait.
    pub(crate) fn notified(&self, all: bool, woken: u32, place: Place) {
        if let Some(mut inside) = enter()
            && inside.modes.record()
        {
            inside.emit(Op::Notify { condvar: self.id(), all, woken }, place);
        }
    }
}

impl Drop for CondvarMeta {
    fn drop(&mut self) {
        if *self.id.get_mut() != 0
            && let Some(_inside) = enter()
        {
            registry::forget(Object::Condvar(self.id()));
        }
    }
}
