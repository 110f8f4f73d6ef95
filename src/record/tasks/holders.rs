//! What tasks hold, found by who gives it back for them: a guard of tasks may be dropped anywhere.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use super::StateRef;
use super::task::{State, flags};
use crate::event::{LockId, Mode, ThreadId};
use crate::record::context::Context;
use crate::record::locks::LockState;
use crate::record::waits;

/// Tasks that hold something, or have, and have not ended.
static HOLDERS: LazyLock<Mutex<FxHashMap<ThreadId, StateRef>>> = LazyLock::new(Mutex::default);

/// What was given back for an owner that was not to be reached.
static RETURNED: Mutex<Vec<(ThreadId, LockId, Mode)>> = Mutex::new(Vec::new());
static RETURNS: AtomicUsize = AtomicUsize::new(0);

/// The task that the thread polls holds something.
pub(crate) fn holds(context: &Context) {
    if let Some(frame) = context.frames.last()
        && !frame.task.is(flags::HOLDER)
        && !frame.task.set(flags::HOLDER)
    {
        HOLDERS.lock().insert(frame.task.actor, StateRef::clone(&frame.task));
    }
}

/// The task has ended.
pub(super) fn forget(state: &State) {
    if state.is(flags::HOLDER) {
        let task = HOLDERS.lock().remove(&state.actor);
        drop(task);
    }
}

/// What `owner` holds is given back by someone else. False if it is known no more.
pub(crate) fn give_back(owner: ThreadId, lock: LockId, mode: Mode) -> bool {
    let task = HOLDERS.lock().get(&owner).cloned();
    if owner.task().is_some() && task.is_none() {
        return false;
    }
    if let Some(task) = &task {
        let mut inner = task.inner();
        if let Some(line) = inner.more.as_mut().and_then(|more| more.line.as_mut())
            && line.put_down(lock, mode).is_some()
        {
            drop(inner);
            if task.is(flags::ENTERED) {
                waits::released(owner, lock);
            }
            return true;
        }
    }
    // It is at it right now, or a thread.
    RETURNED.lock().push((owner, lock, mode));
    RETURNS.fetch_add(1, Ordering::Release);
    true
}

/// The owner hears of what was given back for it.
pub(crate) fn take_returned(locks: &mut LockState) {
    if RETURNS.load(Ordering::Acquire) == 0 {
        return;
    }
    let owner = locks.owner();
    let mut returned = RETURNED.lock();
    let mut own = Vec::new();
    returned.retain(|&(whose, lock, mode)| {
        if whose == owner {
            own.push((lock, mode));
        }
        whose != owner
    });
    RETURNS.store(returned.len(), Ordering::Release);
    drop(returned);
    for (lock, mode) in own {
        locks.put_down(lock, mode);
    }
}
