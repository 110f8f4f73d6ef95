//! Which accesses race in some correct reordering.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rustc_hash::FxHashSet;

use super::apart::Apart;
use super::check::Claim;
use super::clocks::{Clocks, Prefix};
use super::closure::close;
use super::index::Index;
use super::search::STATES_MAX;
use super::slice::{Question, has};
use super::witness::{Form, Witness};
use super::word::Word;
use super::{Answer, Control, Effort, PredictedRace, Races, ask};
use crate::analysis::happens_before::{Access, HeldLock, Race};
use crate::event::{SiteId, VarId};

/// Pairs of accesses looked at for the price of one state.
const LOOKS: u64 = 16;
/// Pairs that are kept for the search; those beyond are undecided.
const PAIRS_MAX: usize = 200_000;
/// Events that the checker goes over in all; what would need more is not told.
const CHECKED_MAX: u64 = 1 << 31;
/// Moves of all witnesses in words: what would need more is not told. A move takes some 200 bytes, and as much again in
/// each report.
pub(super) const MOVES_MAX: u64 = 1 << 21;
/// Races of one variable that step 1 keeps; those beyond come up again among the pairs.
const RACES_MAX: usize = 100_000;
/// States for the first round of searches; each round has ten times as many.
const FIRST_ROUND: u64 = 1_000;

/// What need not be looked for.
#[derive(Clone, Default, Debug)]
pub struct Known {
    /// The ordinals of racing events, where each is told once.
    pub later: FxHashSet<u64>,
    /// Pairs of sites, the smaller first, with the variable if the smaller is not known.
    pub sites: FxHashSet<(SiteId, SiteId, Option<VarId>)>,
}

impl Known {
    /// Takes note of a race.
    pub fn add(&mut self, race: &Race) {
        let (one, other) = (race.earlier.site, race.later.site);
        self.later.insert(race.later.ordinal);
        self.sites.insert(pair(one, other, race.var));
    }
}

fn pair(one: SiteId, other: SiteId, var: VarId) -> (SiteId, SiteId, Option<VarId>) {
    let (low, high) = (one.min(other), one.max(other));
    (low, high, (low == SiteId::UNKNOWN).then_some(var))
}

/// Two accesses, the earlier first.
type Pair = (u32, u32);

pub(super) struct Judge<'a> {
    index: &'a Index,
    clocks: &'a Clocks,
    effort: Effort,
    control: Control<'a>,
    /// States that are left, events that the checker may still go over, and moves that may still be told.
    budget: u64,
    to_check: u64,
    to_tell: u64,
    result: Races,
}

impl<'a> Judge<'a> {
    pub(super) fn new(index: &'a Index, clocks: &'a Clocks, effort: Effort, control: Control<'a>) -> Self {
        let (budget, result) = (effort.budget, Races::default());
        Self { index, clocks, effort, control, budget, to_check: CHECKED_MAX, to_tell: MOVES_MAX, result }
    }

    pub(super) fn run(mut self, known: &Known) -> Races {
        let mut known = known.clone();
        for pair in self.sync_preserving(&known) {
            if self.is_known(&known, pair) {
                continue;
            }
            // The prefix is made again: to keep all of them would take memory for each race and thread.
            if let Some(prefix) = self.closed(pair) {
                self.add(&mut known, pair, Form::Recorded(prefix));
            }
        }
        let open = self.pairs(&mut known);
        self.search(&mut known, open);
        self.result.found.sort_by_key(|found| (found.race.later.ordinal, found.race.earlier.ordinal));
        self.result
    }

    fn stopped(&self) -> bool {
        self.control.stop.load(Ordering::Relaxed)
    }

    fn is_known(&self, known: &Known, (earlier, later): Pair) -> bool {
        if self.effort.every_event {
            return known.later.contains(&self.index.ordinal(later));
        }
        let (one, other) = (self.index.entry(earlier), self.index.entry(later));
        known.sites.contains(&pair(one.site, other.site, VarId(one.object)))
    }

    /// Checks a witness, and if it is one, adds the race.
    fn add(&mut self, known: &mut Known, pair: Pair, form: Form) {
        if self.is_known(known, pair) {
            return;
        }
        let cost = u64::from(pair.1);
        let Some(left) = self.to_check.checked_sub(cost) else {
            self.result.undecided += 1;
            return;
        };
        self.to_check = left;
        let Some(witness) = Witness::new(self.index, form, Claim::Race(pair.0, pair.1)) else { return };
        let Some(left) = self.to_tell.checked_sub(witness.moves(self.index)) else {
            self.result.undecided += 1;
            return;
        };
        self.to_tell = left;
        let race = Race {
            var: VarId(self.index.entry(pair.0).object),
            earlier: self.access(pair.0),
            later: self.access(pair.1),
        };
        known.add(&race);
        self.result.found.push(PredictedRace { race, witness });
    }

    fn access(&self, event: u32) -> Access {
        let entry = self.index.entry(event);
        let held = self.index.held(event).into_iter();
        Access {
            thread: self.index.thread(event),
            site: entry.site,
            write: entry.word == Word::Write,
            ordinal: self.index.ordinal(event),
            held: held.map(|held| HeldLock { lock: held.lock, mode: held.mode, site: held.site }).collect(),
        }
    }

    /// Step 1 for all variables, on all processors. The result does not depend on who does what.
    fn sync_preserving(&self, known: &Known) -> Vec<Pair> {
        let vars = self.index.vars();
        let next = AtomicUsize::new(0);
        let work = || {
            let mut found = Vec::new();
            loop {
                let var = next.fetch_add(1, Ordering::Relaxed);
                if var >= vars as usize || self.stopped() {
                    return found;
                }
                self.variable(known, var as u32, &mut found);
                self.control.done.fetch_add(1, Ordering::Relaxed);
            }
        };
        let most = if self.effort.parallel { thread::available_parallelism().map_or(1, usize::from) } else { 1 };
        let processors = most.min(vars as usize).max(1);
        let mut found = thread::scope(|scope| {
            let others: Vec<_> = (1..processors).map(|_| scope.spawn(work)).collect();
            let mut found = work();
            for other in others {
                found.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
            found
        });
        found.sort_unstable_by_key(|&(earlier, later)| (later, earlier));
        found
    }

    /// The races of one variable that keep the order of critical sections, one for each later access, thread of the
    /// earlier one, and nothing that is known.
    ///
    /// For the accesses of one thread, oldest first, the candidates of another are a queue: the closure only grows with
    /// either access, so a candidate that falls into it is out for good (POPL 2021, algorithm 2).
    fn variable(&self, known: &Known, var: u32, found: &mut Vec<Pair>) {
        let most = found.len() + RACES_MAX;
        let accesses = self.index.accesses(var);
        // Each with its place among all.
        let mut threads: Vec<(u32, Vec<(u32, u32)>)> = Vec::new();
        for (place, &event) in (0..).zip(accesses) {
            let thread = self.index.entry(event).thread;
            match threads.iter_mut().find(|(known, _)| *known == thread) {
                Some((_, events)) => events.push((event, place)),
                None => threads.push((thread, vec![(event, place)])),
            }
        }
        let is_write = |event: u32| self.index.entry(event).word == Word::Write;
        if threads.len() < 2 || !accesses.iter().any(|&event| is_write(event)) {
            return;
        }
        let apart = Apart::new(self.index, accesses);
        let mut told: FxHashSet<u64> = FxHashSet::default();
        let mut sites: FxHashSet<(SiteId, SiteId)> = FxHashSet::default();
        for (thread, later) in &threads {
            for (other, earlier) in threads.iter().filter(|(other, _)| other != thread) {
                let writes: Vec<(u32, u32)> = earlier.iter().filter(|(event, _)| is_write(*event)).copied().collect();
                // A write conflicts with every access, a read with the writes.
                for (candidates, write) in [(earlier, true), (&writes, false)] {
                    let closed = vec![0; self.index.threads.len()];
                    let mut queue = Queue { judge: self, apart: &apart, thread: *other, candidates, closed };
                    for &(event, place) in later.iter().filter(|(event, _)| is_write(*event) == write) {
                        if apart.is_apart_from_all(place as usize) {
                            continue;
                        }
                        if self.effort.every_event
                            && (known.later.contains(&self.index.ordinal(event)) || told.contains(&u64::from(event)))
                        {
                            continue;
                        }
                        if found.len() >= most {
                            return;
                        }
                        let Some(candidate) = queue.racing_with(event, place) else { continue };
                        let pair = (candidate, event);
                        let entry = |event| self.index.entry(event);
                        let new = if self.effort.every_event {
                            told.insert(u64::from(event))
                        } else {
                            sites.insert((entry(candidate).site, entry(event).site))
                        };
                        if new && !self.is_known(known, pair) {
                            found.push(pair);
                        }
                    }
                }
            }
        }
    }

    /// Goes over the pairs that step 1 left, newest earlier accesses first. Those that keep the order of critical
    /// sections after all (where sites were told once, others hid behind them) are races; those that nothing rules out
    /// at a glance are returned.
    fn pairs(&mut self, known: &mut Known) -> Vec<Pair> {
        let (mut open, mut looks) = (Vec::new(), self.budget.saturating_mul(LOOKS));
        let total = looks;
        for var in 0..self.index.vars() {
            let apart = Apart::new(self.index, self.index.accesses(var));
            for (place, &later) in self.index.accesses(var).iter().enumerate() {
                let settled = self.effort.every_event && known.later.contains(&self.index.ordinal(later));
                if settled || apart.is_apart_from_all(place) {
                    continue;
                }
                if looks == 0 || self.stopped() {
                    // How many there are is not known: at least this one.
                    self.result.undecided += 1;
                    continue;
                }
                let mut before = vec![0; self.index.threads.len()];
                self.clocks.before(self.index, later, &mut before);
                for other in (0..place).rev() {
                    let pair = (self.index.accesses(var)[other], later);
                    let entry = self.index.entry(pair.0);
                    looks = looks.saturating_sub(1);
                    if apart.are(other, place) || before[entry.thread as usize] > entry.at || self.is_known(known, pair)
                    {
                        continue;
                    }
                    looks = looks.saturating_sub(LOOKS);
                    if let Some(prefix) = self.closed(pair) {
                        self.add(known, pair, Form::Recorded(prefix));
                        if self.effort.every_event {
                            break;
                        }
                    } else if open.len() < PAIRS_MAX {
                        open.push(pair);
                    } else {
                        self.result.undecided += 1;
                    }
                }
            }
        }
        self.budget -= (total - looks).div_ceil(LOOKS).min(self.budget);
        open
    }

    /// The closure of what must come before both, if it has neither.
    fn closed(&self, (earlier, later): Pair) -> Option<Prefix> {
        let mut prefix = vec![0; self.index.threads.len()];
        self.clocks.before(self.index, later, &mut prefix);
        self.clocks.before(self.index, earlier, &mut prefix);
        let fits = close(self.index, self.clocks, &mut prefix)
            && ![earlier, later].iter().any(|&event| has(self.index, &prefix, event));
        fits.then_some(prefix)
    }

    /// Steps 2 and 3: all open pairs with few states each, then what is left with more, until the budget is spent.
    fn search(&mut self, known: &mut Known, mut open: Vec<Pair>) {
        let mut limit = FIRST_ROUND;
        while !open.is_empty() && self.budget > 0 {
            let mut left = Vec::new();
            for pair in open {
                if self.is_known(known, pair) {
                    continue;
                }
                if self.budget == 0 || self.stopped() {
                    left.push(pair);
                    continue;
                }
                let question = Question { stops: vec![pair.0, pair.1] };
                let (answer, cost) = ask(self.index, self.clocks, &question, limit.min(self.budget));
                self.budget = self.budget.saturating_sub(cost);
                self.result.states += cost;
                match answer {
                    Answer::Witness(list) => self.add(known, pair, Form::Listed(list)),
                    Answer::Refuted(_) => {}
                    Answer::GaveUp => left.push(pair),
                }
            }
            open = left;
            if self.stopped() || limit >= STATES_MAX {
                break;
            }
            limit = limit.saturating_mul(10);
        }
        open.retain(|&pair| !self.is_known(known, pair));
        self.result.undecided += open.len() as u64;
    }
}

/// The accesses of one thread that may race with those of another.
struct Queue<'a> {
    judge: &'a Judge<'a>,
    apart: &'a Apart,
    thread: u32,
    /// With their places among the accesses of the variable.
    candidates: &'a [(u32, u32)],
    /// The closure of what must come before the newest pair.
    closed: Prefix,
}

impl Queue<'_> {
    /// The oldest candidate that races with `later`, which comes after all that were asked for before.
    fn racing_with(&mut self, later: u32, place: u32) -> Option<u32> {
        let Judge { index, clocks, .. } = *self.judge;
        while let Some((&(candidate, other), rest)) = self.candidates.split_first()
            && candidate < later
        {
            let past = |closed: &Prefix| closed[self.thread as usize] > index.entry(candidate).at;
            // Cheap reasons first: the closure says the same, at more cost.
            if !self.apart.are(other as usize, place as usize) && !past(&self.closed) {
                clocks.before(index, later, &mut self.closed);
                clocks.before(index, candidate, &mut self.closed);
                if close(index, clocks, &mut self.closed) && !past(&self.closed) {
                    return Some(candidate);
                }
            }
            self.candidates = rest;
        }
        None
    }
}
