//! Queues of waiting threads, for objects whose waiting is our own: first in, first out, and whoever grants a wait knows
//! whose it is.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::Place;
use super::context::{Inside, enter};
use super::waits::{self, Grant, Waiting};
use crate::analysis::wait_for::Wait;
use crate::event::ThreadId;

/// A thread in a queue.
#[derive(Debug)]
pub(crate) struct Waiter {
    /// `None` for a thread that is not watched.
    thread: Option<ThreadId>,
    grant: Grant,
}

impl Waiter {
    /// The current thread, about to wait.
    pub(crate) fn new() -> Arc<Self> {
        let thread = enter().map(|inside| inside.owner());
        let _inside = Inside::new();
        Arc::new(Self { thread, grant: Grant::default() })
    }

    /// Ends the wait. Called under the lock of the object in whose queue the waiter was.
    pub(crate) fn end(&self) {
        if let Some(thread) = self.thread {
            waits::granted(thread);
        }
        self.grant.give();
    }

    /// Sleeps until the wait is ended, or the deadline has passed: then false.
    pub(crate) fn sleep(&self, deadline: Option<Instant>) -> bool {
        match deadline {
            Some(deadline) => self.grant.wait_until(deadline),
            None => {
                self.grant.wait();
                true
            }
        }
    }
}

/// Enters a wait. Called under the object's own lock, by a thread that stands in its queue and has no time limit.
///
/// # Panics
///
/// If this closes a knot and the user asked for a panic then; the thread then still stands in the queue.
#[cold]
pub(crate) fn enter_wait(wait: Wait, place: Place) -> Option<Waiting> {
    let mut inside = enter()?;
    let site = inside.locks.site(place);
    waits::begin(inside, wait, site)
}

/// Puts something to the end of a list of ours: the memory that this may take is not the program's.
pub(crate) fn push<T>(list: &mut VecDeque<T>, item: T) {
    let _inside = Inside::new();
    list.push_back(item);
}

/// The waiters of one object.
#[derive(Debug, Default)]
pub(crate) struct Queue(VecDeque<Arc<Waiter>>);

impl Queue {
    /// Nobody waits. Does not allocate.
    pub(crate) const fn new() -> Self {
        Self(VecDeque::new())
    }

    /// To the end of the queue.
    pub(crate) fn join(&mut self, waiter: &Arc<Waiter>) {
        push(&mut self.0, Arc::clone(waiter));
    }

    /// Out of the queue without a grant. False if the waiter is not there any more: its wait was ended.
    pub(crate) fn leave(&mut self, waiter: &Arc<Waiter>) -> bool {
        let place = self.0.iter().position(|other| Arc::ptr_eq(other, waiter));
        place.and_then(|place| self.0.remove(place)).is_some()
    }

    /// Who has waited longest.
    pub(crate) fn first(&self) -> Option<&Arc<Waiter>> {
        self.0.front()
    }

    /// Is the waiter in the queue, its wait not ended?
    pub(crate) fn holds(&self, waiter: &Arc<Waiter>) -> bool {
        self.0.iter().any(|other| Arc::ptr_eq(other, waiter))
    }

    /// Ends the wait of the first. False if nobody waits.
    pub(crate) fn end_first(&mut self) -> bool {
        self.0.pop_front().map(|first| first.end()).is_some()
    }

    /// Ends all waits.
    pub(crate) fn end_all(&mut self) {
        while self.end_first() {}
    }
}
