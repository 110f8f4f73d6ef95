//! What other orders of a run's events would do, added to what the run showed.

use std::path::Path;
use std::sync::atomic::AtomicU64;

use super::interrupt;
use crate::analysis::predict::Control;
use crate::engine::{Engine, Judge, Verdict};
use crate::finding::{Finding, Tier};
use crate::trace::{TraceError, TraceReader};

/// States that the searches may reach.
const BUDGET: u64 = 1_000_000;
/// Of a run of more events nothing is predicted.
const EVENTS_MAX: u64 = 1_000_000;

/// Predicts from the trace of a run. A finding of the run that is proved becomes a predicted one, with its witness; one
/// that no order of the events does is dropped; what the run did not show is added. With `kept` the trace stays, and
/// findings name positions in it.
///
/// A trace that cannot be read predicts nothing: that the run was not recorded to its end is told with the run.
pub(super) fn foresee(trace: &Path, kept: bool, findings: &mut Vec<Finding>) {
    let Ok(verdict) = judge(trace) else { return };
    let Verdict { findings: judged, refuted, .. } = verdict;
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
                // The run has the stacks.
                for site in &mut foreseen.sites {
                    if let Some(seen) = known.sites.iter().find(|seen| seen.site == site.site) {
                        site.stack.clone_from(&seen.stack);
                    }
                }
                *known = foreseen;
            }
            Some(_) => {}
            None => findings.push(foreseen),
        }
    }
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
