//! One stream of events in, the chosen analyses over it, findings out.
//!
//! The same analyses judge a running program: there they are kept inside the objects and behind the hooks of the
//! recorder, here they stand in tables. The same events give the same findings.

use crate::analysis::atomicity::{AtomicityAnalysis, StaleWrite};
use crate::analysis::happens_before::{HappensBefore, Listing, Race};
use crate::analysis::lock_order::{Hazard, LockOrder, LockOrderAnalysis};
use crate::analysis::serialisability::{ConflictGraph, Cycle};
use crate::analysis::wait_for::{Knot, WaitForAnalysis};
use crate::event::{Event, Names, Object};
use crate::finding::{Finding, Findings};

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
}

impl Judge {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Shb, Self::LockOrder, Self::Waits, Self::Atomicity];
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
            order: wanted(Judge::LockOrder).then(LockOrderAnalysis::new),
            waits: wanted(Judge::Waits).then(WaitForAnalysis::default),
            atomicity: wanted(Judge::Atomicity).then(AtomicityAnalysis::default),
            regions: wanted(Judge::Atomicity).then(ConflictGraph::new),
            every_event,
            ..Self::default()
        }
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
        for event in events {
            let thread = event.owner.thread.index();
            if self.threads.len() <= thread {
                self.threads.resize(thread + 1, false);
            }
            self.threads[thread] = true;
        }
        self.events += events.len() as u64;
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
        let mut found: Vec<&(u64, Found)> = self.found.iter().chain(&under_way).collect();
        found.sort_by_key(|(ordinal, _)| *ordinal);
        let mut merged = Findings::default();
        let mut each = Vec::new();
        for (_, found) in found {
            match found {
                Found::Race(race) if self.every_event => each.push(race.finding(names)),
                Found::Race(race) => drop(merged.add(race.finding(names))),
                Found::Hazard(hazard) => drop(merged.add(hazard.to_finding(names))),
                Found::Knot(knot) => drop(knot.finding(names).map(|finding| merged.add(finding))),
                Found::Stale(object, stale) => drop(merged.add(stale.finding(*object, names))),
                Found::Cycle(cycle) => drop(merged.add(cycle.finding(names))),
            }
        }
        each.extend(merged.into_vec());
        let cycles = self.found.iter().filter(|(_, found)| matches!(found, Found::Hazard(Hazard::Cycle(_)))).count();
        Verdict {
            findings: each,
            events: self.events,
            threads: self.threads.iter().filter(|&&seen| seen).count() as u64,
            patterns: self.order.as_ref().map(|_| cycles as u64),
        }
    }
}
