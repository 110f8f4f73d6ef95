//! What correct reorderings break that was atomic in the run.
//!
//! Two accesses of one thread to one object belong together, and an access of another thread can come between them:
//!
//! - *lost update*: an atomic is loaded and then stored by one thread, which has not looked again. The other thread updates
//!   it (a read-modify-write that keeps something of the old value), or stores it after a look of its own: that is lost. A
//!   store that never looked, a swap, and a compare-exchange are no such updates: most of these are meant to overwrite, or
//!   to be overwritten.
//! - *atomicity violation*: both are in one region that the user marked as meant to be atomic, and the other access
//!   conflicts with each of them. The three fit into no order of whole regions, the case of two transactions of
//!   [`serialisability`](crate::analysis::serialisability).
//!
//! - *done twice*: an atomic is loaded, something is done that others see, and the atomic is stored; and another thread loads
//!   it at the same place of the program. It can do so before the store, and then sees what the first thread saw. That it
//!   would go on as the first thread did is likely and not certain: this is a lost update of tier `possible`. A value that is
//!   worked out twice and has no other effect is not meant.
//!
//! Where a lock keeps the two threads apart at the accesses themselves, but is taken only between the first access and the
//! second, the whole critical section of the other thread can come between.

use rustc_hash::{FxHashMap, FxHashSet};

use super::check::Claim;
use super::clocks::{Clocks, Prefix};
use super::closure::close;
use super::index::{Index, NONE};
use super::slice::{Question, has};
use super::witness::{Form, Witness};
use super::word::{Kind, Sort, Word};
use super::{Answer, Control, Effort, PredictedBreach, ask};
use crate::analysis::atomicity::{Doing, StaleWrite};
use crate::analysis::happens_before::HeldLock;
use crate::analysis::serialisability::{Act, Cycle, Edge, Passage, Step};
use crate::clock::Epoch;
use crate::event::{AtomicId, LockId, Names, Object, SiteId, VarId};
use crate::finding::Finding;

/// Triples of one combination of sites that are tried.
const TRIES: u32 = 16;
/// Triples that are looked at in all.
const LOOKS_MAX: u64 = 20_000_000;
/// Breaches that are told; a program with more has other worries.
const FOUND_MAX: usize = 1_000;
/// States of one search.
const STATES: u64 = 100_000;

/// Two accesses that belong together, in one region or to one atomic.
#[derive(Clone, Copy)]
struct Pair {
    first: u32,
    second: u32,
    /// Where the region begins; [`NONE`] for a load and a store of an atomic.
    region: u32,
    /// What the thread does between the two is seen by others.
    acts: bool,
}

pub(super) struct Judge<'a> {
    index: &'a Index,
    clocks: &'a Clocks,
    control: Control<'a>,
    budget: u64,
    looks: u64,
    /// By sites of the three: how often they were tried; [`u32::MAX`] once it is told.
    tried: FxHashMap<[u32; 3], u32>,
    found: Vec<PredictedBreach>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(index: &'a Index, clocks: &'a Clocks, effort: Effort, control: Control<'a>) -> Self {
        let (tried, found) = (FxHashMap::default(), Vec::new());
        Self { index, clocks, control, budget: effort.budget, looks: LOOKS_MAX, tried, found }
    }

    pub(super) fn run(mut self) -> Vec<PredictedBreach> {
        let (pairs, cells) = pairs(self.index);
        for pair in pairs {
            let cell = self.index.entry(pair.second).cell();
            let others = cells.get(&cell).map_or(&[][..], Vec::as_slice);
            for &other in others {
                if self.looks == 0 || self.found.len() >= FOUND_MAX || self.is_stopped() {
                    return self.found;
                }
                self.looks -= 1;
                if self.breaks(pair, other) {
                    self.try_one(pair, other, false);
                } else if pair.acts && self.looks_as_well(pair, other) {
                    self.try_one(pair, other, true);
                }
            }
        }
        self.found
    }

    fn is_stopped(&self) -> bool {
        self.control.stop.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Would the access of another thread, between the two, break what they are meant to be?
    fn breaks(&self, pair: Pair, other: u32) -> bool {
        let [first, second, between] = [pair.first, pair.second, other].map(|event| self.index.entry(event));
        if between.thread == second.thread {
            return false;
        }
        if pair.region == NONE {
            return match between.kind {
                Kind::Update => !self.is_preceded_by_look(other),
                Kind::Write => self.looked_before(other),
                _ => false,
            };
        }
        let conflict = |one: &super::index::Entry| one.writes() || between.writes();
        conflict(first) && conflict(second)
    }

    /// Does another thread load the atomic at the place of the first access, and see something else?
    fn looks_as_well(&self, pair: Pair, other: u32) -> bool {
        let (first, look) = (self.index.entry(pair.first), self.index.entry(other));
        look.kind == Kind::Read
            && look.thread != first.thread
            && look.site == first.site
            && look.site != SiteId::UNKNOWN
            && look.link != first.link
    }

    /// Is the read-modify-write one that does not keep what was there?
    fn is_preceded_by_look(&self, update: u32) -> bool {
        let entry = self.index.entry(update);
        let before = entry.at.checked_sub(1).and_then(|at| self.index.event_at(entry.thread, at));
        before.map(|before| self.index.entry(before)).is_some_and(|before| {
            before.kind == Kind::Read && before.cell() == entry.cell() && before.site == entry.site
        })
    }

    /// Has the thread of this store looked at the atomic, and not written it since?
    fn looked_before(&self, store: u32) -> bool {
        let entry = self.index.entry(store);
        let before = (0..entry.at).rev().take(1_000).filter_map(|at| self.index.event_at(entry.thread, at));
        let mut before = before.map(|event| self.index.entry(event));
        before
            .find(|before| {
                before.kind != Kind::Acquire && before.kind != Kind::Release && before.cell() == entry.cell()
            })
            .is_some_and(|before| before.kind == Kind::Read)
    }

    fn try_one(&mut self, pair: Pair, other: u32, twice: bool) {
        let site = |event: u32| self.index.entry(event).site.0;
        let tried = self.tried.entry([site(pair.first), site(pair.second), site(other)]).or_default();
        if *tried >= TRIES {
            return;
        }
        *tried += 1;
        let Some((form, stops)) = self.witness(pair, other) else { return };
        let Pair { first, second, region, .. } = pair;
        let claim = match twice {
            true => Claim::Twice { first, second, look: other },
            false => Claim::Between { first, stops, between: other, second },
        };
        if twice && (stops != [second, other] || self.last_write(&form, second) != self.index.entry(first).link) {
            return;
        }
        if let Some(witness) = Witness::if_it_is_one(self.index, form, claim) {
            let key = [site(pair.first), site(pair.second), site(other)];
            self.tried.insert(key, u32::MAX);
            self.found.push(PredictedBreach { first, between: other, second, region, twice, witness });
        }
    }

    /// The last write in a reordering to the object of an access.
    fn last_write(&self, form: &Form, access: u32) -> u32 {
        let cell = self.index.entry(access).cell();
        let writes = |event: &u32| {
            let entry = self.index.entry(*event);
            entry.writes() && entry.cell() == cell
        };
        form.list(self.index).into_iter().rfind(writes).unwrap_or(NONE)
    }

    /// A reordering after which `other`, and then the second of the pair, can come: with where the two threads stand.
    fn witness(&mut self, pair: Pair, other: u32) -> Option<(Form, [u32; 2])> {
        let stops = self.stops(pair, other)?;
        let mut form = self.reach(stops)?;
        let before = self.index.entry(stops[1]);
        let ahead = self.ahead(other);
        if ahead == stops[1] {
            return Some((form, [stops[0], ahead]));
        }
        // The other thread goes on alone, through its critical section, to its access; if it looks there at something that
        // is not as it was, this is no witness.
        let mut list = form.list(self.index);
        list.extend((before.at..self.index.entry(ahead).at).filter_map(|at| self.index.event_at(before.thread, at)));
        form = Form::Listed(list);
        Some((form, [stops[0], ahead]))
    }

    /// The event that leads to an access without another look: a change of what a lock guards begins with one.
    fn ahead(&self, access: u32) -> u32 {
        let entry = self.index.entry(access);
        let before = entry.at.checked_sub(1).and_then(|at| self.index.event_at(entry.thread, at));
        let one = |before: &u32| {
            let before = self.index.entry(*before);
            (before.word, entry.word) == (Word::DataRead, Word::DataWrite) && before.site == entry.site
        };
        before.filter(one).unwrap_or(access)
    }

    /// Where the two threads are to stop: at their accesses, or where they take what keeps them apart there. `None`: it is
    /// taken before the first access, and so keeps the other out.
    fn stops(&self, pair: Pair, other: u32) -> Option<[u32; 2]> {
        let (mine, theirs) = (self.index.entry(pair.second), self.index.entry(other));
        let open = |entry: &super::index::Entry| -> Vec<u32> { self.index.open(entry.thread, entry.at).collect() };
        let (mine, theirs) = (open(mine), open(theirs));
        let apart = |one: u32, other: u32| {
            let (one, other) = (self.index.entry(one), self.index.entry(other));
            one.object == other.object && !one.mode.compatible(other.mode)
        };
        // Newest first, so the last is the oldest.
        let own = mine.iter().rfind(|one| theirs.iter().any(|other| apart(**one, *other)));
        let Some(&own) = own else { return Some([self.ahead(pair.second), self.ahead(other)]) };
        let foreign = theirs.iter().rfind(|other| mine.iter().any(|one| apart(*one, **other)))?;
        (self.index.entry(own).at > self.index.entry(pair.first).at).then_some([own, *foreign])
    }

    /// A reordering that leads to where both are next.
    fn reach(&mut self, stops: [u32; 2]) -> Option<Form> {
        let mut prefix: Prefix = vec![0; self.index.threads.len()];
        stops.iter().for_each(|&stop| self.clocks.before(self.index, stop, &mut prefix));
        let passed = |prefix: &Prefix| stops.iter().any(|&stop| has(self.index, prefix, stop));
        if passed(&prefix) {
            return None;
        }
        if close(self.index, self.clocks, &mut prefix) && !passed(&prefix) {
            return Some(Form::Recorded(prefix));
        }
        if self.budget == 0 {
            return None;
        }
        let question = Question { stops: stops.to_vec() };
        let (answer, cost) = ask(self.index, self.clocks, &question, STATES.min(self.budget));
        self.budget = self.budget.saturating_sub(cost);
        match answer {
            Answer::Witness(list) => Some(Form::Listed(list)),
            Answer::Refuted(_) | Answer::GaveUp => None,
        }
    }
}

/// The accesses that belong together, and all accesses to the objects of these.
fn pairs(index: &Index) -> (Vec<Pair>, FxHashMap<u64, Vec<u32>>) {
    let mut pairs = Vec::new();
    for thread in 0..index.threads.len() {
        of_thread(index, thread, &mut pairs);
    }
    let wanted: FxHashSet<u64> = pairs.iter().map(|pair| index.entry(pair.second).cell()).collect();
    let mut cells: FxHashMap<u64, Vec<u32>> = FxHashMap::default();
    for (event, entry) in (0..).zip(&index.entries) {
        if (entry.reads() || entry.writes()) && entry.word != Word::Speculative && wanted.contains(&entry.cell()) {
            cells.entry(entry.cell()).or_default().push(event);
        }
    }
    (pairs, cells)
}

fn of_thread(index: &Index, thread: usize, pairs: &mut Vec<Pair>) {
    // By atomic: the last access of the thread.
    let mut last: FxHashMap<u64, u32> = FxHashMap::default();
    // By object: the last access in the region under way, and the last write there.
    let mut inside: FxHashMap<u64, (u32, u32)> = FxHashMap::default();
    let (mut depth, mut region) = (0_u32, NONE);
    for &event in &index.threads[thread].events {
        let entry = index.entry(event);
        match entry.word {
            Word::RegionBegin => {
                if depth == 0 {
                    region = event;
                }
                depth += 1;
            }
            Word::RegionEnd => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    region = NONE;
                    inside.clear();
                }
            }
            Word::Speculative => {}
            word if entry.reads() || entry.writes() => {
                let cell = entry.cell();
                if matches!(word, Word::Load | Word::Acquiring | Word::Store | Word::Rmw) {
                    let before = last.insert(cell, event);
                    if let (Some(first), Word::Store) = (before, word)
                        && index.entry(first).kind == Kind::Read
                    {
                        let acts = acts(index, thread, index.entry(first).at, entry.at);
                        pairs.push(Pair { first, second: event, region: NONE, acts });
                    }
                }
                if region != NONE {
                    let (access, write) = inside.get(&cell).copied().unwrap_or((NONE, NONE));
                    let mut add = |first: u32| {
                        if first != NONE {
                            pairs.push(Pair { first, second: event, region, acts: false });
                        }
                    };
                    add(access);
                    if entry.writes() && write != access {
                        add(write);
                    }
                    inside.insert(cell, (event, if entry.writes() { event } else { write }));
                }
            }
            _ => {}
        }
    }
}

/// Does a thread do something, between two of its events, that others see?
fn acts(index: &Index, thread: usize, from: u32, to: u32) -> bool {
    let seen = |event: &u32| {
        let entry = index.entry(*event);
        let tells = matches!(entry.word, Word::Fork | Word::Sent | Word::Notify | Word::Unpark | Word::Closed);
        tells || entry.writes()
    };
    // What is far from the look has little to do with it.
    index.threads[thread].events[from as usize + 1..to as usize].iter().take(1_000).any(seen)
}

/// The breach as the finding that it would be if the run had shown it.
pub(super) fn finding(index: &Index, breach: &PredictedBreach, names: &dyn Names) -> Finding {
    let &PredictedBreach { first, between, second, region, twice, .. } = breach;
    let object = index.entry(second).object;
    if region == NONE {
        let doing = |event: u32| {
            let (thread, ordinal) = (index.thread(event), index.ordinal(event));
            Doing { thread, site: index.entry(event).site, ordinal, epoch: Epoch::NONE }
        };
        let stale = StaleWrite { look: doing(first), between: doing(between), write: doing(second) };
        let object = Object::Atomic(AtomicId(object));
        return if twice { stale.twice(object, names) } else { stale.finding(object, names) };
    }
    let step = |event: u32, region: Option<Passage>| {
        let entry = index.entry(event);
        let object = match entry.word.sort() {
            Sort::Atomic => Object::Atomic(AtomicId(object)),
            Sort::Data => Object::Lock(LockId(object)),
            _ => Object::Var(VarId(object)),
        };
        let act = if entry.writes() { Act::Writes(object) } else { Act::Reads(object) };
        let held = index.held(event).last().map(|held| HeldLock { lock: held.lock, mode: held.mode, site: held.site });
        Step { thread: index.thread(event), site: entry.site, ordinal: index.ordinal(event), act, region, held }
    };
    let passage = Some(Passage { number: index.ordinal(region), site: index.entry(region).site });
    let (first, between, second) = (step(first, passage), step(between, None), step(second, passage));
    let edges = vec![Edge { from: first, to: between }, Edge { from: between, to: second }];
    Cycle { edges }.finding(names)
}
