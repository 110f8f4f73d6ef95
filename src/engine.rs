//! One stream of events in, the chosen analyses over it, findings out.
//!
//! The same analyses judge a running program: there they are kept inside the objects and behind the hooks of the
//! recorder, here they stand in tables. The same events give the same findings.

use rustc_hash::FxHashSet;

use crate::analysis::atomicity::{AtomicityAnalysis, StaleWrite};
use crate::analysis::happens_before::{HappensBefore, Listing, Race};
use crate::analysis::lock_order::{Hazard, LockOrder, LockOrderAnalysis};
use crate::analysis::predict::Control;
use crate::analysis::serialisability::{ConflictGraph, Cycle};
use crate::analysis::wait_for::{Knot, WaitForAnalysis};
use crate::event::{Event, Names, Object, SiteId};
use crate::finding::{Finding, Findings, Refutation, Tier};

use predicted::Predicting;

mod predicted;

/// An analysis to choose.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Judge {
    /// Data races by schedulable happens-before.
    Shb,
    /// Cycles of the lock-order graph, recursive reads.
    LockOrder,
    /// Deadlocks and lost wake-ups that happened.
    Waits,
    /// Updates that overwrite another owner's unseen, regions that are not atomic.
    Atomicity,
    /// Races of other orders of the same events. Keeps the whole stream in memory; see [`Engine::predict`].
    PredictRaces,
    /// Lock-order cycles that other orders of the same events run into, and those that none does. As above.
    PredictDeadlocks,
    /// Updates that other orders of the same events lose, and regions that they break. As above.
    PredictAtomicity,
}

impl Judge {
    /// Those that judge while the stream goes by, and need no memory for its length.
    pub const STREAMING: &'static [Self] = &[Self::Shb, Self::LockOrder, Self::Waits, Self::Atomicity];
    /// Those that judge the whole stream when it has ended.
    pub const PREDICTING: &'static [Self] = &[Self::PredictRaces, Self::PredictDeadlocks, Self::PredictAtomicity];
}

/// The chosen analyses over one stream.
#[derive(Default, Debug)]
pub struct Engine {
    races: Option<HappensBefore>,
    order: Option<LockOrderAnalysis>,
    waits: Option<WaitForAnalysis>,
    atomicity: Option<AtomicityAnalysis>,
    regions: Option<ConflictGraph>,
    every_event: bool,
    /// The order is kept for its races, and not only for the atomicity of updates.
    tell_races: bool,
    /// The order of locks is kept for its own hazards, and not only to know which deadlocks to predict.
    tell_order: bool,
    predicting: Option<Predicting>,
    found: Vec<(u64, Found)>,
    events: u64,
    /// By thread: seen?
    threads: Vec<bool>,
}

/// What an analysis found, before it is put into words: names may still come later in the stream.
#[derive(Debug)]
enum Found {
    Race(Race),
    Hazard(Hazard),
    Knot(Knot),
    Stale(Object, StaleWrite),
    Cycle(Cycle),
}

/// What prediction makes of a hazard.
enum Told {
    Predicted(Vec<Finding>),
    Refuted(Refutation),
}

/// What the stream came to.
#[derive(Debug)]
pub struct Verdict {
    /// The findings, in the order of the events that completed them.
    pub findings: Vec<Finding>,
    /// Events judged.
    pub events: u64,
    /// Threads seen.
    pub threads: u64,
    /// Lock-order cycles that passed the filters, before equal ones are merged into one finding; `None` when the lock
    /// order was not judged.
    pub patterns: Option<u64>,
    /// The search for lock-order cycles gave up at a bound: there may be more.
    pub order_cut: bool,
    /// What no reordering does, though the pattern is there.
    pub refuted: Vec<Refutation>,
    /// What prediction could not tell, if it was asked for.
    pub prediction: Option<Unpredicted>,
}

/// What prediction could not tell.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Unpredicted {
    /// Why nothing was predicted.
    pub skipped: Option<String>,
    /// Accesses, or pairs of them, that the budget left open, and lock-order hazards.
    pub undecided: u64,
    /// States that the searches reached.
    pub states: u64,
}

impl Verdict {
    /// Adds what prediction proved to what a run has shown. A finding of the run that is proved becomes a predicted one, with
    /// its witness; one that no order of the events does is taken out; what the run did not show is added. With `kept` the
    /// trace stays, and findings name positions in it.
    pub fn add_to(self, findings: &mut Vec<Finding>, kept: bool) {
        let Self { findings: judged, refuted, .. } = self;
        let still = |finding: &Finding| judged.iter().any(|judged| judged.fingerprint == finding.fingerprint);
        findings.retain(|finding| {
            let same = refuted.iter().any(|refuted| refuted.finding.fingerprint == finding.fingerprint);
            finding.tier > Tier::Possible || !same || still(finding)
        });
        for mut foreseen in judged.into_iter().filter(|finding| !finding.witness.is_empty()) {
            if !kept {
                foreseen.sites.iter_mut().for_each(|site| site.event = None);
            }
            match findings.iter_mut().find(|finding| finding.fingerprint == foreseen.fingerprint) {
                Some(known) if known.tier < Tier::Predicted => {
                    // The run has the stacks, and knows the tests.
                    for site in &mut foreseen.sites {
                        if let Some(seen) = known.sites.iter().find(|seen| seen.site == site.site) {
                            site.stack.clone_from(&seen.stack);
                        }
                    }
                    foreseen.tests = std::mem::take(&mut known.tests);
                    *known = foreseen;
                }
                Some(_) => {}
                None => findings.push(foreseen),
            }
        }
    }
}

impl Engine {
    /// The analyses of `judges`. With `every_event` each racing event is a finding of its own, else each pair of sites.
    #[must_use]
    pub fn new(judges: &[Judge], every_event: bool) -> Self {
        let wanted = |judge| judges.contains(&judge);
        let listing = if every_event { Listing::EveryEvent } else { Listing::SitePairs };
        Self {
            races: (wanted(Judge::Shb) || wanted(Judge::Atomicity)).then(|| HappensBefore::new(listing)),
            tell_races: wanted(Judge::Shb),
            order: (wanted(Judge::LockOrder) || wanted(Judge::PredictDeadlocks)).then(LockOrderAnalysis::new),
            tell_order: wanted(Judge::LockOrder),
            predicting: Predicting::new(wanted),
            waits: wanted(Judge::Waits).then(WaitForAnalysis::default),
            atomicity: wanted(Judge::Atomicity).then(AtomicityAnalysis::default),
            regions: wanted(Judge::Atomicity).then(ConflictGraph::new),
            every_event,
            ..Self::default()
        }
    }

    /// Gives prediction up if the stream gets longer than so many events.
    #[must_use]
    pub fn predicting_up_to(mut self, events: u64) -> Self {
        if let Some(predicting) = &mut self.predicting {
            predicting.limit(events);
        }
        self
    }

    /// Predicts on the calling thread alone, where it would else use one for each processor.
    #[must_use]
    pub fn on_one_thread(mut self) -> Self {
        if let Some(predicting) = &mut self.predicting {
            predicting.on_one_thread();
        }
        self
    }

    /// Takes the next events; `first` is the ordinal of the first of them. One analysis after the other goes over the
    /// batch, so that each has the caches to itself; batches of some thousand events are best.
    pub fn feed(&mut self, first: u64, events: &[Event]) {
        let found = &mut self.found;
        match (&mut self.races, &mut self.atomicity) {
            // Whether an update is lost depends on what the thread knows, so these two go together.
            (Some(races), Some(atomicity)) => {
                for (ordinal, event) in (first..).zip(events) {
                    let stale = atomicity.event(ordinal, event, races);
                    if let Some(regions) = &mut self.regions {
                        // A cell written after a stale look is a cycle too, and has a name of its own.
                        if let Some((Object::Var(_), stale)) = &stale {
                            regions.told(stale.write.thread);
                        }
                        regions.event(ordinal, event);
                    }
                    found.extend(stale.map(|(object, stale)| (ordinal, Found::Stale(object, stale))));
                    let races = races.observe(ordinal, event).iter().filter(|_| self.tell_races);
                    found.extend(races.map(|race| (ordinal, Found::Race(race.clone()))));
                }
            }
            (Some(races), None) => {
                for (ordinal, event) in (first..).zip(events) {
                    found.extend(races.observe(ordinal, event).iter().map(|race| (ordinal, Found::Race(race.clone()))));
                }
            }
            (None, _) => {}
        }
        if let Some(regions) = &mut self.regions {
            found.extend(regions.take().into_iter().map(|cycle| (cycle.closing().ordinal, Found::Cycle(cycle))));
        }
        if let Some(order) = &mut self.order {
            for (ordinal, event) in (first..).zip(events) {
                order.event(ordinal, event);
            }
            let last = first + events.len() as u64;
            found
                .extend(order.take().into_iter().map(|hazard| (hazard.event().unwrap_or(last), Found::Hazard(hazard))));
        }
        if let Some(waits) = &mut self.waits {
            for (ordinal, event) in (first..).zip(events) {
                found.extend(waits.event(ordinal, event).map(|knot| (ordinal, Found::Knot(knot))));
            }
        }
        if let Some(predicting) = &mut self.predicting {
            predicting.feed(first, events);
        }
        for event in events {
            let thread = event.owner.thread.index();
            if self.threads.len() <= thread {
                self.threads.resize(thread + 1, false);
            }
            self.threads[thread] = true;
        }
        self.events += events.len() as u64;
    }

    /// At the end of the stream: predicts, if that was asked for. `budget` bounds the searches, in states; `started` is
    /// told how far [`Control::done`] will count before it does.
    pub fn predict(&mut self, budget: u64, control: Control<'_>, started: impl FnOnce(u64)) {
        if let Some(predicting) = &mut self.predicting {
            predicting.run(&self.found, self.every_event, budget, control, started);
        }
    }

    /// The lock-order graph so far, if it was asked for.
    #[must_use]
    pub fn lock_order(&self) -> Option<&LockOrder> {
        self.order.as_ref().map(LockOrderAnalysis::order)
    }

    /// Puts into words what was found so far.
    #[must_use]
    pub fn verdict(&self, names: &dyn Names) -> Verdict {
        let under_way = self.regions.iter().flat_map(ConflictGraph::unfinished);
        let under_way: Vec<(u64, Found)> =
            under_way.map(|cycle| (cycle.closing().ordinal, Found::Cycle(cycle.clone()))).collect();
        // What is under way has places beyond those that prediction knows.
        let mut found: Vec<(usize, &(u64, Found))> = self.found.iter().chain(&under_way).enumerate().collect();
        found.sort_by_key(|(_, (ordinal, _))| *ordinal);
        let mut told = Telling { every_event: self.every_event, ..Telling::default() };
        let mut refuted = Vec::new();
        // What is proved of a cycle stands for the cycle.
        let predicted = self.predicting.as_ref().and_then(Predicting::predicted);
        let mut races = predicted.map_or(&[][..], |predicted| predicted.races()).iter().peekable();
        for (place, (ordinal, found)) in found {
            while let Some(race) = races.next_if(|race| race.race.later.ordinal < *ordinal) {
                predicted.into_iter().for_each(|predicted| told.race(predicted.race(race, names)));
            }
            match found {
                Found::Race(race) if told.is_same(race, names) => {}
                Found::Race(race) => told.race(race.finding(names)),
                Found::Hazard(hazard) => match predicted.and_then(|predicted| predicted.hazard(place, hazard, names)) {
                    Some(Told::Predicted(findings)) => findings.into_iter().for_each(|finding| told.add(finding)),
                    Some(Told::Refuted(refutation)) => refuted.push(refutation),
                    None if self.tell_order => told.add(hazard.to_finding(names)),
                    None => {}
                },
                Found::Knot(knot) => knot.finding(names).into_iter().for_each(|finding| told.add(finding)),
                Found::Stale(object, stale) => told.add(stale.finding(*object, names)),
                Found::Cycle(cycle) => told.add(cycle.finding(names)),
            }
        }
        for race in races {
            predicted.into_iter().for_each(|predicted| told.race(predicted.race(race, names)));
        }
        predicted.into_iter().flat_map(|predicted| predicted.breaches(names)).for_each(|finding| told.add(finding));
        let cycles = self.found.iter().filter(|(_, found)| matches!(found, Found::Hazard(Hazard::Cycle(_)))).count();
        Verdict {
            findings: told.into_vec(),
            events: self.events,
            threads: self.threads.iter().filter(|&&seen| seen).count() as u64,
            patterns: self.order.as_ref().filter(|_| self.tell_order).map(|_| cycles as u64),
            order_cut: self.order.as_ref().is_some_and(|order| order.order().is_cut()),
            refuted,
            prediction: self.predicting.as_ref().map(Predicting::rest),
        }
    }
}

/// The findings of a verdict, as they are put into words.
#[derive(Default)]
struct Telling {
    merged: Findings,
    /// Races, if each is to be told.
    each: Vec<Finding>,
    every_event: bool,
    /// Pairs of sites of races in cells of which nobody knows where they were made.
    pairs: FxHashSet<(SiteId, SiteId)>,
}

impl Telling {
    /// Is the race in another cell the same bug? Of cells that were made in different places it is not.
    fn is_same(&mut self, race: &Race, names: &dyn Names) -> bool {
        let (one, other) = (race.earlier.site.min(race.later.site), race.earlier.site.max(race.later.site));
        let is_known = one != SiteId::UNKNOWN && !self.every_event;
        let is_made = || names.object(Object::Var(race.var)).is_some_and(|info| info.created.is_some());
        is_known && !is_made() && !self.pairs.insert((one, other))
    }

    fn add(&mut self, finding: Finding) {
        self.merged.add(finding);
    }

    fn race(&mut self, finding: Finding) {
        match self.every_event {
            true => self.each.push(finding),
            false => self.add(finding),
        }
    }

    fn into_vec(self) -> Vec<Finding> {
        let mut all = self.each;
        all.extend(self.merged.into_vec());
        all
    }
}
