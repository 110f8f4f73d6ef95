//! Both judges of serialisability against the definition: every pair of operations that conflict is an edge between their
//! transactions, and a cycle is a transaction that reaches itself.

use gordian::analysis::serialisability::{ClockCheck, ConflictGraph, Cycle, Step};
use gordian::event::{AtomicId, Attempt, Event, LockId, Mode, Op, Order, Owner, SiteId, ThreadId, VarId};

/// What a stream came to, so that a test can see that its streams are not all trivial.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Outcome {
    /// Some order of whole transactions explains the run.
    pub(crate) serialisable: bool,
    /// Cycles told.
    pub(crate) cycles: usize,
    /// Conflicts on the longest of them.
    pub(crate) longest: usize,
}

/// Judges the stream that the bytes choose by all three, and panics where they differ.
pub(crate) fn check(bytes: &[u8]) -> Outcome {
    compare(&Script::stream(bytes))
}

/// As [`check`], for a given stream.
pub(crate) fn compare(events: &[Event]) -> Outcome {
    let transactions = transactions(events);
    let serialisable = acyclic(events, &transactions);
    let mut clocks = ClockCheck::new();
    events.iter().zip(1..).for_each(|(event, ordinal)| clocks.event(ordinal, event));
    assert_eq!(clocks.finish(), serialisable, "the clocks\n{}", listing(events));
    let cycles = cycles(ConflictGraph::new(), events, serialisable);
    let tidier = self::cycles(ConflictGraph::remembering(0), events, serialisable);
    for cycle in cycles.iter().chain(&tidier) {
        verify(events, &transactions, cycle);
    }
    Outcome {
        serialisable,
        cycles: cycles.len(),
        longest: cycles.iter().map(|cycle| cycle.edges.len()).max().unwrap_or(0),
    }
}

/// The cycles that the graph tells.
fn cycles(mut graph: ConflictGraph, events: &[Event], serialisable: bool) -> Vec<Cycle> {
    let mut cycles = Vec::new();
    for (event, ordinal) in events.iter().zip(1..) {
        graph.event(ordinal, event);
        cycles.extend(graph.take());
    }
    cycles.extend(graph.unfinished().cloned());
    assert_eq!(graph.is_serialisable(), serialisable, "the graph\n{}", listing(events));
    assert_eq!(cycles.is_empty(), serialisable, "a cycle for each violation\n{}", listing(events));
    cycles
}

fn listing(events: &[Event]) -> String {
    events.iter().zip(1..).map(|(event, at)| format!("{at} {} {:?}\n", event.owner.thread, event.op)).collect()
}

/// The transaction of each event, by number; `None` for one that conflicts with nothing.
fn transactions(events: &[Event]) -> Vec<Option<usize>> {
    let mut depth: Vec<u32> = Vec::new();
    let mut region: Vec<usize> = Vec::new();
    let mut of = Vec::new();
    for (index, event) in events.iter().enumerate() {
        let thread = event.owner.thread.index();
        if depth.len() <= thread {
            depth.resize(thread + 1, 0);
            region.resize(thread + 1, 0);
        }
        let inside = depth[thread] > 0;
        let conflicts = match event.op {
            Op::RegionBegin => {
                if !inside {
                    region[thread] = index;
                }
                depth[thread] += 1;
                of.push(Some(region[thread]));
                continue;
            }
            Op::RegionEnd => {
                depth[thread] = depth[thread].saturating_sub(1);
                inside
            }
            Op::Read { .. } | Op::Write { .. } | Op::Acquired { .. } | Op::Released { .. } => true,
            Op::AtomicLoad { .. } | Op::AtomicStore { .. } | Op::AtomicRmw { .. } => true,
            Op::Fork { .. } | Op::Joined { .. } => true,
            _ => false,
        };
        of.push(conflicts.then_some(if inside { region[thread] } else { index }));
    }
    of
}

/// Must `one`, the earlier, come before `two`?
fn conflict(one: &Event, two: &Event) -> bool {
    let writes = |op| matches!(op, Op::Write { .. } | Op::AtomicStore { .. } | Op::AtomicRmw { .. });
    let object = |op| match op {
        Op::Read { var } | Op::Write { var } => Some((0, var.0)),
        Op::AtomicLoad { atomic, .. } | Op::AtomicStore { atomic, .. } | Op::AtomicRmw { atomic, .. } => {
            Some((1, atomic.0))
        }
        _ => None,
    };
    one.owner.thread == two.owner.thread
        || (object(one.op).is_some() && object(one.op) == object(two.op) && (writes(one.op) || writes(two.op)))
        || matches!(one.op, Op::Fork { child } if child == two.owner.thread)
        || matches!(two.op, Op::Joined { child } if child == one.owner.thread)
        || matches!((one.op, two.op), (Op::Fork { child }, Op::Joined { child: joined }) if child == joined)
        || match (one.op, two.op) {
            (Op::Released { lock, mode }, Op::Acquired { lock: taken, mode: wanted, .. }) => {
                lock == taken && !mode.compatible(wanted)
            }
            _ => false,
        }
}

fn acyclic(events: &[Event], transactions: &[Option<usize>]) -> bool {
    let count = events.len();
    let mut reach = vec![vec![false; count]; count];
    for two in 0..count {
        for one in 0..two {
            if let (Some(first), Some(second)) = (transactions[one], transactions[two])
                && first != second
                && conflict(&events[one], &events[two])
            {
                reach[first][second] = true;
            }
        }
    }
    for middle in 0..count {
        let onward = reach[middle].clone();
        for row in reach.iter_mut().filter(|row| row[middle]) {
            row.iter_mut().zip(&onward).for_each(|(to, &on)| *to |= on);
        }
    }
    (0..count).all(|transaction| !reach[transaction][transaction])
}

/// The cycle is made of real conflicts, and hangs together.
fn verify(events: &[Event], transactions: &[Option<usize>], cycle: &Cycle) {
    let index = |step: &Step| step.ordinal as usize - 1;
    let transaction = |step: &Step| transactions[index(step)];
    for edge in &cycle.edges {
        for step in [&edge.from, &edge.to] {
            let event = &events[index(step)];
            assert_eq!((step.thread, step.site), (event.owner.thread, event.site));
            let alone = transaction(step) == Some(index(step)) && event.op != Op::RegionBegin;
            assert_eq!(step.region.is_none(), alone, "{step:?}\n{}", listing(events));
        }
        assert!(edge.from.ordinal < edge.to.ordinal && transaction(&edge.from) != transaction(&edge.to));
        assert!(edge.from.thread != edge.to.thread);
        assert!(conflict(&events[index(&edge.from)], &events[index(&edge.to)]), "{edge:?}\n{}", listing(events));
    }
    for (one, next) in cycle.edges.iter().zip(cycle.edges.iter().skip(1)) {
        let (arrives, leaves) = (&one.to, &next.from);
        let in_order = arrives.thread == leaves.thread && arrives.ordinal <= leaves.ordinal;
        assert!(in_order || transaction(arrives) == transaction(leaves), "{cycle:?}\n{}", listing(events));
    }
    let (first, last) = (&cycle.edges[0].from, &cycle.closing());
    assert!(first.region.is_some() && transaction(first) == transaction(last), "{cycle:?}\n{}", listing(events));
}

const THREADS: usize = 5;
const MODES: [Mode; 4] = [Mode::Exclusive, Mode::Shared, Mode::SharedRecursive, Mode::Upgradable];

/// A script under way: who lives, and what each thread holds.
#[derive(Default)]
struct Script {
    events: Vec<Event>,
    held: Vec<Vec<(LockId, Mode)>>,
    joined: Vec<bool>,
}

impl Script {
    /// Bytes as a well-formed stream: two bytes a step, at most 80 steps.
    fn stream(bytes: &[u8]) -> Vec<Event> {
        let mut script = Self { held: vec![Vec::new(); 2], joined: vec![false; 2], ..Self::default() };
        for step in bytes.chunks_exact(2).take(80) {
            script.step(step[0], step[1]);
        }
        script.events
    }

    fn emit(&mut self, thread: usize, op: Op) {
        let site = SiteId(1 + self.events.len() as u32);
        self.events.push(Event { owner: Owner::thread(ThreadId(thread as u32)), site, op });
    }

    fn step(&mut self, what: u8, how: u8) {
        let living: Vec<usize> = (0..self.held.len()).filter(|&thread| !self.joined[thread]).collect();
        let thread = living[usize::from(what >> 4) % living.len()];
        let (var, atomic) = (VarId(u32::from(how % 4)), AtomicId(u32::from(how % 2)));
        match what % 16 {
            0..=2 => self.emit(thread, Op::Read { var }),
            3 | 4 => self.emit(thread, Op::Write { var }),
            5 if how < 128 => self.emit(thread, Op::AtomicLoad { atomic, order: Order::SeqCst }),
            5 => self.emit(thread, Op::AtomicStore { atomic, order: Order::SeqCst }),
            6 => self.emit(thread, Op::AtomicRmw { atomic, order: Order::SeqCst }),
            7 | 8 => self.emit(thread, Op::RegionBegin),
            9 => self.emit(thread, Op::RegionEnd),
            10 | 11 => self.acquire(thread, how),
            12 | 13 if !self.held[thread].is_empty() => {
                let at = usize::from(how) % self.held[thread].len();
                let (lock, mode) = self.held[thread].remove(at);
                self.emit(thread, Op::Released { lock, mode });
            }
            14 if self.held.len() < THREADS => {
                let child = ThreadId(self.held.len() as u32);
                self.held.push(Vec::new());
                self.joined.push(false);
                self.emit(thread, Op::Fork { child });
            }
            15 => {
                let child = usize::from(how) % self.held.len();
                if child != thread && child > 1 && !self.joined[child] && self.held[child].is_empty() {
                    self.joined[child] = true;
                    self.emit(thread, Op::Joined { child: ThreadId(child as u32) });
                }
            }
            _ => {}
        }
    }

    /// Locks with an even number are mutexes, the others reader-writer locks.
    fn acquire(&mut self, thread: usize, how: u8) {
        let lock = LockId(u32::from(how % 3));
        let mode = if lock.0.is_multiple_of(2) { Mode::Exclusive } else { MODES[usize::from(how / 4 % 4)] };
        let free = self.held.iter().flatten().all(|&(held, by)| held != lock || by.compatible(mode));
        if free && self.held[thread].iter().all(|&(held, _)| held != lock) {
            self.held[thread].push((lock, mode));
            self.emit(thread, Op::Acquired { lock, mode, attempt: Attempt::Blocking });
        }
    }
}
