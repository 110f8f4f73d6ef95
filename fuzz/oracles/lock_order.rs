//! The naive twin of the lock-order graph.
//!
//! Any bytes become a well-formed script of lock and thread events. The twin keeps every request with a copy of what
//! was held, orders requests by reachability over program order, fork and join, and tries every sequence of requests
//! against the definition of a deadlock pattern. Shared by the ordinary tests and the fuzz target.

use std::collections::BTreeSet;

use gordian::analysis::lock_order::{Hazard, LockOrderAnalysis, Place};
use gordian::event::{Attempt, Event, LockId, Mode, Op, Owner, SiteId, ThreadId};

const LOCKS: u8 = 4;
const THREADS: usize = 5;
const MODES: [Mode; 4] = [Mode::Exclusive, Mode::Shared, Mode::SharedRecursive, Mode::Upgradable];

type Holding = (LockId, Mode);
/// An abstract acquisition: thread, lock and mode wanted, set of locks held.
type Step = (ThreadId, LockId, Mode, Vec<Holding>);

/// What a script came to, so that a test can see that its scripts are not all trivial.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Outcome {
    /// Abstract deadlock patterns.
    pub(crate) patterns: usize,
    /// Those in which a reader waits for a reader, with a writer between.
    pub(crate) reader_patterns: usize,
    /// Recursive reads that a writer can get between.
    pub(crate) recursive_reads: usize,
}

/// A script under way: who lives, and what each thread holds.
#[derive(Default)]
struct Script {
    events: Vec<Event>,
    held: Vec<Vec<Holding>>,
    joined: Vec<bool>,
}

impl Script {
    fn emit(&mut self, thread: usize, op: Op) {
        let site = match op {
            Op::Request { lock, mode } | Op::Acquired { lock, mode, .. } => {
                SiteId(1 + ((thread as u32 * 64 + lock.0) * 4 + mode as u32))
            }
            _ => SiteId::UNKNOWN,
        };
        self.events.push(Event { owner: Owner::thread(ThreadId(thread as u32)), site, op });
    }

    /// Locks with an even number are mutexes, the others reader-writer locks.
    fn acquire(&mut self, thread: usize, lock: LockId, mode: Mode, announced: bool, attempt: Attempt) {
        let mine = |&(held, _): &Holding| held == lock;
        let own: Vec<Mode> = self.held[thread].iter().copied().filter(mine).map(|(_, mode)| mode).collect();
        if own == [Mode::Upgradable] && mode == Mode::Exclusive {
            self.emit(thread, Op::Request { lock, mode });
            self.emit(thread, Op::GaveUp);
            return;
        }
        if !own.is_empty() && (own.contains(&Mode::Exclusive) || !mode.is_shared()) {
            return;
        }
        let free = self.held.iter().flatten().all(|&(held, by)| held != lock || by.compatible(mode));
        if (announced || !free) && attempt == Attempt::Blocking {
            self.emit(thread, Op::Request { lock, mode });
        }
        if free {
            self.emit(thread, Op::Acquired { lock, mode, attempt });
            self.held[thread].push((lock, mode));
        } else if attempt == Attempt::Blocking {
            self.emit(thread, Op::GaveUp);
        }
    }

    fn step(&mut self, what: u8, how: u8) {
        let living: Vec<usize> = (0..self.held.len()).filter(|&thread| !self.joined[thread]).collect();
        let thread = living[usize::from(what >> 4) % living.len()];
        let lock = LockId(u32::from(how % LOCKS));
        let mode = if lock.0.is_multiple_of(2) { Mode::Exclusive } else { MODES[usize::from(how / LOCKS % 4)] };
        match what % 16 {
            0..=7 => self.acquire(thread, lock, mode, how & 128 != 0, Attempt::Blocking),
            8 => self.acquire(thread, lock, mode, false, Attempt::Try),
            9..=12 if !self.held[thread].is_empty() => {
                let at = usize::from(how) % self.held[thread].len();
                let (lock, mode) = self.held[thread].remove(at);
                self.emit(thread, Op::Released { lock, mode });
            }
            13 | 14 if self.held.len() < THREADS => {
                let child = ThreadId(self.held.len() as u32);
                self.held.push(Vec::new());
                self.joined.push(false);
                self.emit(thread, Op::Fork { child });
                // So that fork and join are connected also when the child does nothing else.
                self.emit(child.0 as usize, Op::Begin);
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

/// Bytes as a well-formed stream: two bytes a step, at most 40 steps.
fn script(bytes: &[u8]) -> Vec<Event> {
    let mut script = Script { held: vec![Vec::new()], joined: vec![false], ..Script::default() };
    for step in bytes.chunks_exact(2).take(40) {
        script.step(step[0], step[1]);
    }
    script.events
}

/// One request that could wait.
struct Request {
    event: usize,
    thread: ThreadId,
    held: Vec<(Holding, SiteId)>,
    lock: LockId,
    mode: Mode,
    site: SiteId,
}

fn requests(events: &[Event]) -> Vec<Request> {
    let mut held: Vec<Vec<(Holding, SiteId)>> = vec![Vec::new(); THREADS];
    let mut requests = Vec::new();
    for (event, &Event { owner, site, op }) in events.iter().enumerate() {
        let mine = &mut held[owner.thread.0 as usize];
        let wanted = match op {
            Op::Request { lock, mode } | Op::Acquired { lock, mode, attempt: Attempt::Blocking } => Some((lock, mode)),
            _ => None,
        };
        if let Some((lock, mode)) = wanted {
            requests.push(Request { event, thread: owner.thread, held: mine.clone(), lock, mode, site });
        }
        match op {
            Op::Acquired { lock, mode, .. } => mine.push(((lock, mode), site)),
            Op::Released { lock, mode } => {
                let at = mine.iter().rposition(|&(held, _)| held == (lock, mode)).unwrap();
                mine.remove(at);
            }
            _ => {}
        }
    }
    requests
}

/// `reach[a][b]`: program order, fork and join put `a` before `b`.
fn reachability(events: &[Event]) -> Vec<Vec<bool>> {
    let mut reach = vec![vec![false; events.len()]; events.len()];
    for b in 0..events.len() {
        for a in 0..b {
            let direct = events[a].owner == events[b].owner
                || matches!(events[a].op, Op::Fork { child } if child == events[b].owner.thread)
                || matches!(events[b].op, Op::Joined { child } if child == events[a].owner.thread);
            if direct {
                for before in &mut reach[..=a] {
                    before[b] |= before[a];
                }
                reach[a][b] = true;
            }
        }
    }
    reach
}

struct Twin {
    requests: Vec<Request>,
    reach: Vec<Vec<bool>>,
}

impl Twin {
    fn new(events: &[Event]) -> Self {
        Self { requests: requests(events), reach: reachability(events) }
    }

    fn together(&self, one: &Request, two: &Request) -> bool {
        let gate = one
            .held
            .iter()
            .any(|&((lock, mode), _)| two.held.iter().any(|&((other, by), _)| lock == other && !mode.compatible(by)));
        let ordered = self.reach[one.event][two.event] || self.reach[two.event][one.event];
        one.thread != two.thread && !gate && !ordered
    }

    /// Does `waiter` wait for `holder`? `None`: no; `Some(true)`: if a writer waits in between.
    fn waits(waiter: &Request, holder: &Request) -> Option<bool> {
        let held: Vec<Mode> = holder.held.iter().filter(|held| held.0.0 == waiter.lock).map(|held| held.0.1).collect();
        if held.iter().any(|mode| !mode.compatible(waiter.mode)) {
            return Some(false);
        }
        held.iter().any(|&mode| behind(mode, waiter.mode)).then_some(true)
    }

    /// Every abstract pattern, and how many need a writer in between.
    fn patterns(&self) -> (BTreeSet<Vec<Step>>, usize) {
        // A thread that asks for what it holds waits for nobody's order; an upgrade waits for the other readers.
        let fair = |request: &Request| {
            request.held.iter().all(|held| held.0.0 != request.lock) || request.mode == Mode::Exclusive
        };
        let usable: Vec<&Request> = self.requests.iter().filter(|request| fair(request)).collect();
        let (mut found, mut readers) = (BTreeSet::new(), BTreeSet::new());
        let mut paths: Vec<Vec<&Request>> = usable.iter().map(|&request| vec![request]).collect();
        while let Some(path) = paths.pop() {
            let (first, last) = (path[0], path[path.len() - 1]);
            if path.len() > 1 && Self::waits(last, first).is_some() {
                let between = self.waits_for_readers(&path);
                if between.iter().all(|&lock| self.writer_fits(&path, lock)) {
                    if !between.is_empty() {
                        readers.insert(normal(&path));
                    }
                    found.insert(normal(&path));
                }
            }
            for &next in &usable {
                let fits = path.iter().all(|other| other.lock != next.lock && self.together(other, next));
                if fits && Self::waits(last, next).is_some() {
                    paths.push(path.iter().copied().chain([next]).collect());
                }
            }
        }
        (found, readers.len())
    }

    fn waits_for_readers(&self, path: &[&Request]) -> Vec<LockId> {
        let pairs = (0..path.len()).map(|at| (path[at], path[(at + 1) % path.len()]));
        pairs
            .filter(|(waiter, holder)| Self::waits(waiter, holder) == Some(true))
            .map(|(waiter, _)| waiter.lock)
            .collect()
    }

    fn writer_fits(&self, path: &[&Request], lock: LockId) -> bool {
        let writes = |request: &&Request| request.lock == lock && request.mode == Mode::Exclusive;
        self.requests.iter().filter(writes).any(|writer| path.iter().all(|step| self.together(writer, step)))
    }

    fn recursive_reads(&self) -> BTreeSet<(LockId, SiteId, SiteId)> {
        let mut found = BTreeSet::new();
        for reader in &self.requests {
            let first = reader.held.iter().find(|held| held.0.0 == reader.lock && behind(held.0.1, reader.mode));
            if let Some(first) = first
                && self.writer_fits(&[reader], reader.lock)
            {
                found.insert((reader.lock, first.1, reader.site));
            }
        }
        found
    }
}

/// Does a request wait behind a waiting writer where a reader holds the lock?
fn behind(held: Mode, wanted: Mode) -> bool {
    matches!(held, Mode::Shared | Mode::SharedRecursive) && matches!(wanted, Mode::Shared | Mode::Upgradable)
}

fn rotated(mut steps: Vec<Step>) -> Vec<Step> {
    let first = (0..steps.len()).min_by_key(|&at| steps[at].clone()).unwrap();
    steps.rotate_left(first);
    steps
}

fn normal(path: &[&Request]) -> Vec<Step> {
    let step = |request: &&Request| {
        let mut held: Vec<Holding> = request.held.iter().map(|held| held.0).collect();
        held.sort_unstable();
        (request.thread, request.lock, request.mode, held)
    };
    rotated(path.iter().map(step).collect())
}

fn listing(events: &[Event]) -> String {
    events.iter().map(|event| format!("{} {:?}\n", event.owner.thread, event.op)).collect()
}

/// Judges the script by both, and panics where they differ.
pub(crate) fn check(bytes: &[u8]) -> Outcome {
    let events = script(bytes);
    let mut analysis = LockOrderAnalysis::new();
    for (at, event) in events.iter().enumerate() {
        analysis.event(at as u64 + 1, event);
    }
    let (mut patterns, mut reads) = (BTreeSet::new(), BTreeSet::new());
    for hazard in analysis.take() {
        match hazard {
            Hazard::Cycle(pattern) => {
                let step = |step: &gordian::analysis::lock_order::Step| {
                    let Place::Lock(wants) = step.wants else { panic!("no lock has died") };
                    let mut held: Vec<Holding> = step.held.iter().map(|held| (held.lock, held.mode)).collect();
                    held.sort_unstable();
                    (step.thread, wants, step.mode, held)
                };
                assert!(patterns.insert(rotated(pattern.steps.iter().map(step).collect())), "reported twice");
            }
            Hazard::RecursiveRead(read) => {
                assert!(reads.insert((read.lock, read.first.site, read.site)), "reported twice");
            }
        }
    }
    let twin = Twin::new(&events);
    let (expected, reader_patterns) = twin.patterns();
    if analysis.order().dropped() > 0 || analysis.order().is_cut() {
        assert!(patterns.is_subset(&expected), "{}", listing(&events));
    } else {
        assert_eq!(patterns, expected, "{}", listing(&events));
        assert_eq!(reads, twin.recursive_reads(), "{}", listing(&events));
    }
    Outcome { patterns: patterns.len(), reader_patterns, recursive_reads: reads.len() }
}
