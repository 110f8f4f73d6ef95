//! What a checked closure does, kept in memory, so that at its end can be told what other orders of it would do. In a
//! process that someone else watches the same is kept of each thread that no hook saw start (`main`, and each test), with
//! all that it starts, to take back at its end what no order does.
//!
//! Only the threads of the closure are kept. What is proved of them alone is proved only if nothing outside had a part in it:
//! an order between two of them that came about by way of a thread that is not kept would be missed. So the clocks of the
//! threads are looked at when they start others and when they end. Whatever they know of a thread that is not theirs, beyond
//! what was known when the closure began, came from outside; then nothing is predicted. For that the slots of the closure's
//! threads are given to no one else while it runs, each of them begins with a moment of its own, and a thread outside begins
//! one when it learns of that ([`ATTENTION`]). Threads of another closure do not, so none may be known from before.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::context::Inside;
use super::log::Log;
use super::registry::LiveNames;
use super::sink::Reporting;
use super::strangers::Own;
use super::{config, process, sink, threads};
use crate::analysis::happens_before::{ATTENTION, ThreadClock};
use crate::analysis::predict::Control;
use crate::clock::{Epoch, Slot, VectorClock};
use crate::config::Predict;
use crate::engine::{Engine, Judge, Verdict};
use crate::event::{Names, Object, ObjectInfo, Site, SiteId, ThreadId};
use crate::finding::{Finding, Tier};
use crate::trace::{TraceError, TraceReader};

/// The closures that are under way.
static UNDER_WAY: Mutex<Vec<Arc<Kept>>> = Mutex::new(Vec::new());

/// By slot: the first moment of the living thread of a closure, under way or given up, that has it. (Earlier ones are those of
/// threads that had the slot before.)
static CALM: Mutex<Vec<Option<Epoch>>> = Mutex::new(Vec::new());

/// Of more threads nothing is kept: each has a buffer of its own, and a slot that no other gets.
const MOST_THREADS: usize = 256;

/// A checked closure under way.
pub(crate) struct Kept {
    log: Log,
    limits: Predict,
    /// It is no closure, but a thread that no hook saw start, with all that it starts.
    stranger: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What was known when it began.
    before: VectorClock,
    /// The slots of its threads.
    slots: Vec<bool>,
    /// How many threads there were.
    threads: usize,
    /// Threads that have not done all that they are to do.
    running: usize,
    /// Of a stranger: the hazards that its threads have shown.
    shown: Vec<Finding>,
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
        Self::of(false)
    }

    /// A thread that no hook saw start does its first step. `None` if what it does is not to be kept.
    pub(super) fn of_stranger() -> Option<Arc<Self>> {
        process::get().and_then(|_| Self::of(true))
    }

    fn of(stranger: bool) -> Option<Arc<Self>> {
        let _inside = Inside::new();
        let config = config::get();
        let limits = config.predict.filter(|_| config.races && config.record.is_none())?;
        let log = Log::kept(limits.events as usize);
        let kept = Arc::new(Self { log, limits, stranger, state: Mutex::default() });
        UNDER_WAY.lock().push(Arc::clone(&kept));
        ATTENTION.fetch_add(1, Ordering::Relaxed);
        config::recording_begins();
        Some(kept)
    }

    /// Is it about a thread that no hook saw start?
    pub(super) const fn is_stranger(&self) -> bool {
        self.stranger
    }

    pub(super) fn log(&self) -> &Log {
        &self.log
    }

    /// A thread of it is about to be started, by `parent` if it is not the first. False if it is not kept any more: then the
    /// thread is none of it.
    pub(super) fn begins(&self, clock: &mut ThreadClock, parent: Option<&ThreadClock>) -> bool {
        let mut state = self.state.lock();
        if state.threads == MOST_THREADS {
            drop(state);
            self.give_up();
            return false;
        }
        if state.over {
            return false;
        }
        let slot = clock.slot().index();
        if let Some(parent) = parent {
            // Before the slot is its own: who had it before may have been someone else.
            state.learned(parent.foreign());
        } else {
            state.before.join(clock.foreign());
            state.from_outside |= !is_news_to(clock.foreign());
        }
        *at(&mut state.slots, slot) = true;
        clock.calm();
        *at(&mut CALM.lock(), slot) = Some(clock.access());
        state.threads += 1;
        state.running += 1;
        true
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

    /// A thread of it has shown a hazard.
    pub(super) fn showed(&self, finding: &Finding) {
        if self.stranger && finding.tier == Tier::Possible && finding.is_pattern() {
            self.state.lock().shown.push(finding.clone());
        }
    }

    /// The clock of a thread that is gone; given back if the closure is over.
    pub(super) fn retire(&self, clock: ThreadClock) -> Option<ThreadClock> {
        let mut state = self.state.lock();
        CALM.lock()[clock.slot().index()] = None;
        if state.over {
            return Some(clock);
        }
        state.gone.push(clock);
        None
    }

    /// Nothing will be predicted: what is kept is let go of, and so are the threads, once they notice.
    pub(super) fn give_up(&self) {
        self.log.give_up();
        self.close();
    }

    /// Nothing more is kept. Was it alone to the end?
    fn close(&self) -> bool {
        let mut state = self.state.lock();
        if !std::mem::replace(&mut state.over, true) {
            config::recording_ends();
            ATTENTION.fetch_sub(1, Ordering::Relaxed);
        }
        let gone = std::mem::take(&mut state.gone);
        let alone = state.running == 0 && !state.from_outside;
        drop(state);
        UNDER_WAY.lock().retain(|other| !std::ptr::eq(&**other, self));
        threads::finish(gone);
        alone
    }

    /// The closure is over: adds to its findings what other orders would have done, and takes out what none does. What is
    /// proved replaces what was possible.
    pub(crate) fn end(self: Arc<Self>, findings: &mut Vec<Finding>) {
        let _inside = Inside::new();
        if !self.close() {
            return;
        }
        let judges =
            [Judge::Shb, Judge::LockOrder, Judge::PredictRaces, Judge::PredictDeadlocks, Judge::PredictAtomicity];
        self.foresee(&judges, findings);
    }

    /// The thread that no hook saw start has ended, as part of `test`: takes back each hazard, of those that it and its threads
    /// have shown, that no order of what they did runs into. Nothing is to be said where there is none: most threads have
    /// shown none, and end at once.
    ///
    /// What an order runs into stays possible. Unchanged programs have the `Arc` of std, and sockets and files, of which there
    /// are no events: by these, too, a thread may wait for another. More of that only leaves fewer orders, so what none of
    /// those that are known does, none does.
    pub(super) fn first_ended(&self, test: Option<&str>) {
        let alone = self.close();
        let shown = std::mem::take(&mut self.state.lock().shown);
        if !alone || shown.is_empty() || process::get().is_none_or(|process| !process.is_this()) {
            self.log.give_up();
            return;
        }
        // For those who count threads this one is one of ours meanwhile.
        let (_own, _reporting) = (Own::new(), Reporting::new());
        let mut findings = shown.clone();
        // In the destructor of a thread-local a panic would end the process.
        let judged = AssertUnwindSafe(|| self.foresee(&[Judge::LockOrder, Judge::PredictDeadlocks], &mut findings));
        if std::panic::catch_unwind(judged).is_err() {
            return;
        }
        for refuted in shown.iter().filter(|shown| findings.iter().all(|left| left.fingerprint != shown.fingerprint)) {
            sink::withdraw(&refuted.fingerprint, test);
        }
    }

    /// Adds to the findings what other orders would have done, and takes out what none does.
    fn foresee(&self, judges: &[Judge], findings: &mut Vec<Finding>) {
        let Some(trace) = self.log.taken() else { return };
        // What can't be read is not predicted: a lock, say, that a thread outside held last.
        let Ok(Some((mut verdict, owners))) = self.judge(&trace, judges) else { return };
        // Orders that another test had a part in are not refuted by this one.
        let foreign = |finding: &&Finding| finding.sites.iter().any(|site| !owners.contains(&site.owner));
        let foreign: Vec<_> = findings.iter().filter(foreign).map(|finding| finding.fingerprint.clone()).collect();
        verdict.refuted.retain(|refuted| !foreign.contains(&refuted.finding.fingerprint));
        verdict.add_to(findings, false);
    }

    /// The verdict on a trace, and the names of its threads; `None` if it is not whole.
    fn judge(&self, trace: &[u8], judges: &[Judge]) -> Result<Option<(Verdict, Vec<String>)>, TraceError> {
        let mut reader = TraceReader::open(trace)?;
        let mut engine = Engine::new(judges, false).on_one_thread();
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

/// Does it know of no living thread of a closure? Who begins knowing of one would not notice what he learns by way of it.
pub(super) fn is_news_to(known: &VectorClock) -> bool {
    let calm = CALM.lock();
    let first = |slot: Slot| calm.get(slot.index()).copied().flatten();
    !known.iter().any(|epoch| first(epoch.slot()).is_some_and(|first| first.time() <= epoch.time()))
}

/// The place of a slot.
fn at<T: Default + Clone>(slots: &mut Vec<T>, slot: usize) -> &mut T {
    if slots.len() <= slot {
        slots.resize(slot + 1, T::default());
    }
    &mut slots[slot]
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
