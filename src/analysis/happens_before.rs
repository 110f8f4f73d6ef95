//! Data races by happens-before.
//!
//! Two accesses to a cell race when at least one of them writes and nothing orders them. What orders is written down
//! once, in small state machines: a [`ThreadClock`] for each thread, a [`SyncClock`] for whatever carries an order from
//! one thread to another ([`LockClock`], [`AtomicClock`], [`ChannelClock`], [`BarrierClock`] are made of it), and a
//! [`VarState`] for each cell. [`HappensBefore`] keeps them in tables and reads a stream; the live runtime keeps them
//! inside the objects.
//!
//! The order is that of C++20 and Rust plus, for cells, the write that a read saw (*schedulable happens-before*, SHB:
//! Mathur, Kini and Viswanathan, OOPSLA 2018, arXiv 1808.00185), so that every report is a race of some run, also
//! after the first one. A condition variable adds nothing: its mutex does, and Rust promises no more.

mod atomic;
mod barrier;
mod channel;
mod held;
mod lock;
mod race;
mod sync;
mod table;
mod thread;
mod threads;
mod var;

use rustc_hash::FxHashMap;

use crate::clock::Epoch;
use crate::event::{Event, Op, Owner, SiteId, ThreadId, VarId};

pub use atomic::AtomicClock;
pub use barrier::{BarrierClock, Generation};
pub use channel::ChannelClock;
pub use held::HeldLock;
pub use lock::LockClock;
pub use race::{Access, Race};
pub use sync::SyncClock;
pub use thread::{ATTENTION, SlotTable, ThreadClock};
pub use var::{AccessInfo, VarState};

use held::{StackId, Stacks};
use table::at;
use threads::Threads;

/// What the tables remember of an access.
#[derive(Clone, Copy, Debug)]
struct Who {
    ordinal: u64,
    thread: ThreadId,
    site: SiteId,
    held: StackId,
}

const NOBODY: Who = Who { ordinal: 0, thread: ThreadId(0), site: SiteId::UNKNOWN, held: StackId::EMPTY };

/// Which races are told.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Listing {
    /// Each unordered pair of sites once for each of the first [`CELLS_TOLD`] cells; accesses without a known site once for
    /// each cell.
    #[default]
    SitePairs,
    /// Each access that races with an earlier one once, beside the newest such.
    EveryEvent,
}

/// Cells of which the races at one pair of sites are told: where many cells are made in one place, they are one bug.
const CELLS_TOLD: usize = 64;

/// The race checker over a stream of events.
///
/// Cost: a few nanoseconds an event; O(threads) where threads meet. Memory: tables by dense identifier, so proportional
/// to the largest identifiers and to the clocks, not to the length of the stream.
#[derive(Default, Debug)]
pub struct HappensBefore {
    listing: Listing,
    threads: Threads,
    /// Wake-up tokens, by the thread that they are for.
    wakeups: Vec<SyncClock>,
    locks: Vec<LockClock>,
    vars: Vec<VarState<Who>>,
    atomics: Vec<AtomicClock>,
    channels: Vec<ChannelClock>,
    barriers: Vec<BarrierClock>,
    onces: Vec<SyncClock>,
    /// What goes from one poll of a task to the next. (A task counts in the clock of the thread that polls it: what that
    /// does one after the other is taken for an order, which misses races and makes none.)
    tasks: Vec<SyncClock>,
    stacks: Stacks,
    told: FxHashMap<(SiteId, SiteId, Option<VarId>), Vec<VarId>>,
    races: Vec<Race>,
}

impl HappensBefore {
    /// A checker at the start of a stream.
    #[must_use]
    pub fn new(listing: Listing) -> Self {
        Self { listing, ..Self::default() }
    }

    /// Threads that could not be followed because 65,536 others were not known to have ended; their events are ignored.
    #[must_use]
    pub const fn untracked_threads(&self) -> usize {
        self.threads.untracked()
    }

    /// Clock components in use: the most that a thread can know of.
    #[must_use]
    pub const fn components(&self) -> usize {
        self.threads.components()
    }

    /// The moment at which the owner is about to do something that others may come to know of; [`Epoch::NONE`] for a
    /// thread that can't be followed.
    pub fn moment(&mut self, owner: Owner) -> Epoch {
        self.threads.clock_of(owner).map_or(Epoch::NONE, |running| running.clock.access())
    }

    /// Does what was done at this moment happen before what the owner does next?
    pub fn knows(&mut self, owner: Owner, epoch: Epoch) -> bool {
        self.threads.clock_of(owner).is_none_or(|running| running.clock.covers(epoch))
    }

    /// Takes the next event; `ordinal` is its position, for the report. Returns the races that it completes.
    ///
    /// # Panics
    /// With "vector clock overflow" when one thread's clock passes 2^48.
    #[inline]
    pub fn observe(&mut self, ordinal: u64, event: &Event) -> &[Race] {
        let Event { owner, site, op } = *event;
        match op {
            Op::Read { var } => self.access(ordinal, owner, site, var, false),
            Op::Write { var } => self.access(ordinal, owner, site, var, true),
            Op::Acquired { lock, mode, .. } => {
                if let Some(running) = self.threads.clock_of(owner) {
                    at(&mut self.locks, lock.index(), LockClock::new).acquired(&mut running.clock, mode);
                    running.holding.push(HeldLock { lock, mode, site });
                }
                &[]
            }
            Op::Released { lock, mode } => {
                if let Some(running) = self.threads.clock_of(owner) {
                    at(&mut self.locks, lock.index(), LockClock::new).released(&mut running.clock, mode);
                    running.holding.remove(lock, mode);
                }
                &[]
            }
            _ => {
                self.synchronise(owner, op);
                &[]
            }
        }
    }

    #[inline]
    fn access(&mut self, ordinal: u64, owner: Owner, site: SiteId, var: VarId, write: bool) -> &[Race] {
        let Some(running) = self.threads.clock_of(owner) else { return &[] };
        let who = Who { ordinal, thread: owner.thread, site, held: running.holding.id(&mut self.stacks) };
        let state = at(&mut self.vars, var.index(), || VarState::new(NOBODY));
        let conflicts = if write { state.write(&mut running.clock, who) } else { state.read(&mut running.clock, who) };
        if conflicts.is_empty() {
            return &[];
        }
        self.races.clear();
        for conflict in conflicts {
            if self.listing == Listing::SitePairs {
                let (one, other) = (site.min(conflict.info.site), site.max(conflict.info.site));
                let cells = self.told.entry((one, other, (one == SiteId::UNKNOWN).then_some(var))).or_default();
                if cells.len() >= CELLS_TOLD || cells.contains(&var) {
                    continue;
                }
                cells.push(var);
            }
            let side = |who: Who, write| {
                let Who { ordinal, thread, site, held } = who;
                Access { thread, site, write, ordinal, held: self.stacks.locks(held) }
            };
            self.races.push(Race { var, earlier: side(conflict.info, conflict.write), later: side(who, write) });
            if self.listing == Listing::EveryEvent {
                break;
            }
        }
        &self.races
    }

    /// Everything that orders threads, but locks.
    #[inline(never)]
    fn synchronise(&mut self, owner: Owner, op: Op) {
        match op {
            Op::Fork { child } => return self.threads.fork(owner, child),
            Op::Joined { child } => return self.threads.joined(owner, child),
            Op::End => return self.threads.end(owner.thread),
            _ => {}
        }
        let Some(running) = self.threads.clock_of(owner) else { return };
        let clock = &mut running.clock;
        match op {
            Op::AtomicLoad { atomic, order } => {
                at(&mut self.atomics, atomic.index(), AtomicClock::new).load(clock, order);
            }
            Op::AtomicStore { atomic, order } => {
                at(&mut self.atomics, atomic.index(), AtomicClock::new).store(clock, order);
            }
            Op::AtomicRmw { atomic, order } => {
                at(&mut self.atomics, atomic.index(), AtomicClock::new).rmw(clock, order);
            }
            Op::TaskSpawned { task } | Op::TaskEnded { task, .. } | Op::Woken { task } => {
                at(&mut self.tasks, task.get() as usize, SyncClock::new).publish_join(clock);
            }
            Op::PollBegin { task } | Op::TaskJoined { task } => {
                at(&mut self.tasks, task.get() as usize, SyncClock::new).acquire(clock);
            }
            Op::PollEnd { .. } => {
                if let Some(task) = owner.task {
                    at(&mut self.tasks, task.get() as usize, SyncClock::new).publish_join(clock);
                }
            }
            Op::Fence { order } => clock.fence(order),
            Op::Unpark { thread } => at(&mut self.wakeups, thread.index(), SyncClock::new).publish_join(clock),
            Op::Parked { token: true } => at(&mut self.wakeups, owner.thread.index(), SyncClock::new).acquire(clock),
            Op::ChannelMade { channel, capacity } => {
                *at(&mut self.channels, channel.index(), unknown_channel) = ChannelClock::new(capacity);
            }
            Op::SendRequest { channel } => {
                at(&mut self.channels, channel.index(), unknown_channel).send_requested(clock);
            }
            Op::Sent { channel } => at(&mut self.channels, channel.index(), unknown_channel).sent(clock),
            Op::Received { channel } => at(&mut self.channels, channel.index(), unknown_channel).received(clock),
            Op::Closed { channel, .. } => at(&mut self.channels, channel.index(), unknown_channel).closed(clock),
            Op::SawClosed { channel } => at(&mut self.channels, channel.index(), unknown_channel).saw_closed(clock),
            Op::OnceBegin { once } | Op::OnceSeen { once } => {
                at(&mut self.onces, once.index(), SyncClock::new).acquire(clock);
            }
            Op::OnceEnd { once, .. } => at(&mut self.onces, once.index(), SyncClock::new).publish(clock),
            Op::BarrierArrive { barrier, parties } => {
                let stale = running.barrier.take();
                let generation = at(&mut self.barriers, barrier.index(), BarrierClock::new).arrive(clock, parties);
                running.barrier = Some((barrier, generation));
                if let Some((barrier, generation)) = stale {
                    self.barriers[barrier.index()].abandon(generation);
                }
            }
            Op::BarrierLeave { barrier } => {
                if let Some((_, generation)) = running.barrier.take_if(|(arrived, _)| *arrived == barrier) {
                    self.barriers[barrier.index()].leave(clock, generation);
                }
            }
            _ => {}
        }
    }
}

/// A channel that was not seen being made.
const fn unknown_channel() -> ChannelClock {
    ChannelClock::new(None)
}
