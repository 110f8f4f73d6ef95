//! What a checked closure does, kept in memory, so that at its end can be told what other orders of it would do.
//!
//! Only the threads of the closure are kept. What is proved of them alone is proved only if nothing outside had a part in it:
//! an order between two of them that came about by way of a thread that is not kept would be missed. So the clocks of the
//! threads are looked at when they start others and when they end. Whatever they know of a thread that is not theirs, beyond
//! what was known when the closure began, came from outside; then nothing is predicted. For that the slots of the closure's
//! threads are given to no one else while it runs, each of them begins with a moment of its own, and a thread outside begins
//! one when it learns of that ([`ATTENTION`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::context::Inside;
use super::log::Log;
use super::registry::LiveNames;
use super::{config, threads};
use crate::analysis::happens_before::{ATTENTION, ThreadClock};
use crate::analysis::predict::Control;
use crate::clock::{Slot, VectorClock};
use crate::config::Predict;
use crate::engine::{Engine, Judge, Verdict};
use crate::event::{Names, Object, ObjectInfo, Site, SiteId, ThreadId};
use crate::finding::Finding;
use crate::trace::{TraceError, TraceReader};

/// The closures that are under way.
static UNDER_WAY: Mutex<Vec<Arc<Kept>>> = Mutex::new(Vec::new());

/// A checked closure under way.
pub(crate) struct Kept {
    log: Log,
    limits: Predict,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What was known when it began.
    before: VectorClock,
    /// The slots of its threads.
    slots: Vec<bool>,
    /// Threads that have not done all that they are to do.
    running: usize,
    /// The clocks of those that are gone.
    gone: Vec<ThreadClock>,
    from_outside: bool,
    over: bool,
}

impl State {
    fn is_own(&self, slot: Slot) -> bool {
        self.slots.get(slot.index()).is_some_and(|&own| own)
    }

    fn learned(&mut self, clock: &VectorClock) {
        let outside = clock.iter().any(|epoch| !self.is_own(epoch.slot()) && !self.before.covers(epoch));
        self.from_outside |= outside;
    }
}

impl Kept {
    /// A closure is about to begin. `None` if it is not to be kept.
    pub(crate) fn begin() -> Option<Arc<Self>> {
        let _inside = Inside::new();
        let config = config::get();
        let limits = config.predict.filter(|_| config.races && config.record.is_none())?;
        let kept = Arc::new(Self { log: Log::kept(limits.events as usize), limits, state: Mutex::default() });
        UNDER_WAY.lock().push(Arc::clone(&kept));
        ATTENTION.fetch_add(1, Ordering::Relaxed);
        config::recording_begins();
        Some(kept)
    }

    pub(super) fn log(&self) -> &Log {
        &self.log
    }

    /// A thread of it is about to be started, by `parent` if it is not the first.
    pub(super) fn begins(&self, clock: &mut ThreadClock, parent: Option<&ThreadClock>) {
        let mut state = self.state.lock();
        if let Some(parent) = parent {
            // Before the slot is its own: who had it before may have been someone else.
            state.learned(parent.foreign());
        } else {
            state.before.join(clock.foreign());
        }
        let slot = clock.slot().index();
        if state.slots.len() <= slot {
            state.slots.resize(slot + 1, false);
        }
        state.slots[slot] = true;
        clock.calm();
        clock.access();
        state.running += 1;
    }

    /// A thread of it has done what it was to do.
    pub(super) fn ended(&self, clock: &ThreadClock) {
        let mut state = self.state.lock();
        state.learned(clock.foreign());
        state.running -= 1;
    }

    /// A thread of it has done something after its end.
    pub(super) fn learned(&self, clock: &ThreadClock) {
        self.state.lock().learned(clock.foreign());
    }

    /// The clock of a thread that is gone; given back if the closure is over.
    pub(super) fn retire(&self, clock: ThreadClock) -> Option<ThreadClock> {
        let mut state = self.state.lock();
        if state.over {
            return Some(clock);
        }
        state.gone.push(clock);
        None
    }

    /// The closure is over: adds to its findings what other orders would have done, and takes out what none does. What is
    /// proved replaces what was possible.
    pub(crate) fn end(self: Arc<Self>, findings: &mut Vec<Finding>) {
        let _inside = Inside::new();
        config::recording_ends();
        ATTENTION.fetch_sub(1, Ordering::Relaxed);
        UNDER_WAY.lock().retain(|other| !Arc::ptr_eq(other, &self));
        let mut state = self.state.lock();
        state.over = true;
        threads::finish(std::mem::take(&mut state.gone));
        let alone = state.running == 0 && !state.from_outside;
        drop(state);
        if !alone {
            return;
        }
        let Some(trace) = self.log.taken() else { return };
        // What can't be read is not predicted: a lock, say, that a thread outside held last.
        let Ok(Some((mut verdict, owners))) = self.judge(&trace) else { return };
        // Orders that another test had a part in are not refuted by this one.
        let foreign = |finding: &&Finding| finding.sites.iter().any(|site| !owners.contains(&site.owner));
        let foreign: Vec<_> = findings.iter().filter(foreign).map(|finding| finding.fingerprint.clone()).collect();
        verdict.refuted.retain(|refuted| !foreign.contains(&refuted.finding.fingerprint));
        verdict.add_to(findings, false);
    }

    /// The verdict on a trace, and the names of its threads; `None` if it is not whole.
    fn judge(&self, trace: &[u8]) -> Result<Option<(Verdict, Vec<String>)>, TraceError> {
        let mut reader = TraceReader::open(trace)?;
        let judges =
            [Judge::Shb, Judge::LockOrder, Judge::PredictRaces, Judge::PredictDeadlocks, Judge::PredictAtomicity];
        let mut engine = Engine::new(&judges, false).on_one_thread();
        let (mut batch, mut seen) = (Vec::new(), Vec::new());
        while let Some(first) = reader.next_batch(&mut batch)? {
            engine.feed(first, &batch);
            for event in &batch {
                if !seen.contains(&event.owner.thread) {
                    seen.push(event.owner.thread);
                }
            }
        }
        if reader.truncated().is_some() || reader.dropped() > 0 {
            return Ok(None);
        }
        let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
        engine.predict(self.limits.states, Control { stop: &stop, done: &done }, |_| {});
        let names = Known(reader.names());
        let owners = seen.into_iter().map(|thread| names.owner_name(thread)).collect();
        Ok(Some((engine.verdict(&names), owners)))
    }
}

/// The kept traces say what the registry knows: it forgets objects that are gone.
pub(super) fn announce(object: Object) {
    let Some(info) = LiveNames.object(object) else { return };
    for kept in &*UNDER_WAY.lock() {
        kept.log.describe(object, &info);
    }
}

/// What the trace knows, and else what the registry knows: what was there before has not been told.
struct Known<'a, N>(&'a N);

impl<N: Names> Names for Known<'_, N> {
    fn site(&self, id: SiteId) -> Site {
        self.0.site(id)
    }

    fn thread_name(&self, id: ThreadId) -> Option<String> {
        LiveNames.thread_name(id)
    }

    fn object(&self, object: Object) -> Option<ObjectInfo> {
        self.0.object(object).or_else(|| LiveNames.object(object))
    }
}
