//! The search for stuck owners.

use std::collections::VecDeque;

use rustc_hash::FxHashSet;

use super::{Actor, Pool, WaitGraph};
use crate::analysis::wait_for::knot::{Knot, Member};
use crate::analysis::wait_for::wait::{Blocked, Leg, PoolId, Possession, SessionId, Wait};
use crate::event::{LockId, Mode, ThreadId};

impl WaitGraph {
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
        self.actors.get(&id).is_some_and(|actor| self.is_starved(actor) || (actor.waits() && !self.is_dropped(actor)))
    }

    /// Is it a suspended task whose runtime is being shut down? Then it will be dropped, with all that it holds.
    fn is_dropped(&self, actor: &Actor) -> bool {
        let suspended = actor.pool.filter(|_| actor.occupies.is_none() && !actor.in_place);
        suspended.and_then(|pool| self.pools.get(&pool)).is_some_and(|pool| pool.closed)
    }

    /// Owners that wait in the middle of a poll, or a job, of the pool.
    fn under_way(&self, pool: PoolId) -> impl Iterator<Item = ThreadId> + '_ {
        let waits = move |actor: &Actor| {
            actor.pool == Some(pool) && actor.waits() && (actor.occupies.is_some() || actor.in_place)
        };
        self.actors.iter().filter(move |(_, actor)| waits(actor)).map(|(&id, _)| id)
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
            | Wait::Nothing
            | Wait::Waker => true,
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
            Wait::Drain(pools) => found.extend(pools.into_iter().flat_map(|pool| self.under_way(pool))),
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
                    0 => *id != thread && leg.ticket != Leg::UNANNOUNCED,
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
        if self.is_dropped(actor) {
            return false;
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
                Wait::Drain(pools) => {
                    pools.into_iter().any(|pool| self.under_way(pool).any(|other| stuck.contains(&other)))
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
        let mut queue = VecDeque::from([thread]);
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
            let pool = actor.occupies.and_then(|pool| self.pools.get(&pool));
            let stalls = pool.is_some_and(Pool::is_full);
            members.push(Member { thread: id, blocked, starved, stalls, waits_for });
        }
        Knot { members, abandoned, leaked, starved: None }
    }
}
