//! The graph: who is there, who waits and for what.

mod search;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustc_hash::{FxHashMap, FxHashSet};

use super::knot::Knot;
use super::wait::{Blocked, Leg, PoolId, SessionId, Wait};
use crate::event::{LockId, ThreadId};

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
    /// Its runtime is shut down: tasks that are suspended are dropped.
    closed: bool,
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
    /// How often anything changed about who waits.
    changes: u64,
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
        self.pools.insert(pool, Pool { session, workers, occupants: Vec::new(), others, closed: false });
        self.sessions.entry(session).or_default().pools.push(pool);
    }

    /// The pool's runtime is being shut down: what is suspended there does not wait for ever, it is dropped.
    pub fn close_pool(&mut self, pool: PoolId) {
        if let Some(pool) = self.pools.get_mut(&pool) {
            pool.closed = true;
        }
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
        self.changes += 1;
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

    /// As [`Blocked::keep_unpolled`], of an owner that waits already in the middle of a poll. Returns the knot that this
    /// closes, if any.
    pub fn keep_unpolled(&mut self, thread: ThreadId, leg: Leg) -> Option<Knot> {
        let actor = self.actors.get_mut(&thread).filter(|actor| actor.waits())?;
        if actor.occupies.is_none() && !actor.in_place && actor.pool.is_some() {
            // Suspended: it is woken.
            return None;
        }
        actor.blocked.as_mut()?.keep_unpolled(leg);
        if let Wait::Lock { lock, .. } = leg.wait {
            self.holders.entry(lock).or_default().push(thread);
        }
        self.search(thread)
    }

    /// The owner no longer waits: it got what it wanted, or gave up, or someone granted it. Not an error when it
    /// was not waiting.
    pub fn unblock(&mut self, thread: ThreadId) {
        self.changes += 1;
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
        self.changes += 1;
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

    /// Does the owner wait to be unparked?
    #[must_use]
    pub fn is_parked(&self, thread: ThreadId) -> bool {
        let blocked = self.actors.get(&thread).and_then(|actor| actor.blocked.as_ref());
        blocked.is_some_and(|blocked| blocked.wait == Wait::Park)
    }

    /// Does the owner wait, and could who keeps its waker end that?
    #[must_use]
    pub fn rests_on_waker(&self, thread: ThreadId) -> bool {
        let blocked = self.actors.get(&thread).filter(|actor| actor.waits()).and_then(|actor| actor.blocked.as_ref());
        blocked.is_some_and(|blocked| blocked.legs().any(|leg| leg.wait == Wait::Waker))
    }

    /// A number that changes with everything that changes about who waits.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
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
    #[must_use]
    pub fn may_be_quiet(&self, session: SessionId) -> bool {
        let full = |pool: &PoolId| self.pools.get(pool).is_some_and(Pool::is_full);
        self.sessions.get(&session).is_some_and(|census| census.pools.iter().any(full)) || self.is_quiet(session)
    }

    /// The lock is free again although its last holder has ended (`force_unlock`), or it was destroyed.
    pub fn reclaim(&mut self, lock: LockId) {
        self.abandoned.remove(&lock);
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
    use super::super::wait::{Holding, Possession};
    use super::*;
    use crate::event::{ChannelId, Mode, SiteId};

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
    fn a_writer_keeps_readers_away_from_when_they_see_it() {
        let mut graph = graph(2);
        let announced = blocked(lock(0, Mode::Exclusive), &[]);
        let unseen = Blocked { ticket: Leg::UNANNOUNCED, ..announced.clone() };
        let again = |ticket| Blocked { ticket, ..blocked(lock(0, Mode::Shared), &[holding(0, Mode::Shared)]) };
        for (writer, is_seen) in [(unseen, false), (announced, true)] {
            for ticket in [0, 7] {
                graph.block(ThreadId(1), writer.clone());
                assert_eq!(graph.block(ThreadId(0), again(ticket)).is_some(), is_seen);
                graph.unblock(ThreadId(0));
                graph.unblock(ThreadId(1));
            }
        }
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
