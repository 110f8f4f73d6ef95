//! What correct reorderings break that was atomic in the run.
//!
//! Two accesses of one thread to one object belong together, and an access of another thread can come between them:
//!
//! - *lost update*: an atomic is loaded and then stored by one thread, which has not looked again. The other thread updates
//!   it (a read-modify-write that keeps something of the old value), or stores it after a look of its own: that is lost. A
//!   store that never looked, a swap, and a compare-exchange are no such updates: most of these are meant to overwrite, or
//!   to be overwritten. Of a store it is not known whether it keeps something, so it is `possible`, and nothing is told where
//!   the place has stored without a look, or the thread has looked at the same value there before and not stored, as it is
//!   with a flag to stop that any thread may set (see [`atomicity`](crate::analysis::atomicity)).
//! - *atomicity violation*: both are in one region that the user marked as meant to be atomic, and the other access
//!   conflicts with each of them. The three fit into no order of whole regions, the case of two transactions of
//!   [`serialisability`](crate::analysis::serialisability).
//!
//! - *done twice*: an atomic is loaded, something is done that others see, and the atomic is stored; and another thread loads
//!   it at the same place of the program. It can do so before the store, and then sees what the first thread saw. That it
//!   would go on as the first thread did is likely and not certain: this is a lost update of tier `possible`. A value that is
//!   worked out twice and has no other effect is not meant, nor what both threads do in turn, each after it saw that the
//!   other had. The same for a look and a write in one marked region, at which
//!   another thread looks in its own passage through it: there the mark says that it must not be, whatever is done between.
//! - *stored at once*: an atomic is loaded and stored, with nothing in between, wherever it is loaded at this place; so what
//!   the load saw decided nothing, and was counted up or the like. Two threads that do so can both load first. That the
//!   second stores all the same is as good as certain, but what it stores is not known: `possible`, too.
//! - *check and act in two critical sections*, without a mark: a cell is read in one section of a lock and written in a later
//!   one, which has not looked again; and another thread updates it in between, or what is done is done twice. Most such
//!   pairs have nothing to do with one another, so this is `possible` as well, and it is told of single cells only: what a
//!   lock guards may be much, of which the first section looks at one part and the second changes another.
//!
//! The last three are looked for in recordings of programs: in a bare list of events, places mean little.
//!
//! Where a lock keeps the two threads apart at the accesses themselves, but is taken only between the first access and the
//! second, the whole critical section of the other thread can come between.

use rustc_hash::{FxHashMap, FxHashSet};

use super::check::Claim;
use super::clocks::{Clocks, Prefix};
use super::closure::close;
use super::index::{Entry, Index, NONE};
use super::slice::{Question, has};
use super::witness::{Form, Witness};
use super::word::{Kind, Sort, Word};
use super::{Answer, Control, Effort, PredictedBreach, ask};
use crate::analysis::atomicity::{Doing, StaleWrite};
use crate::analysis::happens_before::HeldLock;
use crate::analysis::serialisability::{Act, Cycle, Edge, Passage, Step};
use crate::clock::Epoch;
use crate::event::{AtomicId, LockId, Names, Object, SiteId, VarId};
use crate::finding::{Finding, Held};

/// Triples of one combination of sites that are tried.
const TRIES: u32 = 16;
/// Triples that are looked at in all.
const LOOKS_MAX: u64 = 20_000_000;
/// Breaches that are told; a program with more has other worries.
const FOUND_MAX: usize = 1_000;
/// States of one search.
const STATES: u64 = 100_000;

/// What makes two accesses of a thread belong together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bond {
    /// They load and store an atomic.
    Atomic,
    /// They are in the marked region that begins with this event.
    Region(u32),
    /// A look in one critical section, a write in a later one of the same lock.
    Sections,
}

/// Two accesses that belong together.
#[derive(Clone, Copy)]
struct Pair {
    first: u32,
    second: u32,
    bond: Bond,
    /// The first looks, the second writes, and what comes of it is not to be done twice.
    once: bool,
    /// The write comes right after the look.
    at_once: bool,
}

pub(super) struct Judge<'a> {
    index: &'a Index,
    clocks: &'a Clocks,
    control: Control<'a>,
    budget: u64,
    looks: u64,
    /// By sites of the three: how often they were tried; [`u32::MAX`] once it is told.
    tried: FxHashMap<[u32; 3], u32>,
    /// By look in a region: where that begins.
    inside: FxHashMap<u32, u32>,
    roles: Roles,
    found: Vec<PredictedBreach>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(index: &'a Index, clocks: &'a Clocks, effort: Effort, control: Control<'a>) -> Self {
        let (tried, inside, found) = (FxHashMap::default(), FxHashMap::default(), Vec::new());
        let (budget, roles) = (effort.budget, Roles::default());
        Self { index, clocks, control, budget, looks: LOOKS_MAX, tried, inside, roles, found }
    }

    pub(super) fn run(mut self) -> Vec<PredictedBreach> {
        let (Pairs { pairs, inside, .. }, cells) = pairs(self.index);
        self.inside = inside;
        self.roles = Roles::new(self.index, &cells);
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
                } else if (pair.once || pair.at_once)
                    && self.looks_as_well(pair, other)
                    && self.would_do_the_same(pair, other)
                {
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
        match (pair.bond, between.kind) {
            (Bond::Region(_), _) => {
                let conflict = |one: &Entry| one.writes() || between.writes();
                conflict(first) && conflict(second)
            }
            (_, Kind::Update) => !self.is_preceded_by_look(other),
            (_, Kind::Write) => self.looked_before(other) && !self.is_polled(pair.first),
            _ => false,
        }
    }

    /// Does another thread look at the place of the first access, and see something else? In a region: in its own passage
    /// through it.
    fn looks_as_well(&self, pair: Pair, other: u32) -> bool {
        let (first, look) = (self.index.entry(pair.first), self.index.entry(other));
        let begins = |event: u32| self.inside.get(&event).map(|&begin| self.index.entry(begin).site);
        let same_region = match pair.bond {
            Bond::Region(begin) => begins(other) == Some(self.index.entry(begin).site),
            Bond::Atomic | Bond::Sections => true,
        };
        look.kind == Kind::Read
            && look.thread != first.thread
            && look.site == first.site
            && look.site != SiteId::UNKNOWN
            && look.link != first.link
            && same_region
    }

    /// Is it likely that a thread which looks there goes on to write, if and only if it sees what was seen before?
    fn would_do_the_same(&self, pair: Pair, look: u32) -> bool {
        let store = self.index.entry(pair.second);
        let role = (store.cell(), store.site, self.index.entry(look).thread);
        match pair.bond {
            Bond::Region(_) => true,
            Bond::Atomic if pair.at_once => {
                let first = self.index.entry(pair.first);
                !self.roles.undecided.contains(&(first.cell(), first.site))
                    && stored_at_once(self.index, look) == Some(store.site)
            }
            // Who writes as well, after it saw the write of the other, waits for its turn.
            Bond::Atomic | Bond::Sections => {
                pair.once && !self.roles.writers.contains(&role) && !self.is_polled(pair.first)
            }
        }
    }

    /// Has the thread looked at the same value in the same place before, and gone on to look again? Then it is not what it
    /// saw that made it store.
    fn is_polled(&self, look: u32) -> bool {
        let entry = self.index.entry(look);
        self.before(look).is_some_and(|before| {
            entry.site != SiteId::UNKNOWN
                && (before.kind, before.site, before.link) == (Kind::Read, entry.site, entry.link)
        })
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
        self.before(store).is_some_and(|before| before.kind == Kind::Read)
    }

    /// The thread's access to the same object before this one, if it is not far off.
    fn before(&self, access: u32) -> Option<&Entry> {
        let entry = self.index.entry(access);
        let before = (0..entry.at).rev().take(1_000).filter_map(|at| self.index.event_at(entry.thread, at));
        before.map(|event| self.index.entry(event)).find(|before| {
            before.kind != Kind::Acquire && before.kind != Kind::Release && before.cell() == entry.cell()
        })
    }

    fn try_one(&mut self, pair: Pair, other: u32, twice: bool) {
        let site = |event: u32| self.index.entry(event).site.0;
        let tried = self.tried.entry([site(pair.first), site(pair.second), site(other)]).or_default();
        if *tried >= TRIES {
            return;
        }
        *tried += 1;
        let Some((form, stops)) = self.witness(pair, other) else { return };
        let Pair { first, second, bond, .. } = pair;
        let claim = match twice {
            true => Claim::Twice { first, second, stops: [stops[0], other] },
            false => Claim::Between { first, stops, between: other, second },
        };
        if twice && (stops[1] != other || self.last_write(&form, second) != self.index.entry(first).link) {
            return;
        }
        if let Some(witness) = Witness::if_it_is_one(self.index, form, claim) {
            let key = [site(pair.first), site(pair.second), site(other)];
            self.tried.insert(key, u32::MAX);
            self.found.push(PredictedBreach { first, between: other, second, bond, twice, witness });
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

    /// The event that leads to an access without another look: a change of what a lock guards, or of a cell in place, begins
    /// with one.
    fn ahead(&self, access: u32) -> u32 {
        own_look(self.index, access).unwrap_or(access)
    }

    /// Where the two threads are to stop: at their accesses, or where they take what keeps them apart there. `None`: it is
    /// taken before the first access, and so keeps the other out.
    fn stops(&self, pair: Pair, other: u32) -> Option<[u32; 2]> {
        let (mine, theirs) = (self.index.entry(pair.second), self.index.entry(other));
        let open = |entry: &Entry| -> Vec<u32> { self.index.open(entry.thread, entry.at).collect() };
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

/// The look that is one step with a write: of a change in place.
fn own_look(index: &Index, write: u32) -> Option<u32> {
    let entry = index.entry(write);
    let before = entry.at.checked_sub(1).and_then(|at| index.event_at(entry.thread, at))?;
    let look = index.entry(before);
    let in_place =
        matches!((look.word, entry.word), (Word::DataRead, Word::DataWrite) | (Word::Speculative, Word::Write));
    (in_place && look.object == entry.object && look.site == entry.site).then_some(before)
}

/// The place of the store that comes right after a load of the same atomic.
fn stored_at_once(index: &Index, look: u32) -> Option<SiteId> {
    let look = index.entry(look);
    let next = index.entry(index.event_at(look.thread, look.at + 1)?);
    (next.word == Word::Store && next.cell() == look.cell()).then_some(next.site)
}

/// Who does what with the objects that are looked at and written.
#[derive(Default)]
struct Roles {
    /// Who writes where.
    writers: FxHashSet<(u64, SiteId, u32)>,
    /// Where an atomic is loaded, and something else follows than its store.
    undecided: FxHashSet<(u64, SiteId)>,
}

impl Roles {
    fn new(index: &Index, cells: &FxHashMap<u64, Vec<u32>>) -> Self {
        let mut roles = Self::default();
        for (&cell, events) in cells {
            for &event in events {
                let entry = index.entry(event);
                if entry.writes() {
                    roles.writers.insert((cell, entry.site, entry.thread));
                } else if stored_at_once(index, event).is_none() {
                    roles.undecided.insert((cell, entry.site));
                }
            }
        }
        roles
    }
}

/// The accesses that belong together.
#[derive(Default)]
struct Pairs {
    pairs: Vec<Pair>,
    /// By look in a region: where that begins.
    inside: FxHashMap<u32, u32>,
    /// Where an atomic is stored without a look before.
    blind: FxHashSet<(u64, SiteId)>,
}

/// The accesses that belong together, and all accesses to the objects of these.
fn pairs(index: &Index) -> (Pairs, FxHashMap<u64, Vec<u32>>) {
    let mut pairs = Pairs::default();
    for thread in 0..index.threads.len() {
        pairs.of_thread(index, thread);
        if index.is_recording() {
            pairs.of_sections(index, thread);
        }
    }
    let is_blind = |pair: &Pair| {
        let store = index.entry(pair.second);
        matches!(pair.bond, Bond::Atomic) && pairs.blind.contains(&(store.cell(), store.site))
    };
    pairs.pairs = std::mem::take(&mut pairs.pairs).into_iter().filter(|pair| !is_blind(pair)).collect();
    let wanted: FxHashSet<u64> = pairs.pairs.iter().map(|pair| index.entry(pair.second).cell()).collect();
    let mut cells: FxHashMap<u64, Vec<u32>> = FxHashMap::default();
    for (event, entry) in (0..).zip(&index.entries) {
        if (entry.reads() || entry.writes()) && entry.word != Word::Speculative && wanted.contains(&entry.cell()) {
            cells.entry(entry.cell()).or_default().push(event);
        }
    }
    (pairs, cells)
}

/// What the region under way did to one object: its last access, the one before, and the last write.
#[derive(Clone, Copy)]
struct Done {
    last: u32,
    before: u32,
    write: u32,
}

impl Pairs {
    /// Loads and stores of one atomic, and what one region does to one object.
    fn of_thread(&mut self, index: &Index, thread: usize) {
        // By atomic: the last access of the thread.
        let mut last: FxHashMap<u64, u32> = FxHashMap::default();
        let mut inside: FxHashMap<u64, Done> = FxHashMap::default();
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
                        let looked = before.filter(|&before| index.entry(before).kind == Kind::Read);
                        if word == Word::Store && looked.is_none() && entry.site != SiteId::UNKNOWN {
                            self.blind.insert((cell, entry.site));
                        }
                        if let (Some(first), Word::Store) = (looked, word) {
                            let once = acts(index, thread, index.entry(first).at, entry.at);
                            let at_once = index.is_recording() && index.entry(first).at + 1 == entry.at;
                            self.pairs.push(Pair { first, second: event, bond: Bond::Atomic, once, at_once });
                        }
                    }
                    if region != NONE {
                        let done = inside.get(&cell).copied().unwrap_or(Done { last: NONE, before: NONE, write: NONE });
                        self.in_region(index, region, event, done);
                        let write = if entry.writes() { event } else { done.write };
                        inside.insert(cell, Done { last: event, before: done.last, write });
                    }
                }
                _ => {}
            }
        }
    }

    /// The pairs that an access makes with those before it in its region.
    fn in_region(&mut self, index: &Index, region: u32, event: u32, done: Done) {
        let entry = index.entry(event);
        // Without a lock it is a race, and told as one.
        let guarded = index.is_recording() && (!entry.word.is_plain() || index.holds_any(entry.thread, entry.at));
        let mut add = |first: u32| {
            if first != NONE {
                let once = guarded && index.entry(first).kind == Kind::Read && entry.kind == Kind::Write;
                self.pairs.push(Pair { first, second: event, bond: Bond::Region(region), once, at_once: false });
            }
        };
        add(done.last);
        if own_look(index, event).is_some_and(|look| look == done.last) {
            add(done.before);
        }
        if entry.writes() && done.write != done.last {
            add(done.write);
        }
        if entry.kind == Kind::Read {
            self.inside.insert(event, region);
        }
    }

    /// Cells that are looked at in one critical section and written in a later one of the same lock, without another look.
    fn of_sections(&mut self, index: &Index, thread: usize) {
        let mut looks: FxHashMap<u32, u32> = FxHashMap::default();
        let mut depth = 0_u32;
        for &event in &index.threads[thread].events {
            let entry = index.entry(event);
            match entry.word {
                Word::RegionBegin => depth += 1,
                Word::RegionEnd => depth = depth.saturating_sub(1),
                // A change in place looks.
                Word::Speculative => drop(looks.remove(&entry.object)),
                Word::Read => drop(looks.insert(entry.object, event)),
                Word::Write => {
                    if let Some(first) = looks.remove(&entry.object)
                        && depth == 0
                        && in_two_sections(index, first, event)
                    {
                        let once = acts(index, thread, index.entry(first).at, entry.at);
                        self.pairs.push(Pair { first, second: event, bond: Bond::Sections, once, at_once: false });
                    }
                }
                _ => {}
            }
        }
    }
}

/// Is a lock that was held at the first access held again at the second?
fn in_two_sections(index: &Index, first: u32, second: u32) -> bool {
    let [first, second] = [first, second].map(|event| index.entry(event));
    let before: Vec<u32> = index.open(first.thread, first.at).collect();
    let mut now = index.open(second.thread, second.at).filter(|open| !before.contains(open));
    now.any(|open| before.iter().any(|held| index.entry(*held).object == index.entry(open).object))
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

/// Is it known that the breach does harm, if it comes about?
pub(super) fn is_proved(index: &Index, breach: &PredictedBreach) -> bool {
    match breach.bond {
        Bond::Atomic => !breach.twice && index.entry(breach.between).kind == Kind::Update,
        Bond::Region(_) => !breach.twice,
        Bond::Sections => false,
    }
}

/// The breach as the finding that it would be if the run had shown it.
pub(super) fn finding(index: &Index, breach: &PredictedBreach, names: &dyn Names) -> Finding {
    let &PredictedBreach { first, between, second, bond, twice, .. } = breach;
    let entry = index.entry(second);
    let object = match entry.word.sort() {
        Sort::Atomic => Object::Atomic(AtomicId(entry.object)),
        Sort::Data => Object::Lock(LockId(entry.object)),
        _ => Object::Var(VarId(entry.object)),
    };
    let doing = |event: u32| {
        let (thread, ordinal) = (index.thread(event), index.ordinal(event));
        Doing { thread, site: index.entry(event).site, ordinal, epoch: Epoch::NONE }
    };
    let stale = StaleWrite { look: doing(first), between: doing(between), write: doing(second) };
    let mut finding = match bond {
        Bond::Region(region) if !twice => return cycle(index, [first, between, second], region, object).finding(names),
        Bond::Sections => stale.in_sections(object, names),
        Bond::Atomic | Bond::Region(_) => stale.finding(object, names),
    };
    if twice {
        let counts = bond == Bond::Atomic && index.entry(first).at + 1 == entry.at;
        finding = stale.twice(finding, object, counts, names);
    }
    for (site, event) in finding.sites.iter_mut().zip([second, first, between]) {
        let held = index.held(event);
        site.held = held.iter().map(|held| Held::new(names, held.lock, held.mode, held.site)).collect();
    }
    finding
}

/// The access of another thread between two of a region, as a cycle of two.
fn cycle(index: &Index, events: [u32; 3], region: u32, object: Object) -> Cycle {
    let step = |event: u32, region: Option<Passage>| {
        let entry = index.entry(event);
        let act = if entry.writes() { Act::Writes(object) } else { Act::Reads(object) };
        let held = index.held(event).last().map(|held| HeldLock { lock: held.lock, mode: held.mode, site: held.site });
        Step { thread: index.thread(event), site: entry.site, ordinal: index.ordinal(event), act, region, held }
    };
    let passage = Some(Passage { number: index.ordinal(region), site: index.entry(region).site });
    let [first, between, second] = events;
    let (first, between, second) = (step(first, passage), step(between, None), step(second, passage));
    Cycle { edges: vec![Edge { from: first, to: between }, Edge { from: between, to: second }] }
}
