//! The graph and the search for stuck threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::event::{BarrierId, ChannelId, CondvarId, LockId, Mode, SiteId, ThreadId};

/// Threads that can act on one another. An OR wait of one session is never ended by a thread of another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct SessionId(pub u32);

/// The workers that poll a runtime's tasks, or run its blocking jobs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PoolId(pub u32);

/// What a thread or task waits for, without a time limit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Wait {
    /// A lock, or a once whose initialiser runs (it is held by the thread that runs it).
    Lock {
        /// The lock.
        lock: LockId,
        /// How it is wanted.
        mode: Mode,
        /// The thread holds it upgradably and wants it exclusively: its own hold is not in the way.
        upgrade: bool,
    },
    /// The end of a thread, or of a task.
    Join(ThreadId),
    /// The end of the task that the thread itself polls (`block_on`).
    Root(ThreadId),
    /// A notification.
    Condvar(CondvarId),
    /// Space in a channel, or the partner of a rendezvous.
    Send(ChannelId),
    /// A message.
    Recv(ChannelId),
    /// The other parties.
    Barrier(BarrierId),
    /// The end of an initialiser that anyone may run (`Once::wait`); the once is told apart by its lock.
    Once(LockId),
    /// A wake-up token.
    Park,
    /// Units of a semaphore. Anyone may add some, so this is ended by anyone.
    Units {
        /// The semaphore.
        semaphore: LockId,
        /// How many.
        units: u32,
    },
    /// The end of all receivers of a channel.
    Closed(ChannelId),
    /// A moment in time: it comes, unless nobody is left to look at the clock.
    Timer,
    /// Nothing: no one has kept what would wake the task.
    Nothing,
    /// Work for a thread of a pool. What such a thread does is done by tasks.
    Idle,
    /// The end of all that runs in a pool.
    Drain(PoolId),
}

/// A lock that a blocked thread holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Holding {
    /// The lock.
    pub lock: LockId,
    /// How it is held.
    pub mode: Mode,
    /// Where it was taken.
    pub site: SiteId,
    /// Ordinal of the acquisition, 0 when live.
    pub ordinal: u64,
    /// How certain it is that the owner is the one who will release it.
    pub possession: Possession,
}

/// How something is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Possession {
    /// By the owner itself.
    Own,
    /// By a future of the owner's that it no longer polls: so it does not go on to the release.
    Unpolled,
    /// By a guard that may have been given to someone else.
    Roaming,
}

/// One of several things that a task waits for at a time: any of them lets it go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leg {
    /// For what.
    pub wait: Wait,
    /// Where.
    pub site: SiteId,
    /// Ordinal of the request, 0 when live.
    pub ordinal: u64,
    /// Place in the queue of a lock that serves its waiters in turn: those with lower numbers come first. 0: it does not.
    pub ticket: u64,
}

/// A thread or task that waits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Blocked {
    /// For what.
    pub wait: Wait,
    /// Where.
    pub site: SiteId,
    /// Ordinal of the request, 0 when live.
    pub ordinal: u64,
    /// What it holds meanwhile.
    pub holds: Vec<Holding>,
    /// Place in the queue, see [`Leg`].
    pub ticket: u64,
    /// What else would let it go on.
    pub also: Vec<Leg>,
    /// Waits of a task that were granted to futures which it no longer polls: what they got, nobody has.
    pub unpolled: Vec<Leg>,
}

impl Blocked {
    /// A wait for one thing.
    #[must_use]
    pub const fn new(wait: Wait, site: SiteId, ordinal: u64, holds: Vec<Holding>) -> Self {
        Self { wait, site, ordinal, holds, ticket: 0, also: Vec::new(), unpolled: Vec::new() }
    }

    /// Of a task that waits for nothing but a worker.
    fn starved() -> Self {
        Self::new(Wait::Idle, SiteId::UNKNOWN, 0, Vec::new())
    }

    /// All that it waits for; one is enough.
    pub(super) fn legs(&self) -> impl Iterator<Item = Leg> + '_ {
        let first = Leg { wait: self.wait, site: self.site, ordinal: self.ordinal, ticket: self.ticket };
        std::iter::once(first).chain(self.also.iter().copied())
    }
}

/// One thread of a [`Knot`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Who.
    pub thread: ThreadId,
    /// What it waits for and what it holds.
    pub blocked: Blocked,
    /// It waits for nothing but a worker that would poll it; `blocked` says what it waited for before.
    pub starved: bool,
    /// The members that it waits for; itself for a self-deadlock.
    pub waits_for: Vec<ThreadId>,
}

/// Threads that will wait for ever: the one whose wait closed the knot comes first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Knot {
    /// The members, each reachable from the first.
    pub members: Vec<Member>,
    /// Locks waited for that were left locked by a thread that has ended.
    pub abandoned: Vec<(LockId, ThreadId)>,
    /// Semaphores waited for of which units were thrown away.
    pub leaked: Vec<LockId>,
    /// A channel with messages in it all of whose receivers are members: a pool whose workers wait for work that is
    /// queued behind them.
    pub starved: Option<ChannelId>,
}

/// The messages in a channel and the living threads that ever took one.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Backlog {
    /// Messages not yet taken.
    pub queued: u64,
    /// The threads that serve the channel.
    pub takers: Vec<ThreadId>,
}

impl Knot {
    /// Notes the first channel, if any, that only members serve and that has work for them.
    pub fn starve<'a>(&mut self, channels: impl IntoIterator<Item = (ChannelId, &'a Backlog)>) {
        let member = |thread: &ThreadId| self.members.iter().any(|member| member.thread == *thread);
        let starved = channels.into_iter().filter(|(_, backlog)| {
            backlog.queued > 0 && !backlog.takers.is_empty() && backlog.takers.iter().all(member)
        });
        self.starved = starved.map(|(channel, _)| channel).min();
    }
}

/// A thread or a task.
#[derive(Debug)]
struct Actor {
    session: SessionId,
    blocked: Option<Blocked>,
    /// A task that was woken and has not been polled since: it waits for nothing but a worker, and holds what it held.
    woken: bool,
    /// Of a task: who polls it, and who looks at the clock for it.
    pool: Option<PoolId>,
    driver: Option<PoolId>,
    /// It goes on although no worker is left.
    in_place: bool,
    /// It waits in the middle of a poll, and keeps a worker of this pool from all others.
    occupies: Option<PoolId>,
}

impl Actor {
    fn waits(&self) -> bool {
        self.blocked.is_some() && !self.woken
    }

    fn is_idle(&self) -> bool {
        self.blocked.as_ref().is_some_and(|blocked| blocked.wait == Wait::Idle)
    }
}

/// Who polls a runtime's tasks.
#[derive(Debug)]
struct Pool {
    session: SessionId,
    /// 0: nobody knows.
    workers: usize,
    /// Those that wait in the middle of a poll.
    occupants: Vec<ThreadId>,
    /// Its tasks that the graph was not told of.
    others: Arc<AtomicUsize>,
}

#[derive(Default, Debug, Clone)]
struct Census {
    live: usize,
    blocked: usize,
    pools: Vec<PoolId>,
}

/// Who is there, who waits, and for what.
#[derive(Default, Debug)]
pub struct WaitGraph {
    actors: FxHashMap<ThreadId, Actor>,
    sessions: FxHashMap<SessionId, Census>,
    pools: FxHashMap<PoolId, Pool>,
    /// Blocked owners by lock held, and by lock waited for.
    holders: FxHashMap<LockId, Vec<ThreadId>>,
    waiters: FxHashMap<LockId, Vec<ThreadId>>,
    abandoned: FxHashMap<LockId, ThreadId>,
    /// Semaphores of which units were thrown away, and none added since.
    leaked: FxHashSet<LockId>,
}

impl WaitGraph {
    /// A thread that may act from now on. Told before the thread can run, so that no one is taken for alone too early.
    pub fn begin(&mut self, thread: ThreadId, session: SessionId) {
        self.begin_task(thread, session, None, None);
    }

    /// A task, or a job, that may act from now on: polled by the workers of `pool` alone, if it is known; its timers are
    /// looked at by those of `driver`.
    pub fn begin_task(&mut self, task: ThreadId, session: SessionId, pool: Option<PoolId>, driver: Option<PoolId>) {
        let actor = Actor { session, blocked: None, woken: false, pool, driver, in_place: false, occupies: None };
        if self.actors.insert(task, actor).is_none() {
            self.sessions.entry(session).or_default().live += 1;
        }
    }

    /// A pool with so many workers. `others` counts those of its tasks that the graph has not been told of.
    pub fn add_pool(&mut self, pool: PoolId, session: SessionId, workers: usize, others: Arc<AtomicUsize>) {
        self.pools.insert(pool, Pool { session, workers, occupants: Vec::new(), others });
        self.sessions.entry(session).or_default().pools.push(pool);
    }

    /// The pool is no more.
    pub fn remove_pool(&mut self, pool: PoolId) {
        let Some(gone) = self.pools.remove(&pool) else { return };
        if let Some(census) = self.sessions.get_mut(&gone.session) {
            census.pools.retain(|&other| other != pool);
        }
        self.forget_session(gone.session);
    }

    fn forget_session(&mut self, session: SessionId) {
        if self.sessions.get(&session).is_some_and(|census| census.live == 0 && census.pools.is_empty()) {
            self.sessions.remove(&session);
        }
    }

    /// The owner will not act any more. `left` are the locks it never released. Returns a knot that this leaves behind:
    /// the others may have waited for what only this one could have done.
    pub fn end(&mut self, thread: ThreadId, left: &[LockId]) -> Option<Knot> {
        self.unblock(thread);
        let gone = self.actors.remove(&thread)?;
        if let Some(census) = self.sessions.get_mut(&gone.session) {
            census.live -= 1;
        }
        self.forget_session(gone.session);
        self.abandoned.extend(left.iter().map(|&lock| (lock, thread)));
        self.left_alone(gone.session)
    }

    /// A knot in a session in which nobody acts any more, if anyone waits for that.
    pub fn left_alone(&self, session: SessionId) -> Option<Knot> {
        if !self.may_be_quiet(session) {
            return None;
        }
        let needs_anyone = |actor: &Actor| {
            !actor.woken
                && actor.blocked.as_ref().is_some_and(|blocked| blocked.legs().any(|leg| self.needs_anyone(leg.wait)))
        };
        let mut waiting: Vec<ThreadId> = self
            .actors
            .iter()
            .filter(|(_, other)| other.session == session && needs_anyone(other))
            .map(|(&id, _)| id)
            .collect();
        waiting.sort_unstable();
        waiting.into_iter().find_map(|id| self.search(id))
    }

    /// The owner starts to wait. Returns the knot that this closes, if any. Cost: constant while what it waits for is
    /// not itself waiting, else linear in the blocked owners reachable.
    pub fn block(&mut self, thread: ThreadId, blocked: Blocked) -> Option<Knot> {
        self.enter(thread, blocked, None);
        self.search(thread)
    }

    /// As [`block`](Self::block), of a task that waits in the middle of a poll: its worker waits with it.
    pub fn block_worker(&mut self, task: ThreadId, blocked: Blocked, pool: PoolId) -> Option<Knot> {
        self.enter(task, blocked, Some(pool));
        self.search(task)
    }

    fn enter(&mut self, thread: ThreadId, blocked: Blocked, occupies: Option<PoolId>) {
        let Some(actor) = self.actors.get_mut(&thread) else { return };
        debug_assert!(actor.blocked.is_none(), "{thread} waits twice");
        for holding in &blocked.holds {
            self.holders.entry(holding.lock).or_default().push(thread);
        }
        for leg in blocked.legs() {
            if let Some(lock) = lock_of(leg.wait) {
                self.waiters.entry(lock).or_default().push(thread);
            }
        }
        actor.blocked = Some(blocked);
        actor.woken = false;
        self.sessions.entry(actor.session).or_default().blocked += 1;
        if let Some(pool) = occupies.and_then(|pool| self.pools.get_mut(&pool)) {
            actor.occupies = occupies;
            pool.occupants.push(thread);
        }
    }

    /// The owner no longer waits: it got what it wanted, or gave up, or someone granted it. Not an error when it
    /// was not waiting.
    pub fn unblock(&mut self, thread: ThreadId) {
        let Some(actor) = self.actors.get_mut(&thread) else { return };
        let Some(blocked) = actor.blocked.take() else { return };
        if !std::mem::take(&mut actor.woken)
            && let Some(census) = self.sessions.get_mut(&actor.session)
        {
            census.blocked -= 1;
        }
        if let Some(pool) = actor.occupies.take().and_then(|pool| self.pools.get_mut(&pool)) {
            pool.occupants.retain(|&other| other != thread);
        }
        for holding in &blocked.holds {
            forget(&mut self.holders, holding.lock, thread);
        }
        for leg in blocked.legs() {
            if let Some(lock) = lock_of(leg.wait) {
                forget(&mut self.waiters, lock, thread);
            }
        }
    }

    /// A suspended task was woken: it waits for a worker only, and still holds what it held. Until the poll, see
    /// [`unblock`](Self::unblock).
    pub fn wake(&mut self, task: ThreadId) {
        let Some(actor) = self.actors.get_mut(&task) else { return };
        if actor.waits() {
            actor.woken = true;
            if let Some(census) = self.sessions.get_mut(&actor.session) {
                census.blocked -= 1;
            }
        }
    }

    /// The task goes on although no worker is left (`block_in_place`), or no longer.
    pub fn set_in_place(&mut self, task: ThreadId, in_place: bool) {
        if let Some(actor) = self.actors.get_mut(&task) {
            actor.in_place = in_place;
        }
    }

    /// What a waiting owner held is released by someone else.
    pub fn release(&mut self, thread: ThreadId, lock: LockId) {
        let Some(blocked) = self.actors.get_mut(&thread).and_then(|actor| actor.blocked.as_mut()) else { return };
        if let Some(place) = blocked.holds.iter().position(|held| held.lock == lock) {
            blocked.holds.remove(place);
            forget(&mut self.holders, lock, thread);
        }
    }

    /// Is the lock held by someone who waits, or is suspended?
    #[must_use]
    pub fn is_held_by_waiting(&self, lock: LockId) -> bool {
        self.holders.contains_key(&lock)
    }

    /// Units of a semaphore were thrown away (`gone`), or some were added.
    pub fn units_gone(&mut self, semaphore: LockId, gone: bool) {
        match gone {
            true => self.leaked.insert(semaphore),
            false => self.leaked.remove(&semaphore),
        };
    }

    /// Was the owner told to [begin](Self::begin), and not to end?
    #[must_use]
    pub fn is_known(&self, thread: ThreadId) -> bool {
        self.actors.contains_key(&thread)
    }

    /// Is the owner known to wait?
    #[must_use]
    pub fn is_blocked(&self, thread: ThreadId) -> bool {
        self.actors.get(&thread).is_some_and(Actor::waits)
    }

    /// Does everyone in the session wait, or is there no one left?
    #[must_use]
    pub fn is_quiet(&self, session: SessionId) -> bool {
        let Some(census) = self.sessions.get(&session) else { return true };
        census.live == census.blocked && census.pools.iter().all(|pool| self.others(*pool) == 0)
    }

    fn others(&self, pool: PoolId) -> usize {
        self.pools.get(&pool).map_or(0, |pool| pool.others.load(Ordering::SeqCst))
    }

    /// Is the session quiet, or would it be if tasks that find no worker did not count?
    fn may_be_quiet(&self, session: SessionId) -> bool {
        let full = |pool: &PoolId| self.pools.get(pool).is_some_and(Pool::is_full);
        self.sessions.get(&session).is_some_and(|census| census.pools.iter().any(full)) || self.is_quiet(session)
    }

    /// The lock is free again although its last holder has ended (`force_unlock`), or it was destroyed.
    pub fn reclaim(&mut self, lock: LockId) {
        self.abandoned.remove(&lock);
    }

    /// The knot that `thread` is part of, if it is stuck now.
    #[must_use]
    pub fn search(&self, thread: ThreadId) -> Option<Knot> {
        let (mut stuck, order) = self.reachable(thread)?;
        loop {
            let freed: Vec<ThreadId> =
                order.iter().copied().filter(|id| stuck.contains(id) && !self.is_stuck(*id, &stuck)).collect();
            if freed.is_empty() {
                break;
            }
            for id in freed {
                stuck.remove(&id);
            }
            if !stuck.contains(&thread) {
                return None;
            }
        }
        Some(self.knot(thread, &stuck))
    }

    /// The owners that `thread` waits for, directly or not, and that may be stuck, in the order of discovery; `None` as
    /// soon as it is clear that `thread` itself is not stuck.
    fn reachable(&self, thread: ThreadId) -> Option<(FxHashSet<ThreadId>, Vec<ThreadId>)> {
        let mut seen = FxHashSet::default();
        let mut order = vec![thread];
        seen.insert(thread);
        let mut next = 0;
        while let Some(&id) = order.get(next) {
            next += 1;
            let actor = &self.actors[&id];
            let hopeless = actor.waits()
                && !self.is_starved(actor)
                && actor.blocked.iter().flat_map(Blocked::legs).any(|leg| self.needs_anyone(leg.wait))
                && !self.may_be_quiet(actor.session);
            if hopeless {
                if id == thread {
                    return None;
                }
                seen.remove(&id);
                continue;
            }
            for other in self.waits_for(id) {
                if self.may_be_stuck(other) && seen.insert(other) {
                    order.push(other);
                }
            }
        }
        Some((seen, order))
    }

    fn may_be_stuck(&self, id: ThreadId) -> bool {
        self.actors.get(&id).is_some_and(|actor| actor.waits() || self.is_starved(actor))
    }

    /// Is it a task that no worker is free to poll?
    fn is_starved(&self, actor: &Actor) -> bool {
        let polled = actor.pool.filter(|_| actor.occupies.is_none() && !actor.in_place);
        polled.and_then(|pool| self.pools.get(&pool)).is_some_and(Pool::is_full)
    }

    /// Can any live owner end this wait? True of a lock, too, that a thread has left locked behind it: a forced unlock
    /// is all that could free it.
    fn needs_anyone(&self, wait: Wait) -> bool {
        match wait {
            Wait::Lock { lock, .. } => self.abandoned.contains_key(&lock),
            Wait::Join(_) | Wait::Root(_) | Wait::Timer | Wait::Idle | Wait::Drain(_) => false,
            Wait::Condvar(_)
            | Wait::Send(_)
            | Wait::Recv(_)
            | Wait::Barrier(_)
            | Wait::Once(_)
            | Wait::Park
            | Wait::Units { .. }
            | Wait::Closed(_)
            | Wait::Nothing => true,
        }
    }

    /// Those whose being stuck keeps `thread` stuck (one of them for an AND wait, all for an OR wait), in a stable order.
    fn waits_for(&self, thread: ThreadId) -> Vec<ThreadId> {
        let actor = &self.actors[&thread];
        let mut found = Vec::new();
        if self.is_starved(actor)
            && let Some(pool) = actor.pool.and_then(|pool| self.pools.get(&pool))
        {
            found.extend(&pool.occupants);
        }
        if let Some(blocked) = actor.blocked.as_ref().filter(|_| !actor.woken) {
            for leg in blocked.legs() {
                self.leg_waits_for(thread, actor, leg, &mut found);
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    fn leg_waits_for(&self, thread: ThreadId, actor: &Actor, leg: Leg, found: &mut Vec<ThreadId>) {
        if self.needs_anyone(leg.wait) {
            let others = self
                .actors
                .iter()
                .filter(|(id, other)| **id != thread && other.session == actor.session && !other.is_idle());
            found.extend(others.map(|(&id, _)| id));
            return;
        }
        match leg.wait {
            Wait::Lock { lock, mode, upgrade } => {
                found.extend(self.in_the_way(thread, lock, mode, upgrade, leg.ticket))
            }
            Wait::Join(child) | Wait::Root(child) => found.push(child),
            Wait::Timer => {
                if let Some(pool) = actor.driver.and_then(|pool| self.pools.get(&pool)).filter(|pool| pool.is_full()) {
                    found.extend(&pool.occupants);
                }
            }
            Wait::Drain(pool) => {
                found.extend(self.pools.get(&pool).iter().flat_map(|pool| &pool.occupants));
            }
            _ => {}
        }
    }

    /// Blocked owners that keep `thread` from the lock: holders in an incompatible mode, and for a reader that queues, and
    /// for any upgradable one, also the writers in the queue (std and parking_lot prefer a waiting writer to a new reader;
    /// of a lock that serves its waiters in turn, those that came before).
    fn in_the_way(&self, thread: ThreadId, lock: LockId, mode: Mode, upgrade: bool, ticket: u64) -> Vec<ThreadId> {
        let holds = |&other: &ThreadId| {
            let Some(blocked) = self.actors.get(&other).and_then(|actor| actor.blocked.as_ref()) else { return false };
            blocked.holds.iter().filter(|held| held.lock == lock).any(|held| {
                let own_upgradable = upgrade && other == thread && held.mode == Mode::Upgradable;
                !own_upgradable && !held.mode.compatible(mode)
            })
        };
        let mut found: Vec<ThreadId> =
            self.holders.get(&lock).into_iter().flatten().copied().filter(|id| holds(id)).collect();
        let queued = |id: &ThreadId| {
            self.actors[id].blocked.iter().flat_map(Blocked::legs).any(|leg| match leg.wait {
                Wait::Lock { lock: wanted, mode: Mode::Exclusive, .. } if wanted == lock => match ticket {
                    0 => *id != thread,
                    _ => leg.ticket < ticket,
                },
                _ => false,
            })
        };
        if matches!(mode, Mode::Shared | Mode::Upgradable) {
            found.extend(self.waiters.get(&lock).into_iter().flatten().copied().filter(queued));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Is it certain that a stuck `other` keeps `lock` from the rest? Not if its guard may be elsewhere by now.
    fn keeps(&self, other: ThreadId, lock: LockId) -> bool {
        let holds = self.actors[&other].blocked.iter().flat_map(|blocked| &blocked.holds);
        let mut holds = holds.filter(|held| held.lock == lock).peekable();
        // In front in the queue, it holds nothing.
        holds.peek().is_none() || holds.any(|held| held.possession != Possession::Roaming)
    }

    fn is_stuck(&self, thread: ThreadId, stuck: &FxHashSet<ThreadId>) -> bool {
        let actor = &self.actors[&thread];
        let stalled = |pool: Option<PoolId>| {
            let pool = pool.and_then(|pool| self.pools.get(&pool));
            pool.is_some_and(|pool| pool.is_full() && pool.occupants.iter().all(|other| stuck.contains(other)))
        };
        if actor.occupies.is_none() && !actor.in_place && stalled(actor.pool) {
            return true;
        }
        let Some(blocked) = actor.blocked.as_ref().filter(|_| !actor.woken) else { return false };
        let mut quiet = None;
        blocked.legs().all(|leg| {
            if self.needs_anyone(leg.wait) {
                return *quiet.get_or_insert_with(|| self.all_stuck(actor.session, stuck));
            }
            match leg.wait {
                Wait::Lock { lock, mode, upgrade } => {
                    let mut others = self.in_the_way(thread, lock, mode, upgrade, leg.ticket).into_iter();
                    let roams = |other| !self.keeps(other, lock);
                    others.any(|other| {
                        let is_kept = stuck.contains(&other) && !roams(other);
                        is_kept
                            || (stuck.contains(&other)
                                && *quiet.get_or_insert_with(|| self.all_stuck(actor.session, stuck)))
                    })
                }
                Wait::Join(child) | Wait::Root(child) => stuck.contains(&child),
                Wait::Timer => stalled(actor.driver),
                Wait::Drain(pool) => {
                    self.pools.get(&pool).is_some_and(|pool| pool.occupants.iter().any(|other| stuck.contains(other)))
                }
                Wait::Idle => true,
                _ => false,
            }
        })
    }

    /// Are all of a session stuck?
    fn all_stuck(&self, session: SessionId, stuck: &FxHashSet<ThreadId>) -> bool {
        let Some(census) = self.sessions.get(&session) else { return true };
        let stalled = |id: &PoolId| {
            self.others(*id) == 0
                || self
                    .pools
                    .get(id)
                    .is_some_and(|pool| pool.is_full() && pool.occupants.iter().all(|other| stuck.contains(other)))
        };
        census.pools.iter().all(stalled)
            && self.actors.iter().all(|(id, other)| other.session != session || stuck.contains(id) || other.is_idle())
    }

    /// The members reachable from `thread` within the stuck set. Where an AND wait has several stuck owners, all count.
    fn knot(&self, thread: ThreadId, stuck: &FxHashSet<ThreadId>) -> Knot {
        let mut members: Vec<Member> = Vec::new();
        let mut seen: FxHashSet<ThreadId> = FxHashSet::default();
        let mut queue = std::collections::VecDeque::from([thread]);
        let (mut abandoned, mut leaked) = (Vec::new(), Vec::new());
        seen.insert(thread);
        while let Some(id) = queue.pop_front() {
            let actor = &self.actors[&id];
            let starved = actor.woken || actor.blocked.is_none();
            let blocked = match &actor.blocked {
                Some(blocked) => blocked.clone(),
                None => Blocked::starved(),
            };
            let waits_for: Vec<ThreadId> =
                self.waits_for(id).into_iter().filter(|other| stuck.contains(other)).collect();
            queue.extend(waits_for.iter().copied().filter(|other| seen.insert(*other)));
            for leg in blocked.legs() {
                if let Wait::Lock { lock, .. } = leg.wait
                    && let Some(&owner) = self.abandoned.get(&lock)
                {
                    abandoned.push((lock, owner));
                }
                if let Wait::Units { semaphore, .. } = leg.wait
                    && self.leaked.contains(&semaphore)
                {
                    leaked.push(semaphore);
                }
            }
            members.push(Member { thread: id, blocked, starved, waits_for });
        }
        Knot { members, abandoned, leaked, starved: None }
    }
}

impl Pool {
    fn is_full(&self) -> bool {
        self.workers > 0 && self.occupants.len() >= self.workers
    }
}

/// The lock that has the wait in its queue.
const fn lock_of(wait: Wait) -> Option<LockId> {
    match wait {
        Wait::Lock { lock, .. } => Some(lock),
        _ => None,
    }
}

fn forget(index: &mut FxHashMap<LockId, Vec<ThreadId>>, lock: LockId, thread: ThreadId) {
    if let Some(list) = index.get_mut(&lock) {
        if let Some(place) = list.iter().position(|&id| id == thread) {
            list.swap_remove(place);
        }
        if list.is_empty() {
            index.remove(&lock);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: SessionId = SessionId(0);

    fn graph(threads: u32) -> WaitGraph {
        let mut graph = WaitGraph::default();
        for id in 0..threads {
            graph.begin(ThreadId(id), SESSION);
        }
        graph
    }

    fn holding(lock: u32, mode: Mode) -> Holding {
        Holding { lock: LockId(lock), mode, site: SiteId::UNKNOWN, ordinal: 0, possession: Possession::Own }
    }

    fn blocked(wait: Wait, holds: &[Holding]) -> Blocked {
        Blocked::new(wait, SiteId::UNKNOWN, 0, holds.to_vec())
    }

    fn lock(lock: u32, mode: Mode) -> Wait {
        Wait::Lock { lock: LockId(lock), mode, upgrade: false }
    }

    fn ids(knot: &Knot) -> Vec<u32> {
        knot.members.iter().map(|member| member.thread.0).collect()
    }

    #[test]
    fn two_locks_crosswise_while_a_third_thread_runs() {
        let mut graph = graph(3);
        assert!(graph.block(ThreadId(0), blocked(lock(1, Mode::Exclusive), &[holding(0, Mode::Exclusive)])).is_none());
        let knot = graph.block(ThreadId(1), blocked(lock(0, Mode::Exclusive), &[holding(1, Mode::Exclusive)])).unwrap();
        assert_eq!(ids(&knot), [1, 0]);
    }

    #[test]
    fn a_holder_that_runs_is_no_deadlock() {
        let mut graph = graph(2);
        assert!(graph.block(ThreadId(0), blocked(lock(1, Mode::Exclusive), &[holding(0, Mode::Exclusive)])).is_none());
        graph.unblock(ThreadId(0));
        assert!(graph.block(ThreadId(1), blocked(lock(0, Mode::Exclusive), &[holding(1, Mode::Exclusive)])).is_none());
    }

    #[test]
    fn a_lock_taken_twice_needs_no_one_else() {
        let mut graph = graph(2);
        let knot = graph.block(ThreadId(0), blocked(lock(0, Mode::Exclusive), &[holding(0, Mode::Exclusive)])).unwrap();
        assert_eq!(knot.members[0].waits_for, [ThreadId(0)]);
    }

    #[test]
    fn a_reader_behind_a_writer_behind_the_same_reader() {
        let mut graph = graph(3);
        assert!(graph.block(ThreadId(1), blocked(lock(0, Mode::Exclusive), &[])).is_none());
        let again = blocked(lock(0, Mode::Shared), &[holding(0, Mode::Shared)]);
        assert_eq!(ids(&graph.block(ThreadId(0), again).unwrap()), [0, 1]);
        graph.unblock(ThreadId(0));
        let recursive = blocked(lock(0, Mode::SharedRecursive), &[holding(0, Mode::Shared)]);
        assert!(graph.block(ThreadId(0), recursive).is_none(), "read_recursive does not queue behind the writer");
    }

    #[test]
    fn an_upgrade_is_not_in_its_own_way() {
        let mut graph = graph(2);
        let upgrade = Wait::Lock { lock: LockId(0), mode: Mode::Exclusive, upgrade: true };
        assert!(graph.block(ThreadId(0), blocked(upgrade, &[holding(0, Mode::Upgradable)])).is_none());
        graph.unblock(ThreadId(0));
        let write = lock(0, Mode::Exclusive);
        assert!(graph.block(ThreadId(0), blocked(write, &[holding(0, Mode::Upgradable)])).is_some());
    }

    #[test]
    fn a_message_can_come_from_any_thread_that_runs() {
        let mut graph = graph(3);
        assert!(graph.block(ThreadId(0), blocked(Wait::Join(ThreadId(1)), &[])).is_none());
        assert!(graph.block(ThreadId(1), blocked(Wait::Recv(ChannelId(0)), &[])).is_none(), "thread 2 runs");
        let knot = graph.end(ThreadId(2), &[]).unwrap();
        assert_eq!(ids(&knot), [1, 0]);
    }

    #[test]
    fn another_session_neither_helps_nor_hinders() {
        let mut graph = graph(1);
        graph.begin(ThreadId(7), SessionId(1));
        assert!(graph.block(ThreadId(7), blocked(Wait::Park, &[])).is_some());
        assert!(graph.end(ThreadId(0), &[]).is_none());
    }

    #[test]
    fn joins_in_a_circle() {
        let mut graph = graph(3);
        assert!(graph.block(ThreadId(0), blocked(Wait::Join(ThreadId(1)), &[])).is_none());
        assert!(graph.block(ThreadId(1), blocked(Wait::Join(ThreadId(0)), &[])).is_some());
        assert!(graph.block(ThreadId(2), blocked(Wait::Join(ThreadId(2)), &[])).is_some());
    }

    #[test]
    fn a_lock_left_behind_is_reported_when_no_one_is_left_to_free_it() {
        let mut graph = graph(3);
        assert!(graph.end(ThreadId(1), &[LockId(0)]).is_none());
        assert!(graph.block(ThreadId(0), blocked(lock(0, Mode::Exclusive), &[])).is_none(), "thread 2 could free it");
        let knot = graph.block(ThreadId(2), blocked(Wait::Join(ThreadId(0)), &[])).unwrap();
        assert_eq!(knot.abandoned, [(LockId(0), ThreadId(1))]);
    }

    #[test]
    fn a_chain_of_ten_thousand_waits() {
        let count = 10_000;
        let mut graph = graph(count);
        for id in 0..count - 1 {
            let wait = blocked(lock(id + 1, Mode::Exclusive), &[holding(id, Mode::Exclusive)]);
            assert!(graph.block(ThreadId(id), wait).is_none());
        }
        let last = blocked(lock(0, Mode::Exclusive), &[holding(count - 1, Mode::Exclusive)]);
        assert_eq!(graph.block(ThreadId(count - 1), last).unwrap().members.len(), count as usize);
    }
}
