//! What an owner waits for, and what it holds meanwhile.

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
    /// The end of all that runs in a runtime's two pools, those of its workers and of its blocking jobs: it is shut down.
    Drain([PoolId; 2]),
    /// Who has the task's waker, and that is nobody who is known to have it.
    Waker,
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
    /// [`Leg::UNANNOUNCED`]: nobody sees it wait.
    pub ticket: u64,
}

impl Leg {
    /// The [`ticket`](Self::ticket) of a writer that keeps no reader away yet.
    pub const UNANNOUNCED: u64 = u64::MAX;
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

    /// A wait of the same owner was granted to a future that it does not poll any more, or not now.
    pub fn keep_unpolled(&mut self, leg: Leg) {
        if let Wait::Lock { lock, mode, .. } = leg.wait {
            let (site, ordinal) = (leg.site, leg.ordinal);
            self.holds.push(Holding { lock, mode, site, ordinal, possession: Possession::Unpolled });
        }
        self.unpolled.push(leg);
    }

    /// Of a task that waits for nothing but a worker.
    pub(super) fn starved() -> Self {
        Self::new(Wait::Idle, SiteId::UNKNOWN, 0, Vec::new())
    }

    /// All that it waits for; one is enough.
    pub(super) fn legs(&self) -> impl Iterator<Item = Leg> + '_ {
        let first = Leg { wait: self.wait, site: self.site, ordinal: self.ordinal, ticket: self.ticket };
        std::iter::once(first).chain(self.also.iter().copied())
    }
}
