//! The race checker against the definition of happens-before: an explicit graph of edges between events, and its
//! transitive closure. Bytes choose a well-formed stream, so that fuzzing and property tests share one generator.

use std::collections::BTreeMap;

use gordian::analysis::happens_before::{HappensBefore, Listing};
use gordian::event::{
    AtomicId, Attempt, BarrierId, ChannelId, Event, LockId, Mode, OnceId, Op, Order, Owner, SiteId, ThreadId, VarId,
};

/// Panics unless the checker finds exactly the racy events of the stream that the bytes choose, each against an access
/// that it does race with.
pub(crate) fn check(bytes: &[u8]) {
    compare(&Generator::stream(bytes));
}

/// As [`check`], for a given stream. Returns the racy events (index into the stream) with all that they race with.
pub(crate) fn compare(events: &[Event]) -> BTreeMap<usize, Vec<usize>> {
    let truth = races(events);
    for listing in [Listing::EveryEvent, Listing::SitePairs] {
        let mut checker = HappensBefore::new(listing);
        let mut found = Vec::new();
        for (index, event) in events.iter().enumerate() {
            for race in checker.observe(index as u64, event) {
                let (earlier, later) = (race.earlier.ordinal as usize, race.later.ordinal as usize);
                assert_eq!(later, index);
                assert!(truth.get(&later).is_some_and(|all| all.contains(&earlier)), "{earlier} {later}: {events:#?}");
                for (side, at) in [(&race.earlier, earlier), (&race.later, later)] {
                    assert_eq!((side.thread, side.site), (events[at].owner.thread, events[at].site));
                    assert_eq!(side.write, matches!(events[at].op, Op::Write { .. }));
                    assert_eq!(side.held.len(), held(&events[..at], side.thread), "locks held at {at}");
                }
                found.push(later);
            }
        }
        if listing == Listing::EveryEvent {
            assert!(found.is_sorted_by(|one, next| one < next), "told once each");
        }
        found.dedup();
        assert_eq!(found, truth.keys().copied().collect::<Vec<_>>(), "{events:#?}");
    }
    truth
}

/// Locks that the thread holds after these events.
fn held(events: &[Event], thread: ThreadId) -> usize {
    let count = |test: fn(&Op) -> bool| events.iter().filter(|e| e.owner.thread == thread && test(&e.op)).count();
    count(|op| matches!(op, Op::Acquired { .. })) - count(|op| matches!(op, Op::Released { .. }))
}

/// The events that race with an earlier one, with all those; every thread's events in program order, edges by the book.
fn races(events: &[Event]) -> BTreeMap<usize, Vec<usize>> {
    let mut before: Vec<Vec<bool>> = Vec::new();
    let mut races = BTreeMap::new();
    for (index, event) in events.iter().enumerate() {
        let mut known = vec![false; events.len()];
        let learn = |known: &mut Vec<bool>, edge: usize| {
            known.iter_mut().zip(&before[edge]).for_each(|(known, &more)| *known |= more);
            known[edge] = true;
        };
        edges(events, index).into_iter().for_each(|edge| learn(&mut known, edge));
        if let Op::Read { var } | Op::Write { var } = event.op {
            let writes = |op| matches!(op, Op::Write { .. });
            let conflicts: Vec<usize> = (0..index)
                .filter(|&other| !known[other])
                .filter(|&other| match events[other].op {
                    Op::Write { var: touched } => touched == var,
                    Op::Read { var: touched } => touched == var && writes(event.op),
                    _ => false,
                })
                .collect();
            if !conflicts.is_empty() {
                races.insert(index, conflicts);
            }
            if let Some(seen) = (0..index).rfind(|&other| events[other].op == (Op::Write { var }))
                && !writes(event.op)
            {
                learn(&mut known, seen);
            }
        }
        before.push(known);
    }
    races
}

/// The events that are directly before an event.
fn edges(events: &[Event], index: usize) -> Vec<usize> {
    let Event { owner, op, .. } = events[index];
    let all = |test: &dyn Fn(&Event) -> bool| (0..index).filter(|&i| test(&events[i])).collect::<Vec<usize>>();
    let ops = |test: &dyn Fn(Op) -> bool| all(&|event| test(event.op));
    let mut edges = all(&|event| event.owner == owner);
    edges.extend(ops(&|op| op == Op::Fork { child: owner.thread }));
    edges.extend(match op {
        Op::Joined { child } => all(&|event| event.owner.thread == child || event.op == Op::Fork { child }),
        Op::Parked { token: true } => ops(&|op| op == Op::Unpark { thread: owner.thread }),
        Op::Acquired { lock, mode, .. } => ops(&|op| match op {
            Op::Released { lock: released, mode: was } if released == lock => match mode {
                Mode::Exclusive => true,
                Mode::Shared | Mode::SharedRecursive => was == Mode::Exclusive,
                Mode::Upgradable => !was.is_shared(),
            },
            _ => false,
        }),
        Op::Sent { channel } | Op::Received { channel } => {
            let sends = ops(&|op| op == Op::Sent { channel });
            let receives = ops(&|op| op == Op::Received { channel });
            let room = |op| match op {
                Op::ChannelMade { channel: made, capacity } if made == channel => capacity,
                _ => None,
            };
            let capacity = events[..index].iter().find_map(|event| room(event.op));
            if op == (Op::Sent { channel }) {
                let number = sends.len().checked_sub(capacity.map_or(usize::MAX, |capacity| capacity as usize));
                number.and_then(|number| receives.get(number).copied()).into_iter().collect()
            } else {
                match sends.get(receives.len()) {
                    Some(&sent) => vec![sent],
                    None => ops(&|op| op == Op::SendRequest { channel }),
                }
            }
        }
        Op::SawClosed { channel } => ops(&|op| matches!(op, Op::Closed { channel: it, .. } if it == channel)),
        Op::OnceBegin { once } | Op::OnceSeen { once } => {
            ops(&|op| matches!(op, Op::OnceEnd { once: it, .. } if it == once))
        }
        Op::BarrierLeave { barrier } => {
            let arrivals = ops(&|op| matches!(op, Op::BarrierArrive { barrier: it, .. } if it == barrier));
            let own = arrivals.iter().rposition(|&arrival| events[arrival].owner == owner);
            let Op::BarrierArrive { parties, .. } = events[arrivals[own.unwrap()]].op else { unreachable!() };
            let first = own.unwrap() / parties as usize * parties as usize;
            arrivals.into_iter().skip(first).take(parties as usize).collect()
        }
        Op::AtomicLoad { atomic, order } | Op::AtomicRmw { atomic, order } if order.acquires() => {
            heads(events, index, atomic)
        }
        Op::Fence { order } if order.acquires() => {
            let loads =
                all(&|event| event.owner == owner && matches!(event.op, Op::AtomicLoad { .. } | Op::AtomicRmw { .. }));
            loads.into_iter().flat_map(|load| heads(events, load, atomic_of(events[load].op).unwrap())).collect()
        }
        _ => Vec::new(),
    });
    edges
}

fn atomic_of(op: Op) -> Option<AtomicId> {
    match op {
        Op::AtomicLoad { atomic, .. } | Op::AtomicStore { atomic, .. } | Op::AtomicRmw { atomic, .. } => Some(atomic),
        _ => None,
    }
}

/// What heads the release sequences that the value read at `index` belongs to: back through the read-modify-writes to
/// the store, each of which releases by itself or by the last release fence of its thread.
fn heads(events: &[Event], index: usize, atomic: AtomicId) -> Vec<usize> {
    let mut heads = Vec::new();
    for at in (0..index).rev() {
        let (stops, order) = match events[at].op {
            Op::AtomicStore { atomic: it, order } if it == atomic => (true, order),
            Op::AtomicRmw { atomic: it, order } if it == atomic => (false, order),
            _ => continue,
        };
        let fence = |&i: &usize| {
            events[i].owner == events[at].owner && matches!(events[i].op, Op::Fence { order } if order.releases())
        };
        heads.extend(if order.releases() { Some(at) } else { (0..at).rfind(fence) });
        if stops {
            break;
        }
    }
    heads
}

const CAPACITIES: [Option<u32>; 3] = [None, Some(0), Some(2)];
const MOST_THREADS: u32 = 12;

#[derive(Default)]
struct Thread {
    ended: bool,
    joined: bool,
    token: bool,
    holds: Vec<(LockId, Mode)>,
    barrier: Option<u32>,
    sending: bool,
}

/// Builds a stream that some program could have made; a choice that is not possible now becomes an access to a cell.
#[derive(Default)]
pub(crate) struct Generator {
    events: Vec<Event>,
    threads: Vec<Thread>,
    sent: [u32; 3],
    received: [u32; 3],
    closed: [bool; 3],
    arrived: u32,
    onces: [Option<(ThreadId, bool)>; 2],
}

impl Generator {
    /// A stream of about one event for three bytes. Two threads are there from the start.
    pub(crate) fn stream(bytes: &[u8]) -> Vec<Event> {
        let mut generator = Self::default();
        generator.threads.resize_with(2, Thread::default);
        for (channel, capacity) in (0..).map(ChannelId).zip(CAPACITIES) {
            generator.push(ThreadId(0), Op::ChannelMade { channel, capacity });
        }
        for step in bytes.chunks_exact(3) {
            let thread = ThreadId(u32::from(step[0]) % generator.threads.len() as u32);
            let state = &generator.threads[thread.0 as usize];
            if state.ended {
                continue;
            }
            let arg = u32::from(step[2]);
            let op = match (state.barrier, state.sending) {
                (Some(generation), _) if generator.arrived / 2 <= generation => continue,
                (Some(_), _) => Op::BarrierLeave { barrier: BarrierId(0) },
                (_, true) if generator.received[1] <= generator.sent[1] => continue,
                (_, true) => Op::Sent { channel: ChannelId(1) },
                _ => generator.choose(thread, step[1], arg).unwrap_or(access(arg)),
            };
            generator.push(thread, op);
        }
        generator.events
    }

    fn push(&mut self, thread: ThreadId, op: Op) {
        self.apply(thread, op);
        let site = SiteId(self.events.len() as u32 + 1);
        self.events.push(Event { owner: Owner::thread(thread), site, op });
    }

    fn choose(&mut self, thread: ThreadId, what: u8, arg: u32) -> Option<Op> {
        let state = &self.threads[thread.0 as usize];
        let (low, high) = (arg % 4, arg / 4);
        let atomic = AtomicId(low % 2);
        let load = [Order::Relaxed, Order::Acquire, Order::SeqCst][high as usize % 3];
        let store = [Order::Relaxed, Order::Release, Order::SeqCst][high as usize % 3];
        let any = [Order::Relaxed, Order::Acquire, Order::Release, Order::AcqRel, Order::SeqCst][high as usize % 5];
        match what % 20 {
            0 | 1 => self.lock(thread, arg),
            2 => self.release(thread, arg),
            3 => Some(Op::AtomicLoad { atomic, order: load }),
            4 => Some(Op::AtomicStore { atomic, order: store }),
            5 => Some(Op::AtomicRmw { atomic, order: any }),
            6 => (any != Order::Relaxed).then_some(Op::Fence { order: any }),
            7 => self.channel(thread, low as usize % 3, high),
            8 => match self.threads.len() as u32 {
                MOST_THREADS.. => None,
                child => Some(Op::Fork { child: ThreadId(child) }),
            },
            9 => self.join(thread, arg),
            10 => (thread.0 > 1 && state.holds.is_empty()).then_some(Op::End),
            11 => Some(Op::Unpark { thread: ThreadId(arg % self.threads.len() as u32) }),
            12 => Some(Op::Parked { token: state.token }),
            13 => Some(Op::BarrierArrive { barrier: BarrierId(0), parties: 2 }),
            14 => {
                let once = OnceId(low % 2);
                match self.onces[once.index()] {
                    None => Some(Op::OnceBegin { once }),
                    Some((owner, false)) => (owner == thread).then_some(Op::OnceEnd { once, done: high & 1 == 0 }),
                    Some((_, true)) => Some(Op::OnceSeen { once }),
                }
            }
            15 => Some(Op::SpeculativeRead { var: VarId(low % 3) }),
            _ => None,
        }
    }

    fn lock(&mut self, thread: ThreadId, arg: u32) -> Option<Op> {
        let mode = [Mode::Exclusive, Mode::Shared, Mode::SharedRecursive, Mode::Upgradable][arg as usize % 4];
        let lock = LockId(arg / 4 % 2);
        let free = |state: &Thread| state.holds.iter().all(|&(held, with)| held != lock || with.compatible(mode));
        let own = self.threads[thread.0 as usize].holds.iter().any(|&(held, _)| held == lock);
        (!own && self.threads.iter().all(free)).then_some(Op::Acquired { lock, mode, attempt: Attempt::Blocking })
    }

    /// Gives back any lock that is held, and half of the time goes on with another mode of it, if nobody objects.
    fn release(&mut self, thread: ThreadId, arg: u32) -> Option<Op> {
        let holds = &self.threads[thread.0 as usize].holds;
        let (lock, mode) = *holds.get(arg as usize / 4 % holds.len().max(1))?;
        let alone = |(index, state): (usize, &Thread)| {
            index == thread.0 as usize || state.holds.iter().all(|&(held, _)| held != lock)
        };
        let next = match mode {
            Mode::Exclusive => Mode::Shared,
            Mode::Upgradable if self.threads.iter().enumerate().all(alone) => Mode::Exclusive,
            _ => return Some(Op::Released { lock, mode }),
        };
        if arg & 1 == 0 {
            return Some(Op::Released { lock, mode });
        }
        self.push(thread, Op::Released { lock, mode });
        Some(Op::Acquired { lock, mode: next, attempt: Attempt::Blocking })
    }

    fn channel(&mut self, thread: ThreadId, index: usize, arg: u32) -> Option<Op> {
        let channel = ChannelId(index as u32);
        let waiting = self.threads.iter().filter(|state| state.sending).count() as u32;
        let (sent, received) = (self.sent[index], self.received[index]);
        match (arg % 5, CAPACITIES[index]) {
            (0 | 1, Some(0)) if arg % 10 < 5 => Some(Op::SendRequest { channel }),
            (0 | 1, Some(0)) => (sent == received && waiting == 0).then_some(Op::Sent { channel }),
            (0 | 1, capacity) => (sent - received < capacity.unwrap_or(u32::MAX)).then_some(Op::Sent { channel }),
            (2 | 3, Some(0)) => (sent > received || sent + waiting > received).then_some(Op::Received { channel }),
            (2 | 3, _) => (sent > received).then_some(Op::Received { channel }),
            _ if self.closed[index] && thread.0 & 1 == 0 => Some(Op::SawClosed { channel }),
            _ => Some(Op::Closed { channel, receiver: false }),
        }
    }

    fn join(&mut self, thread: ThreadId, arg: u32) -> Option<Op> {
        let child = ThreadId(arg % self.threads.len() as u32);
        let state = &self.threads[child.0 as usize];
        let idle = state.holds.is_empty() && state.barrier.is_none() && !state.sending && !state.joined;
        (child.0 > 1 && child != thread && idle).then_some(Op::Joined { child })
    }

    fn apply(&mut self, thread: ThreadId, op: Op) {
        let state = &mut self.threads[thread.0 as usize];
        match op {
            Op::Fork { .. } => self.threads.push(Thread::default()),
            Op::End => state.ended = true,
            Op::Joined { child } => {
                let child = &mut self.threads[child.0 as usize];
                (child.ended, child.joined) = (true, true);
            }
            Op::Unpark { thread } => self.threads[thread.0 as usize].token = true,
            Op::Parked { .. } => state.token = false,
            Op::Acquired { lock, mode, .. } => state.holds.push((lock, mode)),
            Op::Released { lock, .. } => state.holds.retain(|&(held, _)| held != lock),
            Op::SendRequest { .. } => state.sending = true,
            Op::Sent { channel } => {
                state.sending = false;
                self.sent[channel.index()] += 1;
            }
            Op::Received { channel } => self.received[channel.index()] += 1,
            Op::Closed { channel, .. } => self.closed[channel.index()] = true,
            Op::BarrierArrive { .. } => {
                state.barrier = Some(self.arrived / 2);
                self.arrived += 1;
            }
            Op::BarrierLeave { .. } => state.barrier = None,
            Op::OnceBegin { once } => self.onces[once.index()] = Some((thread, false)),
            Op::OnceEnd { once, done } => self.onces[once.index()] = done.then_some((thread, true)),
            _ => {}
        }
    }
}

fn access(arg: u32) -> Op {
    let var = VarId(arg / 2 % 3);
    if arg & 1 == 0 { Op::Read { var } } else { Op::Write { var } }
}
