//! Prediction within the engine: the stream is kept, asked when it has ended, and the answers are put into words.

use rustc_hash::FxHashMap;

use super::{Found, Judge, Told, Unpredicted};
use crate::analysis::lock_order::Hazard;
use crate::analysis::predict::{
    Control, Effort, Known, PredictedBreach, PredictedDeadlock, PredictedRace, Prediction, Predictor, Races, Refuted,
    Verdict,
};
use crate::event::{Event, Names, Op};
use crate::finding::{Finding, Refutation, Tier};

/// What is to be predicted, and how far it has come.
#[derive(Debug)]
pub(super) struct Predicting {
    races: bool,
    deadlocks: bool,
    breaches: bool,
    limit: u64,
    parallel: bool,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Keeping(Predictor),
    Skipped(String),
    Done(Box<Predicted>),
}

/// The answers.
#[derive(Debug)]
pub(super) struct Predicted {
    trace: Prediction,
    races: Races,
    /// By place in what the engine found.
    hazards: FxHashMap<usize, Verdict>,
    breaches: Vec<PredictedBreach>,
    states: u64,
}

impl Predicting {
    pub(super) fn new(wanted: impl Fn(Judge) -> bool) -> Option<Self> {
        let (races, deadlocks) = (wanted(Judge::PredictRaces), wanted(Judge::PredictDeadlocks));
        let (breaches, stage) = (wanted(Judge::PredictAtomicity), Stage::Keeping(Predictor::new()));
        (races || deadlocks || breaches).then_some(Self {
            races,
            deadlocks,
            breaches,
            limit: u64::MAX,
            parallel: true,
            stage,
        })
    }

    pub(super) fn limit(&mut self, events: u64) {
        self.limit = events;
    }

    pub(super) fn on_one_thread(&mut self) {
        self.parallel = false;
    }

    pub(super) fn feed(&mut self, first: u64, events: &[Event]) {
        let Stage::Keeping(predictor) = &mut self.stage else { return };
        if events.iter().any(|event| matches!(event.op, Op::TaskSpawned { .. })) {
            self.stage = Stage::Skipped("it has tasks, and only orders of threads are predicted".to_owned());
        } else if predictor.len() as u64 + events.len() as u64 > self.limit {
            let reason = format!("it has more than {} events; `--predict` predicts all the same", self.limit);
            self.stage = Stage::Skipped(reason);
        } else {
            predictor.feed(first, events);
        }
    }

    pub(super) fn run(
        &mut self,
        found: &[(u64, Found)],
        every_event: bool,
        budget: u64,
        control: Control<'_>,
        started: impl FnOnce(u64),
    ) {
        let Stage::Keeping(predictor) = &mut self.stage else { return };
        let mut trace = match std::mem::take(predictor).finish() {
            Ok(trace) => trace,
            Err(reason) => {
                self.stage = Stage::Skipped(reason.to_string());
                return;
            }
        };
        let (mut known, mut hazards) = (Known::default(), Vec::new());
        let mut places = Vec::new();
        for (place, (_, found)) in found.iter().enumerate() {
            match found {
                Found::Race(race) => known.add(race),
                Found::Hazard(hazard) if self.deadlocks => {
                    hazards.push(hazard);
                    places.push(place);
                }
                _ => {}
            }
        }
        started(trace.work(hazards.len()));
        let effort = Effort { every_event, budget, parallel: self.parallel };
        let mut deadlocks = trace.deadlocks(&hazards, effort, control);
        let races = if self.races { trace.races(&known, effort, control) } else { Races::default() };
        let breaches = if self.breaches { trace.breaches(effort, control) } else { Vec::new() };
        trace.relax(&hazards, &mut deadlocks.verdicts, effort, control);
        let hazards = places.into_iter().zip(deadlocks.verdicts).collect();
        let states = deadlocks.states + races.states;
        self.stage = Stage::Done(Box::new(Predicted { trace, races, hazards, breaches, states }));
    }

    pub(super) fn predicted(&self) -> Option<&Predicted> {
        match &self.stage {
            Stage::Done(predicted) => Some(predicted),
            _ => None,
        }
    }

    /// What could not be told.
    pub(super) fn rest(&self) -> Unpredicted {
        match &self.stage {
            Stage::Keeping(_) => Unpredicted::default(),
            Stage::Skipped(reason) => Unpredicted { skipped: Some(reason.clone()), ..Unpredicted::default() },
            Stage::Done(predicted) => {
                let Predicted { races, hazards, states, .. } = &**predicted;
                let open = hazards.values().filter(|verdict| **verdict == Verdict::Undecided).count() as u64;
                Unpredicted { skipped: None, undecided: races.undecided + open, states: *states }
            }
        }
    }
}

impl Predicted {
    /// The races that were found, in the order of their later accesses.
    pub(super) fn races(&self) -> &[PredictedRace] {
        &self.races.found
    }

    pub(super) fn race(&self, found: &PredictedRace, names: &dyn Names) -> Finding {
        let mut finding = found.race.predicted(names);
        finding.witness = found.witness.tell(&self.trace, names);
        finding.schedule = found.witness.schedule(&self.trace);
        finding
    }

    /// What another order would break, in words.
    pub(super) fn breaches(&self, names: &dyn Names) -> impl Iterator<Item = Finding> {
        self.breaches.iter().map(move |breach| self.trace.breach(breach, names))
    }

    /// What is to be said of a hazard instead of that it is possible; nothing if it is undecided.
    pub(super) fn hazard(&self, place: usize, hazard: &Hazard, names: &dyn Names) -> Option<Told> {
        match self.hazards.get(&place)? {
            Verdict::Predicted(found) => {
                Some(Told::Predicted(found.iter().map(|found| self.deadlock(found, names)).collect()))
            }
            Verdict::Refuted(why) => {
                let reason = reason(*why);
                Some(Told::Refuted(Refutation { finding: hazard.to_finding(names), reason }))
            }
            Verdict::Undecided => None,
        }
    }

    fn deadlock(&self, found: &PredictedDeadlock, names: &dyn Names) -> Finding {
        let mut finding = found.hazard.to_finding(names);
        finding.tier = Tier::Predicted;
        finding.witness = found.witness.tell(&self.trace, names);
        finding.schedule = found.witness.schedule(&self.trace);
        finding
    }
}

fn reason(why: Refuted) -> String {
    match why {
        Refuted::Ordered => "one request cannot be reached before another is granted: threads start and end, or reads \
            see what they saw, only in that order"
            .to_owned(),
        Refuted::Guarded => "a lock that is held around them keeps them apart".to_owned(),
        Refuted::Forced => "what the reads saw and the locks force an order that closes a circle".to_owned(),
        Refuted::Searched(states) => {
            format!("no correct reordering does it: all {states} states that matter were searched")
        }
    }
}
