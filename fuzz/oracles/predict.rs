//! The naive twin of prediction: every correct reordering of a small trace, one step at a time.
//!
//! Any bytes become a well-formed trace. The twin keeps nothing but the events: what each read saw, who holds what and
//! what stands in whose way is worked out from them again in every state. Shared by the ordinary tests and the fuzz target.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64};

use gordian::analysis::lock_order::{Hazard, LockOrderAnalysis};
use gordian::analysis::predict::{Control, Effort, Known, Prediction, Predictor, Refuted, Verdict};
use gordian::event::{AtomicId, Attempt, CondvarId, Event, LockId, Mode, Op, Order, Owner, SiteId, ThreadId, VarId};

const THREADS: usize = 4;
const STEPS: usize = 26;
/// The twin is exponential.
const EVENTS: usize = 34;
const MODES: [Mode; 4] = [Mode::Exclusive, Mode::Shared, Mode::SharedRecursive, Mode::Upgradable];

/// Later events of races, and groups of requests that can block one another; events are counted from 1.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Truth {
    pub(crate) racy: BTreeSet<u64>,
    pub(crate) deadlocks: BTreeSet<Vec<u64>>,
}

/// What an answer was made of, so that a test can see that its traces are not all trivial.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Outcome {
    /// Racing events and deadlocks that only a reordering of critical sections shows.
    pub(crate) races: usize,
    pub(crate) deadlocks: usize,
    /// Hazards that no reordering runs into.
    pub(crate) refuted: usize,
    /// Those of them that only the search could refute.
    pub(crate) searched: usize,
    /// Deadlocks in which a reader waits behind a writer that waits.
    pub(crate) queued: usize,
}

/// One state of the search: where each thread stands, and the last write of each cell.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
struct State {
    done: Vec<usize>,
    writes: BTreeMap<u64, usize>,
}

struct Twin<'a> {
    events: &'a [Event],
    threads: Vec<Vec<usize>>,
}

/// The cell of an operation, and whether it reads and writes it.
fn cell(op: Op) -> Option<(u64, bool, bool)> {
    Some(match op {
        Op::Read { var } | Op::SpeculativeRead { var } => (u64::from(var.0), true, false),
        Op::Write { var } => (u64::from(var.0), false, true),
        Op::AtomicLoad { atomic, .. } => (1 << 40 | u64::from(atomic.0), true, false),
        Op::AtomicStore { atomic, .. } => (1 << 40 | u64::from(atomic.0), false, true),
        Op::AtomicRmw { atomic, .. } => (1 << 40 | u64::from(atomic.0), true, true),
        Op::DataRead { lock } => (2 << 40 | u64::from(lock.0), true, false),
        Op::DataWrite { lock } => (2 << 40 | u64::from(lock.0), false, true),
        _ => return None,
    })
}

/// Plain accesses of two threads to one variable, at least one a write.
fn conflict(one: &Event, other: &Event) -> bool {
    one.owner != other.owner
        && match (one.op, other.op) {
            (Op::Write { var: a }, Op::Write { var: b } | Op::Read { var: b })
            | (Op::Read { var: a }, Op::Write { var: b }) => a == b,
            _ => false,
        }
}

/// The order of these is kept.
const fn is_ordered(op: Op) -> Option<CondvarId> {
    match op {
        Op::Notify { condvar, .. } | Op::CondvarRequest { condvar, .. } | Op::CondvarWoken { condvar, .. } => {
            Some(condvar)
        }
        _ => None,
    }
}

impl<'a> Twin<'a> {
    fn new(events: &'a [Event]) -> Self {
        let count = events.iter().map(|event| event.owner.thread.0 as usize + 1).max().unwrap_or(0);
        let mut threads = vec![Vec::new(); count];
        for (at, event) in events.iter().enumerate() {
            threads[event.owner.thread.0 as usize].push(at);
        }
        Self { events, threads }
    }

    fn is_done(&self, state: &State, event: usize) -> bool {
        let thread = self.events[event].owner.thread.0 as usize;
        self.threads[thread][..state.done[thread]].contains(&event)
    }

    fn next(&self, state: &State, thread: usize) -> Option<usize> {
        self.threads[thread].get(state.done[thread]).copied()
    }

    /// What a thread holds.
    fn held(&self, state: &State, thread: usize) -> Vec<(LockId, Mode)> {
        let mut held = Vec::new();
        for &event in &self.threads[thread][..state.done[thread]] {
            match self.events[event].op {
                Op::Acquired { lock, mode, .. } => held.push((lock, mode)),
                Op::Released { lock, mode } => {
                    let at = held.iter().rposition(|hold| *hold == (lock, mode)).expect("a well-formed trace");
                    held.remove(at);
                }
                _ => {}
            }
        }
        held
    }

    /// The threads that keep this one from the lock.
    fn holders(&self, state: &State, thread: usize, lock: LockId, mode: Mode) -> Vec<usize> {
        let keeps = |&other: &usize| {
            other != thread && self.held(state, other).iter().any(|&(held, by)| held == lock && !by.compatible(mode))
        };
        (0..self.threads.len()).filter(keeps).collect()
    }

    /// What every event needs, but locks and values: its fork, or the event itself if it is an access.
    fn has_begun(&self, state: &State, thread: usize) -> bool {
        let fork = self.events.iter().position(|event| event.op == Op::Fork { child: ThreadId(thread as u32) });
        fork.is_none_or(|fork| self.is_done(state, fork))
    }

    fn is_enabled(&self, state: &State, event: usize) -> bool {
        let Event { owner, op, .. } = self.events[event];
        let thread = owner.thread.0 as usize;
        if !self.has_begun(state, thread) {
            return false;
        }
        if let Some((cell, true, _)) = cell(op) {
            let saw = self.events[..event]
                .iter()
                .rposition(|other| self::cell(other.op).is_some_and(|(other, _, writes)| other == cell && writes));
            if state.writes.get(&cell).copied() != saw {
                return false;
            }
        }
        if let Some(condvar) = is_ordered(op) {
            let before = |other: &usize| is_ordered(self.events[*other].op) == Some(condvar);
            return (0..event).filter(before).all(|other| self.is_done(state, other));
        }
        match op {
            Op::Joined { child } => {
                if !self.has_begun(state, child.0 as usize) {
                    return false;
                }
                let child = self.threads.get(child.0 as usize).map_or(&[][..], Vec::as_slice);
                child.iter().filter(|&&other| other < event).all(|&other| self.is_done(state, other))
            }
            Op::Acquired { lock, mode, .. } => self.holders(state, thread, lock, mode).is_empty(),
            _ => true,
        }
    }

    /// The lock that a thread is about to wait for, with the event at which it stands.
    fn wants(&self, state: &State, thread: usize) -> Option<(usize, LockId, Mode)> {
        let event = self.next(state, thread)?;
        if !self.has_begun(state, thread) {
            return None;
        }
        match self.events[event].op {
            Op::Acquired { lock, mode, attempt: Attempt::Blocking } => Some((event, lock, mode)),
            Op::Request { lock, mode } => {
                let granted = self.threads[thread].get(state.done[thread] + 1).is_some_and(|&next| {
                    matches!(self.events[next].op, Op::Acquired { lock: taken, attempt: Attempt::Blocking, .. } if taken == lock)
                });
                (!granted).then_some((event, lock, mode))
            }
            _ => None,
        }
    }

    /// Circles of threads, each waiting for a lock that the next one holds; no lock twice.
    fn circles(&self, state: &State, truth: &mut Truth) {
        for first in 0..self.threads.len() {
            let mut paths = vec![vec![first]];
            while let Some(path) = paths.pop() {
                let last = *path.last().expect("a path has a start");
                let Some((_, lock, mode)) = self.wants(state, last) else { continue };
                for next in self.holders(state, last, lock, mode) {
                    let wanted: Vec<_> = path.iter().filter_map(|&thread| self.wants(state, thread)).collect();
                    let locks: BTreeSet<LockId> = wanted.iter().map(|(_, lock, _)| *lock).collect();
                    if locks.len() < wanted.len() {
                        continue;
                    }
                    if next == first {
                        let events: BTreeSet<u64> = wanted.iter().map(|(event, ..)| *event as u64 + 1).collect();
                        truth.deadlocks.insert(events.into_iter().collect());
                    } else if next > first && !path.contains(&next) {
                        paths.push(path.iter().copied().chain([next]).collect());
                    }
                }
            }
        }
    }

    fn truth(&self) -> Truth {
        let mut truth = Truth::default();
        let first = State { done: vec![0; self.threads.len()], writes: BTreeMap::new() };
        let (mut known, mut open) = (HashSet::from([first.clone()]), vec![first]);
        while let Some(state) = open.pop() {
            self.circles(&state, &mut truth);
            for thread in 0..self.threads.len() {
                let Some(event) = self.next(&state, thread) else { continue };
                for other in 0..thread {
                    if let Some(other_event) = self.next(&state, other)
                        && conflict(&self.events[event], &self.events[other_event])
                        && self.has_begun(&state, thread)
                        && self.has_begun(&state, other)
                    {
                        truth.racy.insert(event.max(other_event) as u64 + 1);
                    }
                }
                if self.is_enabled(&state, event) {
                    let mut after = state.clone();
                    after.done[thread] += 1;
                    if let Some((cell, _, true)) = cell(self.events[event].op) {
                        after.writes.insert(cell, event);
                    }
                    if known.insert(after.clone()) {
                        open.push(after);
                    }
                }
            }
        }
        truth
    }
}

/// The trace, ready to be asked, and its hazards.
pub(crate) fn predict(events: &[Event]) -> (Prediction, Vec<Hazard>) {
    let mut predictor = Predictor::new();
    predictor.feed(1, events);
    let mut order = LockOrderAnalysis::new();
    (1..).zip(events).for_each(|(ordinal, event)| order.event(ordinal, event));
    (predictor.finish().expect("a trace of threads"), order.take())
}

const ENOUGH: Effort = Effort { every_event: true, budget: u64::MAX, parallel: true };

/// What prediction says, and how.
pub(crate) fn answers(events: &[Event]) -> (Truth, Outcome) {
    let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let control = Control { stop: &stop, done: &done };
    let (trace, hazards) = predict(events);
    let races = trace.races(&Known::default(), ENOUGH, control);
    assert_eq!(races.undecided, 0);
    let mut outcome = Outcome::default();
    let racy: BTreeSet<u64> = races.found.iter().map(|found| found.race.later.ordinal).collect();
    let quick = Effort { budget: 0, ..ENOUGH };
    let found = |effort| trace.races(&Known::default(), effort, control).found;
    let in_order: BTreeSet<u64> = found(quick).iter().map(|found| found.race.later.ordinal).collect();
    assert!(in_order.is_subset(&racy), "{in_order:?} {racy:?}");
    outcome.races = racy.len() - in_order.len();

    let hazards: Vec<&Hazard> = hazards.iter().collect();
    let verdicts = trace.deadlocks(&hazards, ENOUGH, control).verdicts;
    let in_order = trace.deadlocks(&hazards, quick, control).verdicts;
    let mut deadlocks = BTreeSet::new();
    for ((verdict, quick), hazard) in verdicts.iter().zip(&in_order).zip(&hazards) {
        assert!(!matches!((quick, verdict), (Verdict::Predicted(_), Verdict::Refuted(_))));
        match verdict {
            Verdict::Predicted(found) => {
                outcome.deadlocks += usize::from(!matches!(quick, Verdict::Predicted(_)));
                for found in found {
                    let (_, mut ends) = found.witness.ordinals(&trace);
                    let steps = match hazard {
                        Hazard::Cycle(pattern) => pattern.steps.len(),
                        Hazard::RecursiveRead(_) => 0,
                    };
                    if steps == ends.len() {
                        ends.sort_unstable();
                        deadlocks.insert(ends);
                    } else {
                        outcome.queued += 1;
                    }
                }
            }
            Verdict::Refuted(why) => {
                outcome.refuted += 1;
                outcome.searched += usize::from(matches!(why, Refuted::Searched(_)));
            }
            Verdict::Undecided => panic!("{hazard:?} is left open"),
        }
    }
    (Truth { racy, deadlocks }, outcome)
}

/// Compares prediction with the search over all reorderings.
pub(crate) fn compare(events: &[Event]) -> Outcome {
    let truth = Twin::new(events).truth();
    let (answers, outcome) = answers(events);
    let line = |(at, event): (usize, &Event)| format!("{at}: {} {:?}", event.owner.thread, event.op);
    let lines: Vec<String> = (1..).zip(events).map(line).collect();
    assert_eq!(answers, truth, "\n{}", lines.join("\n"));
    outcome
}

/// A trace under way.
struct Script {
    events: Vec<Event>,
    held: Vec<Vec<(LockId, Mode)>>,
    joined: Vec<bool>,
    /// All threads come of the first: so is it in recordings, which alone say what is done with what a lock guards.
    one_root: bool,
}

impl Script {
    fn emit(&mut self, thread: usize, op: Op) {
        let site = SiteId(self.events.len() as u32 + 1);
        self.events.push(Event { owner: Owner::thread(ThreadId(thread as u32)), site, op });
    }

    fn acquire(&mut self, thread: usize, how: u8) {
        // Two mutexes and a reader-writer lock.
        let lock = LockId(u32::from(how % 3));
        let mode = if lock.0 == 2 { MODES[usize::from(how / 3 % 4)] } else { Mode::Exclusive };
        if self.held[thread].iter().any(|&(held, by)| held == lock && !(by.is_shared() && mode.is_shared())) {
            return;
        }
        let free =
            self.held.iter().enumerate().all(|(other, held)| {
                other == thread || held.iter().all(|&(held, by)| held != lock || by.compatible(mode))
            });
        let (ask, attempt) = (how & 64 != 0, if how & 128 != 0 { Attempt::Try } else { Attempt::Blocking });
        if attempt == Attempt::Blocking && (ask || !free) {
            self.emit(thread, Op::Request { lock, mode });
        }
        if free {
            self.emit(thread, Op::Acquired { lock, mode, attempt });
            self.held[thread].push((lock, mode));
        } else if attempt == Attempt::Blocking {
            self.emit(thread, Op::GaveUp);
        }
    }

    fn release(&mut self, thread: usize, at: usize) {
        let (lock, mode) = self.held[thread].remove(at);
        self.emit(thread, Op::Released { lock, mode });
        if lock.0 == 2 {
            // Directly before an acquisition in another mode it would be a conversion, which lets no one in between.
            self.emit(thread, Op::Fence { order: Order::SeqCst });
        }
    }

    /// Two locks, one in the other, with an access in each.
    fn section(&mut self, thread: usize, how: u8) {
        let before = self.held[thread].len();
        let access = |var: u8, write: bool| {
            let var = VarId(u32::from(var % 2));
            if write { Op::Write { var } } else { Op::Read { var } }
        };
        self.acquire(thread, how & 15);
        if how & 16 != 0 {
            self.emit(thread, access(how >> 5, how & 128 != 0));
        }
        self.acquire(thread, (how >> 1 & 15) + 1 + (how >> 6 & 1));
        if how & 32 != 0 {
            self.emit(thread, access(how >> 6, how & 64 != 0));
        }
        while self.held[thread].len() > before {
            self.release(thread, before);
        }
    }

    fn step(&mut self, what: u8, how: u8) {
        let living: Vec<usize> = (0..self.held.len()).filter(|&thread| !self.joined[thread]).collect();
        let thread = living[usize::from(what >> 4) % living.len()];
        let (var, atomic, order) = (VarId(u32::from(how % 2)), AtomicId(0), Order::SeqCst);
        match what % 16 {
            0 | 1 => self.section(thread, how),
            2 | 3 => self.acquire(thread, how),
            4..=7 if !self.held[thread].is_empty() => {
                let at = if how & 1 == 0 {
                    self.held[thread].len() - 1
                } else {
                    usize::from(how / 2) % self.held[thread].len()
                };
                self.release(thread, at);
            }
            4 | 5 | 8 | 9 => self.emit(thread, Op::Write { var }),
            6 | 7 | 10 | 11 => self.emit(thread, Op::Read { var }),
            12 => self.emit(
                thread,
                match (how % 8, self.held[thread].last()) {
                    (0, _) => Op::AtomicStore { atomic, order },
                    (1, _) => Op::AtomicRmw { atomic, order },
                    (2, _) => Op::SpeculativeRead { var },
                    (3 | 4, Some(&(lock, _))) if self.one_root => Op::DataRead { lock },
                    (5, Some(&(lock, Mode::Exclusive))) if self.one_root => Op::DataWrite { lock },
                    _ => Op::AtomicLoad { atomic, order },
                },
            ),
            13 if how < 64 => {
                let condvar = CondvarId(u32::from(how) / 4 % 2);
                let op = match how % 4 {
                    0 => Op::CondvarRequest { condvar, lock: LockId(0) },
                    1 => Op::CondvarWoken { condvar, notified: true },
                    _ => Op::Notify { condvar, all: true, woken: 0 },
                };
                self.emit(thread, op);
            }
            13 | 14 if self.held.len() < THREADS => {
                let child = self.held.len();
                self.held.push(Vec::new());
                self.joined.push(false);
                self.emit(thread, Op::Fork { child: ThreadId(child as u32) });
            }
            15 => {
                let child = usize::from(how) % self.held.len();
                if child != thread && child != 0 && !self.joined[child] && self.held[child].is_empty() {
                    self.joined[child] = true;
                    self.emit(thread, Op::Joined { child: ThreadId(child as u32) });
                }
            }
            _ => {}
        }
    }
}

/// Bytes as a well-formed trace: two bytes a step. Two threads at least.
pub(crate) fn script(bytes: &[u8]) -> Vec<Event> {
    let one_root = bytes.first().is_some_and(|byte| byte & 1 == 0);
    let mut script = Script { events: Vec::new(), held: vec![Vec::new(); 2], joined: vec![false; 2], one_root };
    if one_root {
        script.emit(0, Op::Fork { child: ThreadId(1) });
    }
    for step in bytes.chunks_exact(2).take(STEPS) {
        if script.events.len() < EVENTS {
            script.step(step[0], step[1]);
        }
    }
    script.events
}

/// Any bytes.
pub(crate) fn check(bytes: &[u8]) -> Outcome {
    compare(&script(bytes))
}
