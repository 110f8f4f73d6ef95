//! Scopes of threads: who was started in which, and the wait at the end.

use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use super::Place;
use super::queue::Waiter;
use super::threads::{self, ThreadRecord};
use crate::event::ThreadId;

/// The children of one scope.
#[derive(Default)]
pub(crate) struct Scope(Mutex<State>);

#[derive(Default)]
struct State {
    children: Vec<Child>,
    /// The thread at the end of the scope, and the child whose end it waits for.
    waiter: Option<(ThreadId, Arc<Waiter>)>,
}

struct Child {
    record: Arc<ThreadRecord>,
    running: bool,
}

/// The scopes that are open, by the address of the real one: it has no room for more, and lives as long as the entry.
static SCOPES: LazyLock<Mutex<FxHashMap<usize, Arc<Scope>>>> = LazyLock::new(Mutex::default);

/// A scope opens.
pub(crate) fn open(address: usize) -> Arc<Scope> {
    let scope = Arc::<Scope>::default();
    SCOPES.lock().insert(address, Arc::clone(&scope));
    scope
}

/// The open scope at an address.
pub(crate) fn find(address: usize) -> Option<Arc<Scope>> {
    SCOPES.lock().get(&address).cloned()
}

/// The real scope is about to end: it can start no more threads.
pub(crate) fn close(address: usize) {
    SCOPES.lock().remove(&address);
}

impl Scope {
    /// A child is about to be started.
    pub(crate) fn enrol(self: &Arc<Self>, record: &Arc<ThreadRecord>) -> Member {
        self.0.lock().children.push(Child { record: Arc::clone(record), running: true });
        Member { scope: Arc::clone(self), thread: record.thread }
    }

    /// Waits until the closures of all children have ended, children that are started meanwhile included.
    pub(crate) fn wait(&self, place: Place) {
        loop {
            let waiter = Waiter::new();
            let mut state = self.0.lock();
            let Some(running) = state.children.iter().find(|child| child.running) else { return };
            let record = Arc::clone(&running.record);
            state.waiter = Some((record.thread, Arc::clone(&waiter)));
            let waiting = threads::join_request(&record, place);
            drop(state);
            waiter.sleep(None);
            drop(waiting);
        }
    }

    /// The real scope has ended: everything that its threads did happens before this.
    pub(crate) fn joined(&self, place: Place) {
        for child in &self.0.lock().children {
            threads::joined(&child.record, place);
        }
        threads::scope_ended();
    }
}

/// A child's closure runs as long as this lives. Dropped if the thread could not be started, too.
pub(crate) struct Member {
    scope: Arc<Scope>,
    thread: ThreadId,
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut state = self.scope.0.lock();
        if let Some(child) = state.children.iter_mut().find(|child| child.record.thread == self.thread) {
            child.running = false;
        }
        if let Some((_, waiter)) = state.waiter.take_if(|(thread, _)| *thread == self.thread) {
            waiter.end();
        }
    }
}

/// What a child's closure returned. A result that nobody joins for is dropped by the child itself, after its closure has
/// ended and before the scope ends; what that does belongs to the child.
pub(crate) struct Returned<T> {
    value: Option<T>,
    child: Option<ThreadId>,
}

impl<T> Returned<T> {
    pub(crate) fn new(value: T, child: Option<ThreadId>) -> Self {
        Self { value: Some(value), child }
    }

    /// The value, for the thread that joined.
    pub(crate) fn take(mut self) -> T {
        self.child = None;
        self.value.take().expect("taken once")
    }
}

impl<T> Drop for Returned<T> {
    fn drop(&mut self) {
        drop(self.value.take());
        if let Some(child) = self.child {
            threads::went_on(child);
        }
    }
}
