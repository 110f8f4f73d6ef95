//! The threads of a stream: who runs, who ended, and with which clock.

use crate::event::{BarrierId, Owner, ThreadId};

use super::barrier::Generation;
use super::held::Holding;
use super::sync::SyncClock;
use super::table::at;
use super::thread::{SlotTable, ThreadClock};

/// A thread between its first event and its last.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) clock: ThreadClock,
    pub(super) holding: Holding,
    /// The barrier that it has arrived at and not left.
    pub(super) barrier: Option<(BarrierId, Generation)>,
}

#[derive(Default, Debug)]
enum State {
    #[default]
    New,
    Running(Running),
    /// Ended, and not joined yet: what a join will learn.
    Ended(SyncClock),
    /// Ended, and known to have by this thread.
    Joined(ThreadId),
    /// There was no slot left for it.
    Untracked,
}

#[derive(Default, Debug)]
pub(super) struct Threads {
    states: Vec<State>,
    slots: SlotTable,
    untracked: usize,
}

impl Threads {
    /// The clock that counts what this owner does: its thread's. `None` for a thread that could not be given a slot.
    #[inline]
    pub(super) fn clock_of(&mut self, owner: Owner) -> Option<&mut Running> {
        self.running(owner.thread)
    }

    /// How many threads could not be followed.
    pub(super) const fn untracked(&self) -> usize {
        self.untracked
    }

    /// How many clock components were given out.
    pub(super) const fn components(&self) -> usize {
        self.slots.len()
    }

    #[inline]
    fn running(&mut self, thread: ThreadId) -> Option<&mut Running> {
        let index = thread.index();
        if !matches!(self.states.get(index), Some(State::Running(_))) {
            self.appear(thread);
        }
        match &mut self.states[index] {
            State::Running(running) => Some(running),
            _ => None,
        }
    }

    /// A thread that nobody is known to have started; or one that goes on after its end, as destructors of thread-locals
    /// do in a scoped thread. That one goes on from its end; after a join, from what whoever joined it knows by now: too
    /// much rather than too little, and nothing has to be kept of the threads that ended.
    #[inline(never)]
    fn appear(&mut self, thread: ThreadId) {
        let state = at(&mut self.states, thread.index(), State::default);
        if matches!(state, State::Untracked) {
            return;
        }
        let before = self.known_of(thread);
        let mut clock = self.slots.root();
        if let Some(clock) = &mut clock {
            before.acquire(clock);
        }
        self.start(thread, clock);
    }

    fn start(&mut self, thread: ThreadId, clock: Option<ThreadClock>) {
        self.untracked += usize::from(clock.is_none());
        let running = clock.map(|clock| Running { clock, holding: Holding::default(), barrier: None });
        *at(&mut self.states, thread.index(), State::default) = running.map_or(State::Untracked, State::Running);
    }

    /// `owner` starts `child`.
    pub(super) fn fork(&mut self, owner: Owner, child: ThreadId) {
        if self.clock_of(owner).is_none() {
            return;
        }
        if matches!(at(&mut self.states, child.index(), State::default), State::New) {
            let State::Running(parent) = &mut self.states[owner.thread.index()] else { return };
            let clock = self.slots.fork(&mut parent.clock);
            self.start(child, clock);
        } else {
            // It was seen before it was started: what is left to order is what it does from now on.
            let mut clock = SyncClock::new();
            self.with(owner.thread, |parent| clock.publish(parent));
            self.with(child, |child| clock.acquire(child));
        }
    }

    /// The thread has ended.
    pub(super) fn end(&mut self, thread: ThreadId) {
        let Some(state) = self.states.get_mut(thread.index()) else { return };
        if !matches!(state, State::Running(_)) {
            return;
        }
        if let State::Running(mut running) = std::mem::take(state) {
            let mut end = SyncClock::new();
            end.publish(&mut running.clock);
            *state = State::Ended(end);
            self.slots.finish(running.clock);
        }
    }

    /// `owner` has seen the end of `child`.
    pub(super) fn joined(&mut self, owner: Owner, child: ThreadId) {
        if owner.thread == child {
            return;
        }
        // If it was joined itself, and goes on, it does so from here: no two are joined by each other.
        self.clock_of(owner);
        self.end(child);
        let Some(state) = self.states.get_mut(child.index()) else { return };
        match state {
            State::Ended(_) => {
                if let State::Ended(end) = std::mem::replace(state, State::Joined(owner.thread)) {
                    self.with(owner.thread, |owner| end.acquire(owner));
                }
            }
            // Seen before by another one, which looked whether it had finished.
            State::Joined(by) if *by != owner.thread => {
                let known = self.known_of(child);
                self.with(owner.thread, |owner| known.acquire(owner));
            }
            _ => {}
        }
    }

    /// What whoever joined the thread knows by now: the end of the thread, and more. (Its own end is kept no longer.)
    fn known_of(&mut self, thread: ThreadId) -> SyncClock {
        let mut last = thread;
        while let Some(State::Joined(by)) = self.states.get(last.index()) {
            last = *by;
        }
        let mut known = SyncClock::new();
        match &mut self.states[last.index()] {
            State::Ended(end) => known.assign(end),
            State::Running(running) => known.publish(&mut running.clock),
            _ => {}
        }
        known
    }

    fn with(&mut self, thread: ThreadId, act: impl FnOnce(&mut ThreadClock)) {
        if let Some(running) = self.running(thread) {
            act(&mut running.clock);
        }
    }
}
