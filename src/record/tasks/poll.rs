//! The passage of a thread through a task's poll.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::sync::atomic::Ordering;

use super::hazards;
use super::losses::Takings;
use super::spell::{self, Spell};
use super::states::StateRef;
use super::task::{Inner, State, flags};
use super::timeline::{self, Happening};
use crate::analysis::atomicity::Region;
use crate::analysis::happens_before::{SyncClock, ThreadClock};
use crate::analysis::wait_for::{Blocked, Holding, Leg, PoolId, Possession, SessionId, Wait};
use crate::event::{Op, SiteId, ThreadId};
use crate::record::context::{Context, Entered, enter};
use crate::record::locks::Line;
use crate::record::{cells, outside, threads, waits};

/// A poll that the thread is in. Polls nest: `block_on` inside a poll.
pub(crate) struct Frame {
    /// Not counted: it is that of the [`Polling`], which ends before the poll does.
    pub(super) task: ManuallyDrop<StateRef>,
    /// What belongs to the owner outside.
    outer: Line,
    session: SessionId,
    region: (u32, Option<Region>),
    /// The thread's clock, while the task's own is in its place.
    clock: Option<Box<ThreadClock>>,
    /// A leaf has let others go first: the task is as good as scheduled.
    pub(super) yielded: bool,
    /// The wait that was refused last because the poll's budget is spent, and how often in a row.
    refused: (usize, u32),
    /// The worker has handed its tasks on (`block_in_place`).
    pub(super) in_place: bool,
    /// Not a poll: its future is dropped.
    pub(crate) dropping: bool,
    /// How long it takes.
    spell: Spell,
    /// Number of the last wait that was given up in this poll.
    pub(crate) given_up: u64,
    /// Where that wait was.
    pub(crate) given_up_at: Option<SiteId>,
    /// The messages that the task took last.
    pub(super) takings: Option<Box<Takings>>,
}

impl Frame {
    pub(crate) fn origin(&self) -> ThreadId {
        self.task.origin
    }

    /// The pool that has one worker less while the task blocks here.
    pub(crate) fn occupies(&self) -> Option<PoolId> {
        self.task.occupies().filter(|_| !self.in_place)
    }

    /// The wait at this address was refused, for the budget of the poll is spent: until the poll is over nothing else will come
    /// of it. True when something asks for it over and over: once.
    pub(super) fn refuses(&mut self, wait: usize) -> bool {
        /// A set of futures asks again a few times.
        const OFTEN: u32 = 1_000;

        let (last, times) = self.refused;
        let times = if last == wait { times.saturating_add(1) } else { 1 };
        self.refused = (wait, times);
        times == OFTEN && self.is_poll()
    }

    /// See [`Context::domain`].
    pub(crate) fn domain(&self) -> u32 {
        self.task.runtime.domain(self.task.kind)
    }

    /// Is it a poll that others wait for while it lasts?
    pub(crate) fn is_poll(&self) -> bool {
        !self.in_place && self.task.kind != super::task::Kind::Job
    }

    /// Does the task wait for something else, too?
    pub(crate) fn has_siblings(&self) -> bool {
        self.task.is(flags::LEAVES)
    }

    /// Is the task known to hold something now and then, and waits it for nothing else?
    #[inline(always)]
    pub(crate) fn is_quiet_holder(&self) -> bool {
        self.task.flags() & (flags::HOLDER | flags::LEAVES) == flags::HOLDER
    }

    /// Can what was taken after this many waits be in a future that is dropped now?
    #[inline(always)]
    pub(crate) fn may_cut_off(&self, ticket: u64) -> bool {
        self.dropping || self.given_up > ticket
    }

    pub(crate) fn task(&self) -> &StateRef {
        &self.task
    }
}

/// The task that the thread polls.
pub(super) fn current() -> Option<StateRef> {
    Some(StateRef::clone(&enter()?.frames.last()?.task))
}

/// The thread is in the task's poll until this is dropped.
pub(super) struct Polling<'a> {
    state: &'a StateRef,
    over: bool,
    not_send: PhantomData<*const ()>,
}

impl<'a> Polling<'a> {
    /// A poll begins. `None` where nothing is watched.
    pub(super) fn begin(state: &'a StateRef) -> Option<Self> {
        let mut inside = enter()?;
        if state.begin_poll()? & flags::ENTERED != 0 {
            waits::task_polled(state);
        }
        timeline::tell(state.actor, Happening::PollBegin);
        push(&mut inside, state);
        Some(Self { state, over: false, not_send: PhantomData })
    }

    /// The task's future is dropped.
    pub(super) fn of_drop(state: &'a StateRef) -> Option<Self> {
        if state.is(flags::ENDED) {
            return None;
        }
        let mut inside = enter()?;
        state.clear(flags::SUSPENDED);
        if state.is(flags::ENTERED) {
            waits::task_polled(state);
        }
        push(&mut inside, state);
        // By whom, nobody knows: it need not be a worker.
        if let Some(frame) = inside.frames.last_mut() {
            frame.in_place = true;
            frame.dropping = true;
        }
        Some(Self { state, over: false, not_send: PhantomData })
    }

    /// The drop is over.
    pub(super) fn dropped(mut self) {
        self.ready();
    }

    /// The poll is over, and so is the task.
    pub(super) fn ended(mut self) {
        let is_bare = self.ready();
        self.state.end_with(false, is_bare);
    }

    /// The poll, or the drop, is over. Is nothing kept of the task?
    #[inline]
    fn ready(&mut self) -> bool {
        self.over = true;
        let Some(mut inside) = enter() else { return false };
        let left = pop(&mut inside, self.state, false);
        if let Some(left) = &left {
            left.tell_long(&mut inside, self.state);
        }
        timeline::tell(self.state.actor, Happening::PollEnd { pending: false });
        left.is_some_and(|left| left.is_bare)
    }

    /// The poll has returned Pending.
    pub(super) fn pending(mut self) {
        self.over = true;
        let Some(mut inside) = enter() else { return };
        let Some(left) = pop(&mut inside, self.state, true) else { return };
        timeline::tell(self.state.actor, Happening::PollEnd { pending: true });
        left.tell_long(&mut inside, self.state);
        hazards::guards_across_await(&mut inside, self.state);
        if !left.yielded && inside.modes.waits() {
            self.state.set(flags::SUSPENDED);
            suspend(inside, self.state);
        }
    }
}

impl Drop for Polling<'_> {
    /// The poll has panicked.
    fn drop(&mut self) {
        if !self.over
            && let Some(mut inside) = enter()
        {
            pop(&mut inside, self.state, false);
        }
    }
}

fn push(inside: &mut Context, state: &StateRef) {
    if let Some(task) = state.actor.task() {
        inside.emit(Op::PollBegin { task }, state.spawned);
    }
    let mut inner = state.inner();
    let (line, takings) = match &mut inner.more {
        Some(more) => (more.line.take(), more.takings.take()),
        None => (None, None),
    };
    let base = if line.is_none() { inner.base.take() } else { None };
    let clock = if inside.modes.races() { take_clock(inside, state, &mut inner) } else { None };
    drop(inner);
    let session = std::mem::replace(&mut inside.session, state.session);
    let region = std::mem::take(&mut inside.region);
    inside.hands_over();
    let outer = match line {
        Some(line) => inside.locks.resume(*line),
        None => inside.locks.begin_task(state.actor, base),
    };
    let spell = spell::begin(inside.entries);
    // SAFETY: whoever polls the task, or drops its future, has `state` borrowed until then. A frame that is there for longer is
    // that of a poll that was left without having ended: then what it had borrowed is there for ever.
    let task = unsafe { state.uncounted() };
    inside.frames.push(Frame {
        task,
        outer,
        session,
        region,
        clock,
        yielded: false,
        refused: (0, 0),
        in_place: false,
        dropping: false,
        spell,
        given_up: 0,
        given_up_at: None,
        takings,
    });
}

/// What is left of a frame.
struct Left {
    spell: Spell,
    is_poll: bool,
    yielded: bool,
    /// Nothing is kept of its task.
    is_bare: bool,
}

impl Left {
    /// The poll is over: has it taken too long?
    fn tell_long(&self, inside: &mut Context, task: &State) {
        if self.is_poll
            && let Some(computed) = self.spell.end(inside.entries)
        {
            hazards::long_poll(inside, task, computed);
        }
    }
}

fn pop(inside: &mut Context, state: &StateRef, pending: bool) -> Option<Left> {
    loop {
        // Whoever leaked a poll inside this one has left its frame.
        let is_own = StateRef::ptr_eq(&inside.frames.last()?.task, state);
        let left = restore(inside, pending && is_own)?;
        if is_own {
            return Some(left);
        }
    }
}

/// Takes off the innermost frame.
#[inline]
fn restore(inside: &mut Context, pending: bool) -> Option<Left> {
    if inside.modes.record() {
        let task = StateRef::clone(&inside.frames.last()?.task);
        task.runtime.tell_done(inside);
        inside.emit(Op::PollEnd { pending }, task.spawned);
    }
    let is_poll = inside.frames.last()?.is_poll();
    let Frame { task, outer, session, region, clock, yielded, dropping, spell, takings, .. } = inside.frames.pop()?;
    (inside.session, inside.region) = (session, region);
    super::holders::take_returned(&mut inside.locks);
    inside.hands_over();
    let kept = inside.locks.end_task(outer);
    let mut inner = task.inner();
    match kept {
        Err(base) => inner.base = base,
        Ok(line) => inner.more().line = Some(Box::new(line)),
    }
    if let Some(takings) = takings {
        inner.more().takings = Some(takings);
    }
    if inside.modes.races() {
        restore_clock(inside, &task, &mut inner, clock, dropping);
    }
    Some(Left { spell, is_poll, yielded, is_bare: inner.more.is_none() })
}

/// The thread goes on with its own clock. What the task has done is known to its next poll.
#[inline]
fn restore_clock(
    inside: &mut Context,
    task: &State,
    inner: &mut Inner,
    clock: Option<Box<ThreadClock>>,
    dropping: bool,
) {
    match clock {
        Some(mut own) => {
            std::mem::swap(&mut inside.clock, &mut own);
            if dropping {
                // Whoever drops a future goes on after that.
                let mut end = SyncClock::new();
                end.publish(&mut own);
                end.acquire(&mut inside.clock);
            }
            task.runtime.leaves(&mut own);
            inner.more().strand = Some(own);
        }
        None => {
            inner.clock.publish_join(&mut inside.clock);
            task.runtime.leaves(&mut inside.clock);
        }
    }
}

/// The thread goes on with the task's clock, if the task has one of its own: gives the thread's. What a worker does one
/// after the other is ordered by chance only.
fn take_clock(inside: &mut Context, state: &State, inner: &mut Inner) -> Option<Box<ThreadClock>> {
    let mut strand = inner.more.as_mut().and_then(|more| more.strand.take());
    if strand.is_none() && cells::are_in_use() && state.runtime.has_strands(state.kind) {
        strand = threads::strand(&inner.clock).map(Box::new);
    }
    match strand {
        Some(mut strand) => {
            inner.clock.acquire(&mut strand);
            state.runtime.entered(&mut strand);
            std::mem::swap(&mut inside.clock, &mut strand);
            Some(strand)
        }
        None => {
            inner.clock.acquire(&mut inside.clock);
            None
        }
    }
}

/// The task is suspended: enters its wait, unless something that nobody knows could wake it.
fn suspend(inside: Entered, state: &State) {
    if state.is(flags::SCHEDULED) || state.runtime.is_closed() {
        return;
    }
    let foreign = state.wakers.load(Ordering::SeqCst).saturating_sub(state.leaf_wakers.load(Ordering::SeqCst));
    if foreign == 0 {
        if let Some(blocked) = own_lock_of(state) {
            waits::task_may_block(&inside, state, blocked);
        }
        if let Some(blocked) = wait_of(state) {
            waits::task_blocks(inside, state, blocked);
        }
        return;
    }
    // One that something in between has, which wakes the task when one of its leaves is woken. Whether it has anything
    // else that could wake it, nobody knows.
    let in_between = foreign == 1 && state.inner().leaves().any(|leaf| leaf.is_indirect());
    let is_shut = outside::is_shut(state.session);
    if !in_between && !is_shut {
        return;
    }
    let Some(mut blocked) = wait_of(state) else { return };
    if in_between && !blocked.unpolled.is_empty() {
        waits::task_may_block(&inside, state, blocked.clone());
    }
    if is_shut {
        match blocked.wait {
            Wait::Nothing => blocked.wait = Wait::Waker,
            _ => blocked.also.push(Leg { wait: Wait::Waker, site: blocked.site, ordinal: 0, ticket: 0 }),
        }
        waits::task_blocks(inside, state, blocked);
    }
}

/// As [`suspend`], of a task that was suspended with somebody who could have woken it, and has gone. Called by whoever
/// dropped the waker.
pub(super) fn suspend_from_outside(inside: Entered, state: &State) {
    if state.runtime.is_closed() || state.wakers.load(Ordering::SeqCst) > state.leaf_wakers.load(Ordering::SeqCst) {
        return;
    }
    if let Some(blocked) = wait_of(state) {
        drop(inside);
        waits::task_is_forsaken(state, blocked);
    }
}

/// The wait of a task for nothing but a lock that it holds itself, with a time limit that ends it; without that. (A sibling
/// future that holds the lock, and goes on, would wait for something, too.)
fn own_lock_of(state: &State) -> Option<Blocked> {
    let inner = state.inner();
    let leaves = &inner.more.as_ref()?.leaves;
    let (wait, limit) = match (leaves.front()?, leaves.back()?) {
        (wait, limit) if limit.is_limit() => (wait, limit),
        (limit, wait) => (wait, limit),
    };
    if leaves.len() != 2 || !limit.is_limit() || wait.woken().is_some() || limit.woken().is_some() {
        return None;
    }
    let Leg { wait, site, ordinal, ticket } = wait.leg()?;
    let Wait::Lock { lock, mode, .. } = wait else { return None };
    let holds = inner.line()?.holdings();
    let own = |held: &Holding| held.lock == lock && held.possession == Possession::Own && !held.mode.compatible(mode);
    holds.iter().any(own).then(|| {
        let mut blocked = Blocked::new(wait, site, ordinal, holds);
        blocked.ticket = ticket;
        blocked
    })
}

/// What the task waits for; `None` when it waits for something that comes by itself, or that nobody knows.
fn wait_of(state: &State) -> Option<Blocked> {
    let poll = state.polls();
    let inner = state.inner();
    let holds = inner.line().map(Line::holdings).unwrap_or_default();
    let mut legs: Vec<(bool, Leg)> = Vec::new();
    let mut unpolled = Vec::new();
    for leaf in inner.leaves() {
        let leg = leaf.leg()?;
        match leaf.woken() {
            None => {
                let polled = leaf.polled() == poll;
                legs.push((polled, leg));
                legs.extend(leaf.other_legs().map(|other| (polled, other)));
            }
            // It was woken, and a whole poll has passed it by: it is not polled any more, and what it was given stays there.
            Some(at) if at < poll && leaf.polled() < poll => {
                unpolled.extend(leaf.granted());
            }
            Some(_) => return None,
        }
    }
    let (pool, _) = state.pools();
    let has_timer = legs.iter().any(|(_, leg)| leg.wait == Wait::Timer);
    if has_timer && holds.is_empty() && unpolled.is_empty() && pool.is_some() {
        return None;
    }
    // What was asked for last is what the task is about, and a timer the least of it.
    legs.sort_by_key(|(polled, leg)| (leg.wait != Wait::Timer, *polled));
    let mut legs = legs.into_iter().rev().map(|(_, leg)| leg);
    let mut blocked = match legs.next() {
        Some(Leg { wait, site, ordinal, ticket }) => {
            let mut blocked = Blocked::new(wait, site, ordinal, holds);
            blocked.ticket = ticket;
            blocked
        }
        None if state.runtime.repolls() => return None,
        None => Blocked::new(Wait::Nothing, crate::record::registry::site(state.spawned), 0, holds),
    };
    blocked.also.extend(legs);
    unpolled.into_iter().for_each(|leg| blocked.keep_unpolled(leg));
    Some(blocked)
}
