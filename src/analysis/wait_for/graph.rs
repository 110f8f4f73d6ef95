//! The graph and the search for stuck threads.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::event::{BarrierId, ChannelId, CondvarId, LockId, Mode, SiteId, ThreadId};

/// Threads that can act on one another. An OR wait of one session is never ended by a thread of another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct SessionId(pub u32);

/// What a thread waits for, without a time limit.
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
    /// The end of a thread.
    Join(ThreadId),
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
}

/// A thread that waits.
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
}

/// One thread of a [`Knot`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Who.
    pub thread: ThreadId,
    /// What it waits for and what it holds.
    pub blocked: Blocked,
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

#[derive(Debug)]
struct Thread {
    session: SessionId,
    blocked: Option<Blocked>,
}

#[derive(Default, Debug, Clone, Copy)]
struct Census {
    live: usize,
    blocked: usize,
}

/// Who is there, who waits, and for what.
#[derive(Default, Debug)]
pub struct WaitGraph {
    threads: FxHashMap<ThreadId, Thread>,
    sessions: FxHashMap<SessionId, Census>,
    /// Blocked threads by lock held, and by lock waited for.
    holders: FxHashMap<LockId, Vec<ThreadId>>,
    waiters: FxHashMap<LockId, Vec<ThreadId>>,
    abandoned: FxHashMap<LockId, ThreadId>,
}

impl WaitGraph {
    /// A thread that may act from now on. Told before the thread can run, so that no one is taken for alone too early.
    pub fn begin(&mut self, thread: ThreadId, session: SessionId) {
        if self.threads.insert(thread, Thread { session, blocked: None }).is_none() {
            self.sessions.entry(session).or_default().live += 1;
        }
    }

    /// The thread will not act any more. `left` are the locks it never released. Returns a knot that this leaves behind:
    /// the others may have waited for what only this thread could have done.
    pub fn end(&mut self, thread: ThreadId, left: &[LockId]) -> Option<Knot> {
        self.unblock(thread);
        let gone = self.threads.remove(&thread)?;
        if let Some(census) = self.sessions.get_mut(&gone.session) {
            census.live -= 1;
            if census.live == 0 {
                self.sessions.remove(&gone.session);
            }
        }
        self.abandoned.extend(left.iter().map(|&lock| (lock, thread)));
        let census = self.sessions.get(&gone.session)?;
        if census.live > census.blocked {
            return None;
        }
        let mut waiting: Vec<ThreadId> = self
            .threads
            .iter()
            .filter(|(_, other)| other.session == gone.session)
            .filter(|(_, other)| other.blocked.as_ref().is_some_and(|blocked| self.needs_anyone(blocked)))
            .map(|(&id, _)| id)
            .collect();
        waiting.sort_unstable();
        waiting.into_iter().find_map(|id| self.search(id))
    }

    /// The thread starts to wait. Returns the knot that this closes, if any. Cost: constant while what it waits for is
    /// not itself waiting, else linear in the blocked threads reachable.
    pub fn block(&mut self, thread: ThreadId, blocked: Blocked) -> Option<Knot> {
        for holding in &blocked.holds {
            self.holders.entry(holding.lock).or_default().push(thread);
        }
        if let Wait::Lock { lock, .. } = blocked.wait {
            self.waiters.entry(lock).or_default().push(thread);
        }
        let entry = self.threads.get_mut(&thread)?;
        debug_assert!(entry.blocked.is_none(), "{thread} waits twice");
        entry.blocked = Some(blocked);
        self.sessions.entry(entry.session).or_default().blocked += 1;
        self.search(thread)
    }

    /// The thread no longer waits: it got what it wanted, or gave up, or someone granted it. Not an error when it
    /// was not waiting.
    pub fn unblock(&mut self, thread: ThreadId) {
        let Some(entry) = self.threads.get_mut(&thread) else { return };
        let Some(blocked) = entry.blocked.take() else { return };
        if let Some(census) = self.sessions.get_mut(&entry.session) {
            census.blocked -= 1;
        }
        for holding in &blocked.holds {
            forget(&mut self.holders, holding.lock, thread);
        }
        if let Wait::Lock { lock, .. } = blocked.wait {
            forget(&mut self.waiters, lock, thread);
        }
    }

    /// Was the thread told to [begin](Self::begin), and not to end?
    #[must_use]
    pub fn is_known(&self, thread: ThreadId) -> bool {
        self.threads.contains_key(&thread)
    }

    /// Is the thread known to wait?
    #[must_use]
    pub fn is_blocked(&self, thread: ThreadId) -> bool {
        self.threads.get(&thread).is_some_and(|entry| entry.blocked.is_some())
    }

    /// Does every thread of the session wait, or is there none left?
    #[must_use]
    pub fn is_quiet(&self, session: SessionId) -> bool {
        self.sessions.get(&session).is_none_or(|census| census.live == census.blocked)
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

    /// The blocked threads that `thread` waits for, directly or not, in the order of discovery; `None` as soon as it is
    /// clear that `thread` itself is not stuck.
    fn reachable(&self, thread: ThreadId) -> Option<(FxHashSet<ThreadId>, Vec<ThreadId>)> {
        let mut seen = FxHashSet::default();
        let mut order = vec![thread];
        seen.insert(thread);
        let mut next = 0;
        while let Some(&id) = order.get(next) {
            next += 1;
            let entry = &self.threads[&id];
            let Some(blocked) = &entry.blocked else { continue };
            if self.needs_anyone(blocked) {
                let census = self.sessions[&entry.session];
                if census.live > census.blocked {
                    if id == thread {
                        return None;
                    }
                    seen.remove(&id);
                    continue;
                }
            }
            for other in self.waits_for(id, blocked) {
                if self.is_blocked(other) && seen.insert(other) {
                    order.push(other);
                }
            }
        }
        Some((seen, order))
    }

    /// Can any live thread end this wait? True of a lock, too, that a thread has left locked behind it: a forced unlock
    /// is all that could free it.
    fn needs_anyone(&self, blocked: &Blocked) -> bool {
        match blocked.wait {
            Wait::Lock { lock, .. } => self.abandoned.contains_key(&lock),
            Wait::Join(_) => false,
            Wait::Condvar(_) | Wait::Send(_) | Wait::Recv(_) | Wait::Barrier(_) | Wait::Once(_) | Wait::Park => true,
        }
    }

    /// Those whose being stuck keeps `thread` stuck (one of them for an AND wait, all for an OR wait), in a stable order.
    fn waits_for(&self, thread: ThreadId, blocked: &Blocked) -> Vec<ThreadId> {
        if self.needs_anyone(blocked) {
            let session = self.threads[&thread].session;
            let mut others: Vec<ThreadId> = self
                .threads
                .iter()
                .filter(|(id, other)| **id != thread && other.session == session)
                .map(|(&id, _)| id)
                .collect();
            others.sort_unstable();
            return others;
        }
        match blocked.wait {
            Wait::Lock { lock, mode, upgrade } => self.in_the_way(thread, lock, mode, upgrade),
            Wait::Join(child) => vec![child],
            _ => Vec::new(),
        }
    }

    /// Blocked threads that keep `thread` from the lock: holders in an incompatible mode, and for a reader that queues, and
    /// for any upgradable one, also the writers in the queue (std and parking_lot prefer a waiting writer to a new reader).
    fn in_the_way(&self, thread: ThreadId, lock: LockId, mode: Mode, upgrade: bool) -> Vec<ThreadId> {
        let holds = |&other: &ThreadId| {
            let Some(blocked) = self.threads.get(&other).and_then(|entry| entry.blocked.as_ref()) else { return false };
            blocked.holds.iter().filter(|held| held.lock == lock).any(|held| {
                let own_upgradable = upgrade && other == thread && held.mode == Mode::Upgradable;
                !own_upgradable && !held.mode.compatible(mode)
            })
        };
        let mut found: Vec<ThreadId> =
            self.holders.get(&lock).into_iter().flatten().copied().filter(|id| holds(id)).collect();
        if matches!(mode, Mode::Shared | Mode::Upgradable) {
            let queued = |id: &ThreadId| {
                let wait = self.threads[id].blocked.as_ref().map(|blocked| blocked.wait);
                *id != thread && matches!(wait, Some(Wait::Lock { mode: Mode::Exclusive, .. }))
            };
            found.extend(self.waiters.get(&lock).into_iter().flatten().copied().filter(queued));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    fn is_stuck(&self, thread: ThreadId, stuck: &FxHashSet<ThreadId>) -> bool {
        let entry = &self.threads[&thread];
        let Some(blocked) = &entry.blocked else { return false };
        if self.needs_anyone(blocked) {
            let census = self.sessions[&entry.session];
            return census.live == census.blocked
                && self.waits_for(thread, blocked).iter().all(|other| stuck.contains(other));
        }
        self.waits_for(thread, blocked).iter().any(|other| stuck.contains(other))
    }

    /// The members reachable from `thread` within the stuck set. Where an AND wait has several stuck owners, all count.
    fn knot(&self, thread: ThreadId, stuck: &FxHashSet<ThreadId>) -> Knot {
        let mut members: Vec<Member> = Vec::new();
        let mut seen: FxHashSet<ThreadId> = FxHashSet::default();
        let mut queue = std::collections::VecDeque::from([thread]);
        let mut abandoned = Vec::new();
        seen.insert(thread);
        while let Some(id) = queue.pop_front() {
            let blocked = self.threads[&id].blocked.clone().expect("a stuck thread is blocked");
            let waits_for: Vec<ThreadId> =
                self.waits_for(id, &blocked).into_iter().filter(|other| stuck.contains(other)).collect();
            queue.extend(waits_for.iter().copied().filter(|other| seen.insert(*other)));
            if let Wait::Lock { lock, .. } = blocked.wait
                && let Some(&owner) = self.abandoned.get(&lock)
            {
                abandoned.push((lock, owner));
            }
            members.push(Member { thread: id, blocked, waits_for });
        }
        Knot { members, abandoned, starved: None }
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
        Holding { lock: LockId(lock), mode, site: SiteId::UNKNOWN, ordinal: 0 }
    }

    fn blocked(wait: Wait, holds: &[Holding]) -> Blocked {
        Blocked { wait, site: SiteId::UNKNOWN, ordinal: 0, holds: holds.to_vec() }
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
