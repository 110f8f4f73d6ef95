//! Which lock-order hazards a correct reordering runs into.
//!
//! A hazard is *abstract*: threads, each with the set of locks that it holds and the lock that it asks for. Its
//! *instances* are the requests of the trace that fit. For lists of instances, one for each thread, the closure of what
//! must come before grows with each of them, so the first combination that avoids its own closure is found in one pass
//! (SPDOffline, Tunç, Mathur, Pavlogiannis and Viswanathan, PLDI 2023). Where there is none, each combination is a
//! question to the search.
//!
//! A reader that waits behind a writer that waits takes part together with that writer.

use std::rc::Rc;
use std::sync::atomic::Ordering;

use rustc_hash::FxHashMap;

use super::check::Claim;
use super::clocks::{Clocks, Prefix};
use super::closure::close;
use super::index::{Index, NONE};
use super::races::MOVES_MAX;
use super::search::STATES_MAX;
use super::slice::{Question, Refuted};
use super::witness::{Form, Witness};
use super::word::{Kind, Word};
use super::{Answer, Control, Deadlocks, Effort, PredictedDeadlock, Verdict, ask};
use crate::analysis::lock_order::{Hazard, HeldLock, Pattern, Place, RecursiveRead, Step};
use crate::event::{LockId, Mode, SiteId, ThreadId};

/// Combinations of sites of one hazard that are told apart.
const SITES_MAX: usize = 256;
/// Combinations of instances that are put to the search.
const INSTANCES_MAX: usize = 4_096;
/// Combinations of all hazards that are put to the search; what would need more is undecided.
const QUESTIONS_MAX: usize = 500_000;
/// Groups of writers that are tried for a reader that waits behind a writer.
const WRITERS_MAX: usize = 64;
/// States for the first round of searches; each round has ten times as many.
const FIRST_ROUND: u64 = 1_000;

/// What requests have in common that make the same hazards: thread, lock, mode, set of locks held.
type Key = (u32, u32, Mode, u64);

/// Requests that are alike, in the order of the recording.
type Instances = Rc<[u32]>;

pub(super) struct Judge<'a> {
    index: &'a Index,
    clocks: &'a Clocks,
    control: Control<'a>,
    budget: u64,
    states: u64,
    /// Moves that may still be told.
    to_tell: u64,
    /// Combinations that may still be put to the search.
    to_ask: usize,
    requests: FxHashMap<Key, Instances>,
}

/// What is not settled of one combination of sites.
struct Open {
    hazard: usize,
    questions: Vec<Vec<u32>>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(index: &'a Index, clocks: &'a Clocks, effort: Effort, control: Control<'a>) -> Self {
        let (budget, requests) = (effort.budget, requests(index));
        let (to_tell, to_ask) = (MOVES_MAX, QUESTIONS_MAX);
        Self { index, clocks, control, budget, states: 0, to_tell, to_ask, requests }
    }

    pub(super) fn run(mut self, hazards: &[&Hazard]) -> Deadlocks {
        let mut verdicts = Vec::with_capacity(hazards.len());
        let mut open = Vec::new();
        for (number, hazard) in hazards.iter().enumerate() {
            let verdict = if self.stopped() { Verdict::Undecided } else { self.first(number, hazard, &mut open) };
            verdicts.push(verdict);
            self.control.done.fetch_add(1, Ordering::Relaxed);
        }
        self.search(hazards, &mut verdicts, open);
        Deadlocks { verdicts, states: self.states }
    }

    fn stopped(&self) -> bool {
        self.control.stop.load(Ordering::Relaxed)
    }

    /// Step 1 for one hazard; what it leaves open goes to `open`.
    fn first(&mut self, number: usize, hazard: &Hazard, open: &mut Vec<Open>) -> Verdict {
        let Some(casts) = self.casts(hazard) else { return Verdict::Undecided };
        let (mut found, mut undecided) = (Vec::new(), false);
        for cast in casts {
            let Some(combinations) = self.by_site(&cast) else {
                // Too many to be told apart: any of them will do.
                undecided |= self.one(hazard, &cast, &mut found) != Some(true);
                continue;
            };
            for lists in combinations {
                let told = if self.stopped() { None } else { self.one(hazard, &lists, &mut found) };
                undecided |= told.is_none();
                if told == Some(false) {
                    match product(&lists, INSTANCES_MAX.min(self.to_ask)) {
                        Some(questions) => {
                            self.to_ask -= questions.len();
                            open.push(Open { hazard: number, questions });
                        }
                        None => undecided = true,
                    }
                }
            }
        }
        if !found.is_empty() {
            Verdict::Predicted(found)
        } else if undecided {
            Verdict::Undecided
        } else {
            // The search may say otherwise.
            Verdict::Refuted(Refuted::Ordered)
        }
    }

    /// Is there a combination of these instances that keeps the order of critical sections? `None`: yes, but it can't be
    /// told.
    fn one(&mut self, hazard: &Hazard, lists: &[Instances], found: &mut Vec<PredictedDeadlock>) -> Option<bool> {
        let Some((stops, prefix)) = self.sync_preserving(lists) else { return Some(false) };
        found.push(self.predicted(hazard, &stops, Form::Recorded(prefix))?);
        Some(true)
    }

    fn predicted(&mut self, hazard: &Hazard, stops: &[u32], form: Form) -> Option<PredictedDeadlock> {
        let witness = Witness::new(self.index, form, Claim::Deadlock(stops))?;
        self.to_tell = self.to_tell.checked_sub(witness.moves(self.index))?;
        Some(PredictedDeadlock { hazard: self.concrete(hazard, stops), witness })
    }

    /// The first combination that avoids the closure of what must come before it.
    fn sync_preserving(&self, lists: &[Instances]) -> Option<(Vec<u32>, Prefix)> {
        let mut rest: Vec<&[u32]> = lists.iter().map(|list| &**list).collect();
        let mut closed: Prefix = vec![0; self.index.threads.len()];
        loop {
            let stops: Vec<u32> = rest.iter().map(|list| list.first().copied()).collect::<Option<_>>()?;
            for &stop in &stops {
                self.clocks.before(self.index, stop, &mut closed);
            }
            if !close(self.index, self.clocks, &mut closed) {
                return None;
            }
            let mut moved = false;
            for list in &mut rest {
                let passed = list.partition_point(|&event| {
                    let entry = self.index.entry(event);
                    entry.at < closed[entry.thread as usize]
                });
                moved |= passed > 0;
                *list = &list[passed..];
            }
            if !moved {
                return Some((stops, closed));
            }
        }
    }

    /// Steps 2 and 3, with few states each at first, then with more for what is left, until the budget is spent.
    fn search(&mut self, hazards: &[&Hazard], verdicts: &mut [Verdict], mut open: Vec<Open>) {
        let mut limit = FIRST_ROUND;
        let mut refuted: FxHashMap<usize, Vec<Refuted>> = FxHashMap::default();
        while !open.is_empty() && self.budget > 0 && !self.stopped() {
            let mut left = Vec::new();
            for Open { hazard, questions } in open {
                let mut unanswered = Vec::new();
                let mut found = None;
                for stops in questions {
                    if self.budget == 0 || self.stopped() {
                        unanswered.push(stops);
                        continue;
                    }
                    let question = Question { stops };
                    let (answer, cost) = ask(self.index, self.clocks, &question, limit.min(self.budget));
                    self.budget = self.budget.saturating_sub(cost);
                    self.states += cost;
                    match answer {
                        Answer::Witness(list) => {
                            found = self.predicted(hazards[hazard], &question.stops, Form::Listed(list));
                            if found.is_some() {
                                break;
                            }
                            unanswered.push(question.stops);
                        }
                        Answer::Refuted(why) => refuted.entry(hazard).or_default().push(why),
                        Answer::GaveUp => unanswered.push(question.stops),
                    }
                }
                match (found, &mut verdicts[hazard]) {
                    (Some(found), Verdict::Predicted(all)) => all.push(found),
                    (Some(found), verdict) => *verdict = Verdict::Predicted(vec![found]),
                    (None, _) if unanswered.is_empty() => {}
                    (None, _) => left.push(Open { hazard, questions: unanswered }),
                }
            }
            open = left;
            if limit >= STATES_MAX {
                break;
            }
            limit = limit.saturating_mul(10);
        }
        for (hazard, reasons) in refuted {
            if let Verdict::Refuted(why) = &mut verdicts[hazard] {
                *why = summary(&reasons);
            }
        }
        for Open { hazard, .. } in open {
            if let Verdict::Refuted(_) = verdicts[hazard] {
                verdicts[hazard] = Verdict::Undecided;
            }
        }
    }

    /// The members of the hazard, as lists of their instances: those of the steps in their order, then the writers
    /// behind whom readers wait. One cast for each choice of writers; none is `None` if they are too many.
    fn casts(&self, hazard: &Hazard) -> Option<Vec<Vec<Instances>>> {
        match hazard {
            Hazard::RecursiveRead(read) => {
                let reader = self.instances(read.thread, &read.held, read.lock, read.mode)?;
                let writer = self.instances(read.writer, &read.writer_held, read.lock, Mode::Exclusive)?;
                Some(vec![vec![reader, writer]])
            }
            Hazard::Cycle(Pattern { steps }) => {
                let mut casts = vec![Vec::new()];
                let mut behind = Vec::new();
                for (at, step) in steps.iter().enumerate() {
                    let Place::Lock(lock) = step.wants else { return None };
                    let instances = self.instances(step.thread, &step.held, lock, step.mode)?;
                    casts[0].push(instances);
                    let holder = &steps[(at + 1) % steps.len()];
                    if holder.holds.mode.compatible(step.mode) {
                        behind.push(lock);
                    }
                }
                for lock in behind {
                    let writers = self.writers(lock, steps);
                    if writers.is_empty() || casts.len() * writers.len() > WRITERS_MAX {
                        return None;
                    }
                    casts = casts
                        .iter()
                        .flat_map(|cast: &Vec<Instances>| {
                            writers.iter().map(|&writer| cast.iter().cloned().chain([writer.clone()]).collect())
                        })
                        .collect();
                }
                Some(casts)
            }
        }
    }

    fn instances(&self, thread: ThreadId, held: &[HeldLock], lock: LockId, mode: Mode) -> Option<Instances> {
        let set = self.index.set_of(held);
        self.requests.get(&(thread.0, lock.0, mode, set)).cloned()
    }

    /// The exclusive requests for a lock by threads that are no step, by thread and set of locks held.
    fn writers(&self, lock: LockId, steps: &[Step]) -> Vec<&Instances> {
        let fits = |(thread, wanted, mode, _): &Key| {
            (*wanted, *mode) == (lock.0, Mode::Exclusive) && steps.iter().all(|step| step.thread.0 != *thread)
        };
        let mut writers: Vec<_> = self.requests.iter().filter(|(key, _)| fits(key)).collect();
        writers.sort_unstable_by_key(|(_, list)| list[0]);
        writers.into_iter().map(|(_, list)| list).collect()
    }

    /// The instances divided by the sites at which they are and at which what they hold was taken, in all combinations;
    /// `None` if they are too many.
    fn by_site(&self, cast: &[Instances]) -> Option<Vec<Vec<Instances>>> {
        let mut combinations: Vec<Vec<Instances>> = vec![Vec::new()];
        for instances in cast {
            let mut groups: Vec<(Vec<SiteId>, Vec<u32>)> = Vec::new();
            for &event in &**instances {
                let entry = self.index.entry(event);
                let taken = self.index.open(entry.thread, entry.at).map(|open| self.index.entry(open).site);
                let sites: Vec<SiteId> = std::iter::once(entry.site).chain(taken).collect();
                match groups.iter_mut().find(|(known, _)| *known == sites) {
                    Some((_, events)) => events.push(event),
                    None => groups.push((sites, vec![event])),
                }
                if combinations.len() * groups.len() > SITES_MAX {
                    return None;
                }
            }
            let groups: Vec<Instances> = groups.into_iter().map(|(_, events)| events.into()).collect();
            combinations = combinations
                .iter()
                .flat_map(|lists| groups.iter().map(|events| lists.iter().cloned().chain([events.clone()]).collect()))
                .collect();
        }
        Some(combinations)
    }

    /// The hazard with these very requests.
    fn concrete(&self, hazard: &Hazard, stops: &[u32]) -> Hazard {
        let site = |stop: u32| self.index.entry(stop).site;
        match hazard {
            Hazard::Cycle(pattern) => {
                let step = |(step, &stop): (&Step, &u32)| {
                    let held = self.index.held(stop);
                    let holds = held.iter().rfind(|held| held.lock == step.holds.lock && held.mode == step.holds.mode);
                    let holds = holds.copied().unwrap_or(step.holds);
                    Step { held, holds, site: site(stop), event: self.index.ordinal(stop), ..step.clone() }
                };
                Hazard::Cycle(Pattern { steps: pattern.steps.iter().zip(stops).map(step).collect() })
            }
            Hazard::RecursiveRead(read) => {
                let held = self.index.held(stops[0]);
                let first = held.iter().find(|held| held.lock == read.lock).copied().unwrap_or(read.first);
                Hazard::RecursiveRead(RecursiveRead {
                    held,
                    first,
                    site: site(stops[0]),
                    event: self.index.ordinal(stops[0]),
                    writer_held: self.index.held(stops[1]),
                    writer_site: site(stops[1]),
                    writer_event: self.index.ordinal(stops[1]),
                    ..read.clone()
                })
            }
        }
    }
}

/// The reason to give when several combinations were refuted, each for its own.
fn summary(reasons: &[Refuted]) -> Refuted {
    let states: u64 =
        reasons.iter().map(|reason| if let Refuted::Searched(states) = reason { *states } else { 0 }).sum();
    if states > 0 {
        return Refuted::Searched(states);
    }
    reasons.iter().copied().find(|reason| *reason != Refuted::Ordered).unwrap_or(Refuted::Ordered)
}

/// All combinations of one of each list, if they are not more than `max`.
fn product(lists: &[Instances], max: usize) -> Option<Vec<Vec<u32>>> {
    let count = lists.iter().try_fold(1_usize, |count, list| count.checked_mul(list.len()))?;
    if count > max {
        return None;
    }
    let mut all: Vec<Vec<u32>> = vec![Vec::new()];
    for list in lists {
        all =
            all.iter().flat_map(|one| list.iter().map(|&event| one.iter().copied().chain([event]).collect())).collect();
    }
    Some(all)
}

/// The requests that can make a thread wait: of those that were granted the acquisition, of the others the request.
fn requests(index: &Index) -> FxHashMap<Key, Instances> {
    let mut requests: FxHashMap<Key, Vec<u32>> = FxHashMap::default();
    // By thread: a request that may be granted by its next event.
    let mut pending = vec![NONE; index.threads.len()];
    let mut add = |event: u32| {
        let entry = index.entry(event);
        requests.entry((entry.thread, entry.object, entry.mode, index.held_set(event))).or_default().push(event);
    };
    for (event, entry) in (0..).zip(&index.entries) {
        let asked = std::mem::replace(&mut pending[entry.thread as usize], NONE);
        let granted = entry.kind == Kind::Acquire && entry.word == Word::Acquire;
        if asked != NONE && !(granted && index.entry(asked).object == entry.object) {
            add(asked);
        }
        match entry.kind {
            Kind::Acquire if granted => add(event),
            Kind::Request => pending[entry.thread as usize] = event,
            _ => {}
        }
    }
    pending.into_iter().filter(|&asked| asked != NONE).for_each(&mut add);
    let sorted = |(key, mut list): (Key, Vec<u32>)| {
        list.sort_unstable();
        (key, list.into())
    };
    requests.into_iter().map(sorted).collect()
}
