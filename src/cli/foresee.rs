//! What other orders of a run's events would do, added to what the run showed.

use std::path::Path;
use std::sync::atomic::AtomicU64;

use super::interrupt;
use crate::analysis::predict::Control;
use crate::engine::{Engine, Judge, Verdict};
use crate::finding::Finding;
use crate::trace::{TraceError, TraceReader};

/// States that the searches may reach.
const BUDGET: u64 = 1_000_000;
/// Of a run of more events nothing is predicted.
const EVENTS_MAX: u64 = 1_000_000;

/// Predicts from the trace of a run, and [adds](Verdict::add_to) it. With `kept` the trace stays, and findings name positions
/// in it.
///
/// A trace that cannot be read predicts nothing: that the run was not recorded to its end is told with the run.
pub(super) fn foresee(trace: &Path, kept: bool, findings: &mut Vec<Finding>) {
    let Ok(verdict) = judge(trace) else { return };
    verdict.add_to(findings, kept);
}

fn judge(trace: &Path) -> Result<Verdict, TraceError> {
    let mut reader = TraceReader::open_file(trace)?;
    let judges = [Judge::Shb, Judge::LockOrder, Judge::PredictRaces, Judge::PredictDeadlocks, Judge::PredictAtomicity];
    let mut engine = Engine::new(&judges, false).predicting_up_to(EVENTS_MAX);
    let mut batch = Vec::new();
    while let Some(first) = reader.next_batch(&mut batch)? {
        engine.feed(first, &batch);
    }
    let done = AtomicU64::new(0);
    engine.predict(BUDGET, Control { stop: interrupt::flag(), done: &done }, |_| {});
    Ok(engine.verdict(reader.names()))
}
