//! What could have happened: races and deadlocks of other orders of the same events.
//!
//! A *correct reordering* of a trace is a list of some of its events that the program could have produced as well, as far
//! as the trace tells: each thread does the first so many of its events, in their order; a thread begins after it was
//! started, and a join comes after the end of the other; a lock is not held by two that exclude each other; each read sees
//! the write that it saw in the recording (or none, if it saw none); and the operations on anything else that threads meet
//! at (channels, condition variables, barriers, one-time initialisers, parking, and locks that were used in ways that
//! no lock allows) keep their order. Two conflicting accesses *race* if a correct reordering leads to where both are next.
//! Threads *deadlock* if one leads to where each of them asks for a lock that only another of them could give.
//!
//! [`Predictor`] keeps a stream; [`Prediction`] answers for it, in three steps, each for what the one before left open:
//!
//! 1. reorderings that keep the order of critical sections: [closures](closure), computed in nearly linear time over all
//!    accesses (POPL 2021) and for each abstract lock-order pattern (SPDOffline, PLDI 2023);
//! 2. the order that every answer must keep, from what the reads saw and the locks: a circle in it [refutes](saturate);
//! 3. a [search] over all reorderings of the events that matter, bounded by a budget of states.
//!
//! Of a trace of events and nothing else every read counts, both ways. Of a recording of a program (it has the beginnings
//! and ends of threads) much of what a thread saw is of no consequence to what it did. A proof that something happens keeps
//! it all the same; a proof that something cannot happen does without: [`Prediction::relax`].
//!
//! What the first and the third find has a witness, and [a checker](check) that shares no code with them goes over every
//! witness before it is told. So `predicted` is never wrong about the trace; and with enough budget it is complete.

mod apart;
mod atomicity;
mod check;
mod clocks;
mod closure;
mod deadlocks;
mod index;
mod races;
mod saturate;
mod search;
mod slice;
mod witness;
mod word;

use std::sync::atomic::{AtomicBool, AtomicU64};

use crate::analysis::happens_before::Race;
use crate::analysis::lock_order::Hazard;
use crate::event::{Event, Names};
use crate::finding::{Finding, Tier};

use clocks::Clocks;
use index::{Builder, Index};
use slice::{Question, Slice};

pub use races::Known;
pub use slice::Refuted;
pub use witness::Witness;

/// Why a trace can't be reordered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Unpredictable {
    /// It has async tasks, and what orders those is not known to prediction.
    Tasks,
    /// More events than can be numbered.
    TooLong,
    /// The clocks of so many threads would not fit into memory.
    TooManyThreads,
    /// It is a recording, and has threads of which nobody saw the start: what orders those is not known.
    Strangers,
}

impl std::fmt::Display for Unpredictable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Tasks => "it has async tasks",
            Self::TooLong => "it has more than four billion events",
            Self::TooManyThreads => "it has too many threads for its length",
            Self::Strangers => "it has threads of which nobody saw the start",
        })
    }
}

/// What to look for, and how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Effort {
    /// Each racing event once, instead of each pair of sites once.
    pub every_event: bool,
    /// States that all searches together may reach. 0: only what keeps the order of critical sections.
    pub budget: u64,
    /// On as many threads as there are processors. The result does not depend on it.
    pub parallel: bool,
}

/// How to stop, and how far it is.
#[derive(Clone, Copy, Debug)]
pub struct Control<'a> {
    /// Set from outside: return with what is known.
    pub stop: &'a AtomicBool,
    /// Counts up to [`Prediction::work`], roughly.
    pub done: &'a AtomicU64,
}

/// Keeps a stream in memory: 24 bytes an event, 32 to 44 once it is indexed.
#[derive(Default, Debug)]
pub struct Predictor {
    builder: Builder,
}

impl Predictor {
    /// At the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next events; `first` is the ordinal of the first of them, and they count up by one.
    pub fn feed(&mut self, first: u64, events: &[Event]) {
        for (ordinal, event) in (first..).zip(events) {
            self.builder.push(ordinal, event);
        }
    }

    /// Events so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.builder.len()
    }

    /// Was there no event?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Indexes the stream. Cost: linear, but for the clocks, which take threads × events that learn from others.
    ///
    /// # Errors
    /// If the stream is one that can't be reordered.
    pub fn finish(self) -> Result<Prediction, Unpredictable> {
        let index = self.builder.finish()?;
        let clocks = Clocks::new(&index)?;
        Ok(Prediction { index, clocks })
    }
}

/// Answers for a whole trace.
#[derive(Debug)]
pub struct Prediction {
    index: Index,
    clocks: Clocks,
}

/// A race with its proof.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PredictedRace {
    /// The two accesses.
    pub race: Race,
    /// The reordering after which both are next.
    pub witness: Witness,
}

/// What came of the search for races.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Races {
    /// In the order of the later accesses.
    pub found: Vec<PredictedRace>,
    /// Pairs of accesses that may race for all that is known: the budget ran out.
    pub undecided: u64,
    /// States that the searches reached.
    pub states: u64,
}

/// A deadlock with its proof.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PredictedDeadlock {
    /// The same hazard with the operations of this very deadlock.
    pub hazard: Hazard,
    /// The reordering after which all of them wait.
    pub witness: Witness,
}

/// An access of another thread between two that belong together, with its proof.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PredictedBreach {
    first: u32,
    between: u32,
    second: u32,
    /// Why the two belong together.
    bond: atomicity::Bond,
    /// The other access is the same look: both threads may go on to the write.
    twice: bool,
    /// The reordering after which the other access, and then the second, can come.
    pub witness: Witness,
}

/// What came of one lock-order hazard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Reorderings lead to it: one for each combination of sites, if they are not too many.
    Predicted(Vec<PredictedDeadlock>),
    /// None does.
    Refuted(Refuted),
    /// Not known.
    Undecided,
}

/// What came of all lock-order hazards.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Deadlocks {
    /// As many as there were hazards, in their order.
    pub verdicts: Vec<Verdict>,
    /// States that the searches reached.
    pub states: u64,
}

impl Prediction {
    /// What [`Control::done`] counts up to: the variables, and the hazards asked for.
    #[must_use]
    pub fn work(&self, hazards: usize) -> u64 {
        u64::from(self.index.vars()) + hazards as u64
    }

    /// The races that are not in `known`.
    #[must_use]
    pub fn races(&self, known: &Known, effort: Effort, control: Control<'_>) -> Races {
        races::Judge::new(&self.index, &self.clocks, effort, control).run(known)
    }

    /// What is to be said of each hazard.
    #[must_use]
    pub fn deadlocks(&self, hazards: &[&Hazard], effort: Effort, control: Control<'_>) -> Deadlocks {
        deadlocks::Judge::new(&self.index, &self.clocks, effort, control).run(hazards)
    }

    /// Updates that are lost, and regions that are broken, in another order.
    #[must_use]
    pub fn breaches(&self, effort: Effort, control: Control<'_>) -> Vec<PredictedBreach> {
        atomicity::Judge::new(&self.index, &self.clocks, effort, control).run()
    }

    /// A breach in words.
    #[must_use]
    pub fn breach(&self, breach: &PredictedBreach, names: &dyn Names) -> Finding {
        let mut finding = atomicity::finding(&self.index, breach, names);
        let is_proved = atomicity::is_proved(&self.index, breach);
        finding.tier = if is_proved { Tier::Predicted } else { Tier::Possible };
        finding.witness = breach.witness.tell(self, names);
        finding.schedule = breach.witness.schedule(self);
        finding
    }

    /// To be asked last: makes [`Verdict::Undecided`] of each refutation that stands on what need not be so, which of a
    /// recording is much of what was seen. What was found already stays as it is; nothing can be asked after this.
    pub fn relax(&mut self, hazards: &[&Hazard], verdicts: &mut [Verdict], effort: Effort, control: Control<'_>) {
        let refuted = |verdict: &Verdict| matches!(verdict, Verdict::Refuted(_));
        if !self.index.is_recording() || !verdicts.iter().any(refuted) {
            return;
        }
        self.index.relax();
        let asked: Vec<&Hazard> =
            hazards.iter().zip(&*verdicts).filter(|(_, verdict)| refuted(verdict)).map(|(hazard, _)| *hazard).collect();
        let again = match Clocks::new(&self.index) {
            Ok(clocks) => {
                self.clocks = clocks;
                self.deadlocks(&asked, effort, control).verdicts
            }
            Err(_) => vec![Verdict::Undecided; asked.len()],
        };
        for (verdict, again) in verdicts.iter_mut().filter(|verdict| refuted(verdict)).zip(again) {
            *verdict = match again {
                Verdict::Refuted(why) => Verdict::Refuted(why),
                Verdict::Predicted(_) | Verdict::Undecided => Verdict::Undecided,
            };
        }
    }
}

/// What came of one question.
enum Answer {
    Witness(Vec<u32>),
    Refuted(Refuted),
    GaveUp,
}

/// Asks for any correct reordering, with at most so many states; and what was spent, in states.
fn ask(index: &Index, clocks: &Clocks, question: &Question, limit: u64) -> (Answer, u64) {
    let mut slice = match Slice::new(index, clocks, question) {
        Ok(slice) => slice,
        Err(refuted) => return (Answer::Refuted(refuted), 1),
    };
    // To work out the order of an event costs about as much as some states.
    let cost = 1 + slice.len() as u64 / 8;
    let order = match saturate::Order::new(index, clocks, question, &mut slice) {
        Ok(order) => order,
        Err(refuted) => return (Answer::Refuted(refuted), cost),
    };
    let mut search = search::Search::new(index, question, &slice, &order);
    let answer = match search.run(limit) {
        search::Found::Witness(list) => Answer::Witness(list),
        search::Found::Nothing => Answer::Refuted(Refuted::Searched(search.states)),
        search::Found::GaveUp => Answer::GaveUp,
    };
    (answer, cost + search.states)
}
