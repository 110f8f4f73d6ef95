//! A task, from before it is first polled on.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::leaf::LeafState;
use super::losses::Takings;
use super::poll::{self, Polling};
use super::states::StateRef;
use super::timeline::{self, Happening};
use super::word::Word;
pub(crate) use super::word::flags;
use super::{RuntimeMeta, Target, spell};
use crate::analysis::happens_before::{SyncClock, ThreadClock};
use crate::analysis::lock_order::Moment;
use crate::analysis::wait_for::{Leg, PoolId, SessionId};
use crate::event::{LockId, Op, TaskId, ThreadId};
use crate::record::context::enter;
use crate::record::locks::Line;
use crate::record::registry::{self, Ids};
use crate::record::spin::{Spin, SpinGuard};
use crate::record::{Place, config, threads, waits};

static TASK_IDS: Ids = Ids::new();

/// How a task is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Polled by its runtime.
    Polled,
    /// Polled by the thread in `block_on` alone.
    Root,
    /// The same, and the thread polls the runtime's other tasks, too.
    Driver,
    /// A job on a thread of its own.
    Job,
}

/// What is known of a task.
pub(crate) struct State {
    pub(crate) actor: ThreadId,
    pub(crate) session: SessionId,
    /// That of the thread that spawned it: see [`ThreadRecord::origin`](crate::record::threads::ThreadRecord).
    pub(crate) origin: ThreadId,
    pub(crate) kind: Kind,
    pub(crate) runtime: RuntimeMeta,
    pub(super) spawned: Place,
    word: Word,
    /// Wakers of it that live: all, and those that leaves have.
    pub(super) wakers: AtomicU32,
    pub(super) leaf_wakers: AtomicU32,
    inner: Spin<Inner>,
}

/// What changes of a task. Touched by the thread that polls it, and by who looks into it while none does.
pub(super) struct Inner {
    /// What it knows when it is not polled, and what its wakers know.
    pub(super) clock: SyncClock,
    /// When it was spawned, in the order of forks and joins. It goes into its line.
    pub(super) base: Option<Moment>,
    /// Most tasks come to their end without any of this.
    pub(super) more: Option<Box<More>>,
}

/// What a task that waits, holds something or has a clock of its own keeps besides.
#[derive(Default)]
pub(super) struct More {
    /// Leaves that are registered, sorted by their tickets: a task may wait for thousands of things, whose waits mostly end in
    /// the order in which they began.
    pub(super) leaves: VecDeque<Arc<LeafState>>,
    /// The messages that it took last.
    pub(super) takings: Option<Box<Takings>>,
    /// What it takes along from poll to poll, if that is anything.
    pub(super) line: Option<Box<Line>>,
    /// Its own clock when it is not polled, if it has one.
    pub(super) strand: Option<Box<ThreadClock>>,
}

impl Inner {
    pub(super) fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    pub(super) fn leaves(&self) -> impl Iterator<Item = &Arc<LeafState>> {
        self.more.iter().flat_map(|more| &more.leaves)
    }

    /// What it takes along from poll to poll, if that is anything.
    pub(super) fn line(&self) -> Option<&Line> {
        self.more.as_ref()?.line.as_deref()
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task").field("id", &self.actor).field("spawned", &self.spawned).finish_non_exhaustive()
    }
}

impl State {
    pub(super) fn inner(&self) -> SpinGuard<'_, Inner> {
        self.inner.lock()
    }

    #[inline]
    pub(crate) fn is(&self, flag: u32) -> bool {
        self.flags() & flag != 0
    }

    #[inline]
    pub(super) fn flags(&self) -> u32 {
        self.word.flags()
    }

    pub(crate) fn set(&self, flag: u32) -> bool {
        self.add(flag) & flag != 0
    }

    /// As [`set`](Self::set), of one or several. Gives those that were set before.
    fn add(&self, flags: u32) -> u32 {
        self.word.add(flags)
    }

    pub(crate) fn clear(&self, flag: u32) {
        self.word.clear(flag);
    }

    /// Polls begun.
    pub(super) fn polls(&self) -> u32 {
        self.word.polls()
    }

    /// A poll begins. Gives the flags that were set before; `None` if the task has ended.
    #[inline]
    pub(super) fn begin_poll(&self) -> Option<u32> {
        self.word.begin_poll()
    }

    /// The tasks whose end it waits for.
    pub(crate) fn awaited(&self) -> Vec<StateRef> {
        self.inner().leaves().flat_map(|leaf| leaf.awaited().iter().cloned()).collect()
    }

    /// What was granted to waits of it that it does not look at while its thread waits in the middle of a poll.
    pub(crate) fn granted_unseen(&self) -> Vec<Leg> {
        let inner = self.inner();
        inner.leaves().filter(|leaf| leaf.woken().is_some()).filter_map(|leaf| leaf.granted()).collect()
    }

    /// The wait graph gets to know it. False if it does, or if it is too late.
    pub(crate) fn becomes_known(&self) -> bool {
        self.add(flags::KNOWN) & (flags::KNOWN | flags::ENDED) == 0
    }

    /// Who polls it, and who looks at the clock for it.
    pub(crate) fn pools(&self) -> (Option<PoolId>, Option<PoolId>) {
        self.runtime.pools(self.kind)
    }

    /// The pool that has one worker less while it blocks.
    pub(super) fn occupies(&self) -> Option<PoolId> {
        self.pools().0
    }

    /// Somebody woke the task: told before the real wake-up.
    pub(super) fn woken(&self) {
        if self.is(flags::ENDED) {
            return;
        }
        if !self.set(flags::SCHEDULED) {
            timeline::tell(self.actor, Happening::Woken);
        }
        if self.is(flags::ENTERED) {
            waits::task_woken(self.actor);
        }
        let Some(mut inside) = enter() else { return };
        if let Some(task) = self.actor.task() {
            inside.emit(Op::Woken { task }, self.spawned);
        }
        if inside.modes.races() && !inside.clock.is_trivial() {
            self.inner().clock.publish_join(&mut inside.clock);
        }
    }

    /// A waker of it is gone that no leaf had: nobody else may be left who could wake it.
    #[cold]
    pub(super) fn forsaken(&self) {
        if self.is(flags::SUSPENDED)
            && !self.is(flags::SCHEDULED | flags::ENDED)
            && let Some(inside) = enter()
            && inside.modes.waits()
        {
            poll::suspend_from_outside(inside, self);
        }
    }

    /// The task does nothing more.
    #[inline]
    pub(super) fn end(&self, cancelled: bool) {
        if !self.is(flags::ENDED) {
            self.end_with(cancelled, false);
        }
    }

    /// As [`end`](Self::end). `is_bare`: it has kept nothing from poll to poll.
    pub(super) fn end_with(&self, cancelled: bool, is_bare: bool) {
        let before = self.add(flags::ENDED);
        if before & flags::ENDED != 0 {
            return;
        }
        spell::works();
        timeline::tell(self.actor, if cancelled { Happening::Cancelled } else { Happening::Ended });
        if config::is_recording()
            && let (Some(mut inside), Some(task)) = (enter(), self.actor.task())
        {
            inside.emit(Op::TaskEnded { task, cancelled }, self.spawned);
        }
        let left = if is_bare { Vec::new() } else { self.leaves_off() };
        super::holders::forget(self);
        if before & flags::KNOWN != 0 {
            waits::task_ends(self, &left);
        } else {
            let before = self.runtime.count(self.kind).fetch_sub(1, Ordering::SeqCst);
            if before == 1 {
                waits::unknown_task_ended(self.session);
            }
        }
    }
}

impl State {
    /// It needs nothing any more of what it kept from poll to poll. Gives the blocking locks that it has leaked.
    fn leaves_off(&self) -> Vec<LockId> {
        let mut inner = self.inner();
        let Inner { clock, more: Some(more), .. } = &mut *inner else { return Vec::new() };
        let leaves = std::mem::take(&mut more.leaves);
        let told = more.line.as_ref().is_some_and(|line| line.is_told());
        let left = more.line.as_ref().map(|line| line.left()).unwrap_or_default();
        if !told {
            more.line = None;
        }
        if let Some(mut strand) = more.strand.take() {
            clock.publish_join(&mut strand);
            threads::end_strand(*strand);
        }
        drop(inner);
        drop(leaves);
        left
    }
}

/// A task that is about to be handed to a runtime: as a future, through [`Watched`](super::Watched), or as a blocking job,
/// through [`run`](Self::run). Dropped before, it was cancelled.
#[derive(Debug)]
pub struct Task(pub(super) Option<StateRef>);

/// What others may keep of a task: its join handle, who aborts it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TaskRecord(pub(super) Option<StateRef>);

impl Task {
    /// The current owner spawns a task at `place`; everything that it did so far happens before the first poll.
    #[must_use]
    pub fn spawned(runtime: RuntimeMeta, name: Option<&str>, place: Place) -> Self {
        Self::new(runtime, Kind::Polled, name, place)
    }

    /// A job for the runtime's threads for blocking work (`spawn_blocking`). To be [run](Self::run).
    #[must_use]
    pub fn job(runtime: RuntimeMeta, name: Option<&str>, place: Place) -> Self {
        Self::new(runtime, Kind::Job, name, place)
    }

    pub(super) fn new(runtime: RuntimeMeta, kind: Kind, name: Option<&str>, place: Place) -> Self {
        let Some(mut inside) = enter() else { return Self(None) };
        spell::works();
        let Some(id) = TaskId::new(TASK_IDS.next()) else { return Self(None) };
        let actor = ThreadId::of_task(id);
        if let Some(name) = name {
            registry::name_thread(actor, name);
        }
        let context = &mut *inside;
        let base = if context.modes.order() { context.locks.spawns() } else { None };
        context.locks.hands_on();
        context.emit(Op::TaskSpawned { task: id }, place);
        if let Some(kept) = &context.kept {
            // Of tasks nothing is predicted.
            kept.give_up();
        }
        runtime.count(kind).fetch_add(1, Ordering::SeqCst);
        timeline::tell(actor, Happening::Spawned { by: context.locks.owner(), at: place });
        let (session, origin) = (runtime.session(), context.origin());
        let state = StateRef::new(
            #[inline(always)]
            || State {
                actor,
                session,
                origin,
                kind,
                runtime,
                spawned: place,
                word: Word::new(flags::SCHEDULED),
                wakers: AtomicU32::new(0),
                leaf_wakers: AtomicU32::new(0),
                inner: Spin::new(Inner { clock: SyncClock::new(), base, more: None }),
            },
        );
        if context.modes.races() {
            state.inner().clock.publish(&mut context.clock);
        }
        Self(Some(state))
    }

    /// What others may keep of it.
    #[must_use]
    pub fn record(&self) -> TaskRecord {
        TaskRecord(self.0.clone())
    }

    /// Runs a job, on the thread where the runtime has it run.
    pub fn run<R>(self, job: impl FnOnce() -> R) -> R {
        let Some(state) = &self.0 else { return job() };
        let _entered = state.runtime.enter();
        let polling = Polling::begin(state);
        let result = job();
        match polling {
            Some(polling) => polling.ended(),
            None => state.end(false),
        }
        result
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(state) = &self.0 {
            state.end(true);
        }
    }
}

impl TaskRecord {
    /// The wait for its end, for the leaf in a join handle. The place of such a leaf is that of the spawn, for a handle is
    /// polled by nobody's source line.
    #[must_use]
    pub fn target(&self) -> Target {
        Target::end_of(self)
    }

    /// Where it was spawned.
    #[must_use]
    pub fn spawned(&self) -> Place {
        self.0.as_ref().map_or(std::panic::Location::caller(), |state| state.spawned)
    }

    /// Its number, from 1; 0 if it is not watched.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.as_ref().and_then(|state| state.actor.task()).map_or(0, TaskId::get)
    }

    /// The current owner has seen the task's end (the join handle was ready): all that it did happens before.
    pub fn joined(&self, place: Place) {
        let Some(state) = &self.0 else { return };
        let Some(mut inside) = enter() else { return };
        if let Some(task) = state.actor.task() {
            inside.emit(Op::TaskJoined { task }, place);
        }
        let inner = state.inner();
        if inside.modes.races() {
            inner.clock.acquire(&mut inside.clock);
        }
        let told = inner.line().is_some_and(Line::is_told);
        drop(inner);
        if told {
            inside.locks.joined(state.actor);
        }
    }

    /// The current owner asks for the task to be aborted, before the real call.
    pub fn abort(&self) {
        if let Some(state) = &self.0 {
            state.set(flags::ABORTED);
            state.woken();
        }
    }

    /// Does the current owner run in this task?
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.0.as_ref().is_some_and(|state| poll::current().is_some_and(|current| StateRef::ptr_eq(&current, state)))
    }
}
