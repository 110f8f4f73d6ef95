//! The lock-order analysis of a stream of events.

use super::chains::{KnownChains, extend};
use super::{Acquisition, Hazard, HeldLock, LockOrder};
use crate::event::{Attempt, Event, LockId, Mode, Op, SiteId, ThreadId};

/// What one thread holds, and the chains that it has had judged.
#[derive(Default, Debug)]
struct Owner {
    // The chain key with nothing held; none before the first lock and after a fork or join.
    seed: Option<u64>,
    held: Vec<HeldLock>,
    // invariant: as long as `held`; the chain key up to and with each held lock, while there is a seed.
    chains: Vec<u64>,
    known: KnownChains,
    // A request that was judged, and has not been granted yet.
    pending: Option<LockId>,
}

/// Lock-order hazards of a stream of events.
///
/// An event that is no lock operation costs a branch, a lock operation in a known context a hash of two words and a
/// look-up; only new chains reach the graph. Memory grows with distinct chains, not with the stream.
#[derive(Default, Debug)]
pub struct LockOrderAnalysis {
    order: LockOrder,
    owners: Vec<Owner>,
    hazards: Vec<Hazard>,
}

impl LockOrderAnalysis {
    /// An analysis at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An analysis that also counts patterns whose parts are ordered by fork and join.
    #[must_use]
    pub fn ignoring_fork_join() -> Self {
        Self { order: LockOrder::ignoring_fork_join(), ..Self::default() }
    }

    /// Takes the next event; `ordinal` counts from 1 (or is the line of an STD file).
    #[inline]
    pub fn event(&mut self, ordinal: u64, event: &Event) {
        let thread = event.owner.actor();
        match event.op {
            Op::Request { lock, mode } => self.request(ordinal, thread, lock, mode, event.site),
            Op::Acquired { lock, mode, attempt } => {
                self.acquired(ordinal, event, HeldLock { lock, mode, site: event.site, attempt })
            }
            Op::Released { lock, mode } => self.released(thread, lock, mode),
            Op::GaveUp => self.owner(thread).pending = None,
            Op::Fork { child } => {
                self.order.forked(thread, child);
                self.owner(thread).seed = None;
                self.owner(child).seed = None;
            }
            Op::TaskSpawned { task } => {
                let child = ThreadId::of_task(task);
                self.order.forked(thread, child);
                self.owner(thread).seed = None;
                self.owner(child).seed = None;
            }
            Op::TaskJoined { task } => self.joined(thread, ThreadId::of_task(task)),
            Op::Joined { child } => self.joined(thread, child),
            _ => {}
        }
    }

    fn joined(&mut self, thread: ThreadId, child: ThreadId) {
        self.order.joined(thread, child);
        self.owner(thread).seed = None;
        if child != thread {
            *self.owner(child) = Owner::default();
        }
    }

    /// The hazards found since the last call, oldest first.
    pub fn take(&mut self) -> Vec<Hazard> {
        std::mem::take(&mut self.hazards)
    }

    /// The graph so far.
    #[must_use]
    pub fn order(&self) -> &LockOrder {
        &self.order
    }

    #[inline]
    fn owner(&mut self, thread: ThreadId) -> &mut Owner {
        if self.owners.len() <= thread.place() {
            self.owners.resize_with(thread.place() + 1, Owner::default);
        }
        &mut self.owners[thread.place()]
    }

    fn request(&mut self, event: u64, thread: ThreadId, lock: LockId, mode: Mode, site: SiteId) {
        self.judge(event, thread, lock, mode, site);
        // What a task asks for it may ask for in vain (its future is dropped), and no event says so: it is judged anew.
        self.owner(thread).pending = Some(lock).filter(|_| thread.task().is_none());
    }

    fn acquired(&mut self, ordinal: u64, event: &Event, entry: HeldLock) {
        let thread = event.owner.actor();
        let requested = self.owner(thread).pending.take() == Some(entry.lock);
        if entry.attempt == Attempt::Blocking && !requested {
            self.judge(ordinal, thread, entry.lock, entry.mode, entry.site);
        }
        let chain = extend(self.chain(thread), entry.lock, entry.mode);
        let owner = self.owner(thread);
        owner.held.push(entry);
        owner.chains.push(chain);
    }

    fn released(&mut self, thread: ThreadId, lock: LockId, mode: Mode) {
        let is_it = |held: &HeldLock| held.lock == lock && held.mode == mode;
        let holds = |owner: &Owner| owner.held.iter().any(is_it);
        let own = self.owner(thread);
        let owner = match holds(own) {
            true => self.owner(thread),
            // A guard of tasks may be dropped by anyone.
            false => match self.owners.iter_mut().find(|owner| holds(owner)) {
                Some(owner) => owner,
                None => return,
            },
        };
        let Some(at) = owner.held.iter().rposition(is_it) else { return };
        owner.held.remove(at);
        owner.chains.truncate(at);
        let mut chain = owner.chains.last().copied().or(owner.seed).unwrap_or_default();
        for held in &owner.held[at..] {
            chain = extend(chain, held.lock, held.mode);
            owner.chains.push(chain);
        }
    }

    /// The chain key of everything that the thread holds.
    #[inline]
    fn chain(&mut self, thread: ThreadId) -> u64 {
        let owner = self.owner(thread);
        match (owner.seed, owner.chains.last()) {
            (Some(_), Some(&chain)) => chain,
            (Some(seed), None) => seed,
            (None, _) => self.begin_segment(thread),
        }
    }

    #[cold]
    fn begin_segment(&mut self, thread: ThreadId) -> u64 {
        let seed = self.order.seed(thread);
        let owner = self.owner(thread);
        owner.seed = Some(seed);
        // Chains of an earlier segment can't come again.
        owner.known.clear();
        let mut chain = seed;
        for (held, place) in owner.held.iter().zip(&mut owner.chains) {
            chain = extend(chain, held.lock, held.mode);
            *place = chain;
        }
        chain
    }

    #[inline]
    fn judge(&mut self, event: u64, thread: ThreadId, lock: LockId, mode: Mode, site: SiteId) {
        let chain = extend(self.chain(thread), lock, mode);
        let owner = &mut self.owners[thread.place()];
        if owner.known.known(chain) {
            return;
        }
        owner.known.insert(chain);
        let request = Acquisition { thread, held: &owner.held, lock, mode, site, event };
        self.hazards.extend(self.order.acquire(&request));
    }
}
