//! Live waits: the one wait-for graph of the process, entered only by operations that really have to wait.

mod grant;
mod watch;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use rustc_hash::FxHashMap;

use super::config::{self, OnDeadlock};
use super::context::{Entered, enter};
use super::registry::LiveNames;
use super::sink::Reporting;
use super::strangers;
use super::tasks::{self, State, flags, holders};
use super::{Place, channels, outside, process, sink, stacks, threads};
use crate::analysis::wait_for::{Blocked, Knot, Leg, PoolId, SessionId, Wait, WaitGraph};
use crate::event::{LockId, Names as _, Site, SiteId, ThreadId};
use crate::finding::{Finding, SiteReport, Tier};
use crate::primitive::Mutex;

pub(crate) use grant::Grant;
use watch::watch;

#[derive(Default)]
struct Waits {
    graph: WaitGraph,
    /// The living threads that no check started, and the [origin](threads::ThreadRecord::origin) of each.
    origins: FxHashMap<ThreadId, ThreadId>,
    /// Threads in the graph.
    known: usize,
    /// The watcher runs.
    watched: bool,
}

static WAITS: LazyLock<Mutex<Waits>> = LazyLock::new(Mutex::default);

/// While this lives, its thread is known to wait.
#[derive(Debug)]
pub(crate) struct Waiting {
    thread: ThreadId,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        granted(self.thread);
    }
}

/// Enters a wait without a time limit. `None` when waits are not watched.
///
/// # Panics
///
/// If this closes a knot and the user asked for a panic then.
pub(crate) fn begin(inside: Entered, wait: Wait, site: SiteId) -> Option<Waiting> {
    begin_unless(inside, Leg { wait, site, ordinal: 0, ticket: 0 }, || false)
}

/// As [`begin`], unless the wait is over already. Who ends such a wait sees to it that `is_over` says so, and calls
/// [`granted`] then: so either this sees it, or the wait that is entered here is ended there.
///
/// # Panics
///
/// As [`begin`].
pub(crate) fn begin_unless(
    mut inside: Entered,
    Leg { wait, site, ordinal, ticket }: Leg,
    is_over: impl FnOnce() -> bool,
) -> Option<Waiting> {
    if !inside.modes.waits() {
        return None;
    }
    holders::take_returned(&mut inside.locks);
    let (owner, session) = (inside.owner(), inside.session);
    let mut blocked = Blocked::new(wait, site, ordinal, inside.locks.holdings());
    blocked.ticket = ticket;
    let (judged, blocks_for_long) = {
        let mut waits = WAITS.lock();
        if is_over() {
            return None;
        }
        let for_long = !inside.frames.is_empty() && waits.is_for_long(wait);
        if let Some(frame) = inside.frames.last().filter(|frame| frame.has_siblings()) {
            frame.task().granted_unseen().into_iter().for_each(|leg| blocked.keep_unpolled(leg));
        }
        let knot = match inside.frames.last() {
            None => {
                // A thread of a pool that does something of which nobody was told is idle no more.
                waits.graph.unblock(owner);
                waits.graph.block(owner, blocked)
            }
            Some(frame) => {
                waits.meet(frame.task());
                match frame.occupies() {
                    None => waits.graph.block(owner, blocked),
                    Some(pool) => waits.graph.block_worker(owner, blocked, pool),
                }
            }
        };
        // Under the lock: whoever sees the owner wait sees that there is something to come of it.
        (waits.judged(knot, session), for_long)
    };
    if blocks_for_long {
        tasks::blocks(&mut inside, wait, site);
    }
    conclude(inside, judged, session, Some(Waiting { thread: owner }))
}

/// What a wait that has just been entered came to.
fn conclude(
    inside: Entered,
    judged: Option<(Judged, Reporting)>,
    session: SessionId,
    waiting: Option<Waiting>,
) -> Option<Waiting> {
    let Some((judged, reporting)) = judged else { return waiting };
    let mut findings = match judged {
        Judged::Certain(stuck) => findings(stuck, session),
        Judged::Unclear => {
            watch();
            Vec::new()
        }
    };
    if !inside.frames.is_empty() {
        findings.iter_mut().for_each(tasks::called_from);
    }
    match report(findings, session) {
        None => sink::root_may_be_stuck(session),
        Some((OnDeadlock::Continue, _)) => sink::root_may_be_stuck(session),
        Some((OnDeadlock::Abort, finding)) => {
            drop(reporting);
            process::end_after_deadlock(&finding);
        }
        Some((OnDeadlock::Panic, finding)) => {
            // The wait is over before anyone can take the thread for one that is stuck.
            drop(waiting);
            drop(reporting);
            drop(inside);
            panic!("deadlock: {}", finding.message);
        }
    }
    waiting
}

/// The current owner waits in `block_on` for the end of this task, which it polls itself.
pub(crate) fn begin_block_on(root: &State, place: Place) -> Option<Waiting> {
    let mut inside = enter()?;
    let site = inside.locks.site(place);
    if inside.modes.waits() {
        // At once: it is polled also when no worker of its runtime is left.
        WAITS.lock().meet(root);
    }
    begin(inside, Wait::Root(root.actor), site)
}

/// The task goes on without a worker (`block_in_place`), or no longer.
pub(crate) fn task_in_place(state: &State, in_place: bool) {
    let mut waits = WAITS.lock();
    waits.meet(state);
    waits.graph.set_in_place(state.actor, in_place);
}

/// A task is suspended, and waits for things that the graph can judge.
///
/// # Panics
///
/// As [`begin`].
pub(crate) fn task_blocks(inside: Entered, state: &State, blocked: Blocked) {
    let session = state.session;
    let judged = {
        let mut waits = WAITS.lock();
        waits.meet(state);
        if state.set(flags::ENTERED) {
            // Whoever dropped the last waker was here before.
            return;
        }
        if state.is(flags::SCHEDULED) {
            // Woken on its way here.
            state.clear(flags::ENTERED);
            return;
        }
        waits.block_task(state, blocked)
    };
    drop(conclude(inside, judged, session, None));
}

/// As [`task_blocks`], of a task that was suspended before: the last one is gone who might have woken it. It may be woken, or
/// polled, at the same time.
pub(crate) fn task_is_forsaken(state: &State, blocked: Blocked) {
    let session = state.session;
    let judged = {
        let mut waits = WAITS.lock();
        waits.meet(state);
        if state.set(flags::ENTERED) {
            if !waits.graph.rests_on_waker(state.actor) {
                return;
            }
            waits.graph.unblock(state.actor);
        }
        // A poll that begins looks at the one flag after it has cleared the other.
        if state.is(flags::SCHEDULED | flags::ENDED) || !state.is(flags::SUSPENDED) {
            state.clear(flags::ENTERED);
            return;
        }
        waits.block_task(state, blocked)
    };
    judged_from_outside(judged, session);
}

/// As [`task_blocks`], of a task that may be woken by something that nobody knows: what it would come to, if not.
pub(crate) fn task_may_block(inside: &Entered, state: &State, blocked: Blocked) {
    let session = state.session;
    let judged = {
        let mut waits = WAITS.lock();
        waits.meet(state);
        if state.is(flags::SCHEDULED) {
            return;
        }
        let knot = waits.graph.block(state.actor, blocked);
        let judged = waits.judged(knot, session);
        waits.graph.unblock(state.actor);
        judged
    };
    let Some((Judged::Certain(stuck), _reporting)) = judged else { return };
    for mut finding in findings(stuck, session) {
        finding.tier = Tier::Possible;
        finding.tests.extend(threads::test_of(inside.origin()));
        sink::take(session, finding);
    }
}

/// A wait of the task was granted, while it is in a poll: if its thread waits there, nobody looks at what was granted.
pub(crate) fn granted_unseen(state: &State, leg: Leg) {
    let session = state.session;
    let judged = {
        let mut waits = WAITS.lock();
        let knot = waits.graph.keep_unpolled(state.actor, leg);
        waits.judged(knot, session)
    };
    judged_from_outside(judged, session);
}

/// A suspended task is woken: before the wake-up takes effect.
pub(crate) fn task_woken(task: ThreadId) {
    WAITS.lock().graph.wake(task);
}

/// A task that was suspended is polled again.
pub(crate) fn task_polled(state: &State) {
    let mut waits = WAITS.lock();
    state.clear(flags::ENTERED);
    waits.graph.unblock(state.actor);
}

/// What a suspended task held was given back by someone else.
pub(crate) fn released(owner: ThreadId, lock: LockId) {
    WAITS.lock().graph.release(owner, lock);
}

/// A task that the graph knows does nothing more.
pub(crate) fn task_ends(state: &State, left: &[LockId]) {
    let session = state.session;
    let judged = {
        let mut waits = WAITS.lock();
        waits.origins.remove(&state.actor);
        let knot = waits.graph.end(state.actor, left);
        waits.judged(knot, session)
    };
    judged_from_outside(judged, session);
}

/// The last of the tasks that the graph did not know has ended: is anyone left who acts?
pub(crate) fn unknown_task_ended(session: SessionId) {
    let judged = {
        let waits = WAITS.lock();
        let knot = waits.graph.left_alone(session);
        waits.judged(knot, session)
    };
    judged_from_outside(judged, session);
}

/// The current thread, one of a runtime's, waits for something to do.
pub(crate) fn thread_idles(inside: Entered) {
    let (thread, session) = (inside.thread, inside.session);
    drop(inside);
    let judged = {
        let mut waits = WAITS.lock();
        waits.graph.block(thread, Blocked::new(Wait::Idle, SiteId::UNKNOWN, 0, Vec::new()));
        let knot = waits.graph.left_alone(session);
        waits.judged(knot, session)
    };
    judged_from_outside(judged, session);
}

/// Units of a semaphore were thrown away, or some were added.
pub(crate) fn units_gone(semaphore: LockId, gone: bool) {
    WAITS.lock().graph.units_gone(semaphore, gone);
}

/// A pool of workers comes to be; see [`WaitGraph::add_pool`].
pub(crate) fn add_pool(pool: PoolId, session: SessionId, workers: usize, others: Arc<AtomicUsize>) {
    WAITS.lock().graph.add_pool(pool, session, workers, others);
}

/// The runtime of these pools is being shut down.
pub(crate) fn close_pools(pools: impl Iterator<Item = PoolId>) {
    let mut waits = WAITS.lock();
    pools.for_each(|pool| waits.graph.close_pool(pool));
}

/// Pools are no more.
pub(crate) fn remove_pools(pools: impl Iterator<Item = PoolId>) {
    let mut waits = WAITS.lock();
    pools.for_each(|pool| waits.graph.remove_pool(pool));
}

/// Will the thread wait for ever?
pub(crate) fn is_stuck(thread: ThreadId) -> bool {
    let graph = &WAITS.lock().graph;
    graph.is_blocked(thread) && graph.search(thread).is_some()
}

/// Someone ends the thread's wait (or it ended it itself). Called *before* the grant takes effect, so that a thread on
/// its way is never taken for a stuck one.
pub(crate) fn granted(thread: ThreadId) {
    WAITS.lock().graph.unblock(thread);
}

/// A thread that can act from now on.
pub(crate) fn thread_begins(thread: ThreadId, session: SessionId, origin: ThreadId) {
    let mut waits = WAITS.lock();
    waits.graph.begin(thread, session);
    waits.known += 1;
    if session == SessionId::default() {
        waits.origins.insert(thread, origin);
    }
}

/// The thread will not act any more, and may leave others stuck behind it. `root`: the root of a session, or a thread
/// with an unknown parent. These end with their program: what still waits then is a daemon, not a deadlock. But in a
/// libtest binary the program goes on.
pub(crate) fn thread_ends(thread: ThreadId, session: SessionId, left: &[LockId], root: bool) {
    let goes_on = !root || (session == SessionId::default() && process::is_libtest());
    let judged = {
        let mut waits = WAITS.lock();
        waits.origins.remove(&thread);
        waits.known -= 1;
        let knot = waits.graph.end(thread, left).filter(|_| goes_on);
        waits.judged(knot, session)
    };
    judged_from_outside(judged, session);
}

fn judged_from_outside(judged: Option<(Judged, Reporting)>, session: SessionId) {
    match judged {
        Some((Judged::Certain(stuck), reporting)) => found_from_outside(findings(stuck, session), session, reporting),
        Some((Judged::Unclear, _)) => watch(),
        None => {}
    }
}

/// Does every thread of the session wait, or has ended? What they found until then may still be on its way, see
/// [`sink::is_reporting`].
pub(crate) fn is_quiet(session: SessionId) -> bool {
    WAITS.lock().graph.is_quiet(session)
}

/// What is certain of a knot.
enum Judged {
    Certain(Vec<Stuck>),
    /// Threads that no hook has seen could end it.
    Unclear,
}

/// A knot that nobody ends.
struct Stuck {
    knot: Knot,
    /// Of all members without a session.
    origins: FxHashMap<ThreadId, ThreadId>,
    /// The origin of the threads that the finding is about; none: all members.
    family: Option<ThreadId>,
}

impl Waits {
    /// The graph gets to know a task.
    fn meet(&mut self, state: &State) {
        // Both flags are set in one step each: so either the end finds it known, or this finds it ended.
        if !state.becomes_known() {
            return;
        }
        let (pool, driver) = state.pools();
        self.graph.begin_task(state.actor, state.session, pool, driver);
        state.runtime.count(state.kind).fetch_sub(1, Ordering::SeqCst);
        if state.session == SessionId::default() {
            self.origins.insert(state.actor, state.origin);
        }
    }

    /// Does who begins this wait have to reckon with a long one? Not with a lock whose holder goes on.
    fn is_for_long(&self, wait: Wait) -> bool {
        match wait {
            Wait::Lock { lock, .. } => self.graph.is_held_by_waiting(lock),
            _ => true,
        }
    }

    /// What a knot comes to, if there is one. The report is begun before the lock is given back.
    fn judged(&self, knot: Option<Knot>, session: SessionId) -> Option<(Judged, Reporting)> {
        knot.map(|knot| (self.judge(knot, session), Reporting::new()))
    }

    /// Enters the wait of a task, with the tasks whose end it waits for.
    fn block_task(&mut self, state: &State, blocked: Blocked) -> Option<(Judged, Reporting)> {
        for task in state.awaited() {
            self.meet(&task);
        }
        let knot = self.graph.block(state.actor, blocked);
        self.judged(knot, state.session)
    }

    /// A knot with a wait that any thread could end is certain only when all threads are known. Then nothing goes on, and
    /// who waits are not only those that are to be reported: in a libtest binary, what tests that are over have left
    /// behind waits for work for ever, and means no harm. There each test is a family with a finding of its own.
    fn judge(&self, knot: Knot, session: SessionId) -> Judged {
        if knot.rests_on_wakers() {
            // A runtime may have put off a wake-up to the end of the poll: the watcher looks later, and twice.
            return if outside::is_shut(session) { Judged::Unclear } else { Judged::Certain(Vec::new()) };
        }
        self.judge_settled(knot, session)
    }

    /// As [`judge`](Self::judge), of a knot in which nothing has changed for a while.
    fn judge_settled(&self, knot: Knot, session: SessionId) -> Judged {
        if knot.needs_all_threads() && tasks::have_strangers(session) {
            return Judged::Unclear;
        }
        if !knot.needs_all_threads() || session != SessionId::default() {
            return Judged::Certain(vec![self.stuck(knot, None)]);
        }
        if strangers::are_there(self.known) {
            return Judged::Unclear;
        }
        if !process::is_libtest() {
            return Judged::Certain(vec![self.stuck(knot, None)]);
        }
        let mut roots: Vec<ThreadId> =
            self.origins.iter().filter(|(thread, origin)| thread == origin).map(|(&thread, _)| thread).collect();
        roots.sort_unstable();
        let stuck = |root| Some(self.stuck(self.graph.search(root)?, Some(root)));
        Judged::Certain(roots.into_iter().filter_map(stuck).collect())
    }

    fn stuck(&self, knot: Knot, family: Option<ThreadId>) -> Stuck {
        let origin = |thread| Some((thread, *self.origins.get(&thread)?));
        let origins = knot.members.iter().filter_map(|member| origin(member.thread)).collect();
        Stuck { knot, origins, family }
    }

    /// A knot in a program in which everything waits.
    fn standstill(&self) -> Option<Knot> {
        if !self.graph.may_be_quiet(SessionId::default()) {
            return None;
        }
        let mut threads: Vec<ThreadId> = self.origins.keys().copied().collect();
        threads.sort_unstable();
        threads.into_iter().filter_map(|thread| self.graph.search(thread)).find(Knot::needs_all_threads)
    }
}

impl Stuck {
    /// The finding about it, with the tests that its members belong to.
    fn finding(mut self, session: SessionId) -> Option<Finding> {
        if self.knot.needs_all_threads() {
            // After the end of the checked closure such a wait is a daemon's.
            if sink::is_done(session) {
                return None;
            }
            channels::starve(&mut self.knot);
            // Who starves a pool, and who serves it, may be of different tests.
            if let Some(family) = self.family.filter(|_| self.knot.starved.is_none()) {
                narrow(&mut self.knot, |thread| self.origins.get(&thread) == Some(&family));
            }
        }
        let mut finding = self.knot.finding(&LiveNames)?;
        for member in &self.knot.members {
            let test = self.origins.get(&member.thread).and_then(|&origin| threads::test_of(origin));
            if let Some(test) = test.filter(|test| !finding.tests.contains(test)) {
                finding.tests.push(test);
            }
        }
        self.called_from(&mut finding);
        Some(finding)
    }

    /// Threads that wait in packages of somebody else's only (an executor parks the thread that called it): where the user's
    /// own code came to that is a place of the finding, too.
    fn called_from(&self, finding: &mut Finding) {
        if finding.sites.iter().any(|site| stacks::is_workspace(&site.site.file)) {
            return;
        }
        let calls = self.knot.members.iter().filter_map(|member| {
            let site = stacks::caller(member.blocked.site, member.thread)?;
            let owner = LiveNames.owner_name(member.thread);
            Some(SiteReport { role: CALLS.to_owned(), site, owner, held: Vec::new(), event: None, stack: Vec::new() })
        });
        finding.sites.extend(calls);
        finding.identify(&mut Site::to_string);
    }
}

/// What the user's own code does where a package's waits.
pub(crate) const CALLS: &str = "calls it here";

/// Leaves in the knot the members that are `wanted`, and whom these wait for in particular. (All of them wait for anyone,
/// too, if there is one who does.)
fn narrow(knot: &mut Knot, wanted: impl Fn(ThreadId) -> bool) {
    let mut kept: Vec<ThreadId> = knot.members.iter().map(|member| member.thread).filter(|&id| wanted(id)).collect();
    let abandoned: Vec<LockId> = knot.abandoned.iter().map(|&(lock, _)| lock).collect();
    let in_particular = |wait: Wait| match wait {
        Wait::Lock { lock, .. } => !abandoned.contains(&lock),
        wait => matches!(wait, Wait::Join(_) | Wait::Root(_)),
    };
    let mut next = 0;
    while let Some(&thread) = kept.get(next) {
        next += 1;
        let member = knot.members.iter().find(|member| member.thread == thread).expect("a member");
        if in_particular(member.blocked.wait) {
            let more: Vec<ThreadId> = member.waits_for.iter().copied().filter(|other| !kept.contains(other)).collect();
            kept.extend(more);
        }
    }
    knot.members.retain(|member| kept.contains(&member.thread));
    for member in &mut knot.members {
        member.waits_for.retain(|other| kept.contains(other));
    }
    let wanted = |lock: LockId| {
        knot.members.iter().any(|member| matches!(member.blocked.wait, Wait::Lock { lock: own, .. } if own == lock))
    };
    knot.abandoned.retain(|&(lock, _)| wanted(lock));
}

fn findings(stuck: Vec<Stuck>, session: SessionId) -> Vec<Finding> {
    stuck.into_iter().filter_map(|stuck| stuck.finding(session)).collect()
}

/// Reports deadlocks, and says what to do now; `None` when there is none.
fn report(findings: Vec<Finding>, session: SessionId) -> Option<(OnDeadlock, Finding)> {
    let first = findings.first().cloned()?;
    let watched = process::get().is_some();
    // Who checks a closure in a process that someone else watches deals with its deadlocks himself.
    let reaction =
        if watched && session != SessionId::default() { OnDeadlock::Continue } else { config::get().on_deadlock };
    for finding in findings {
        let news = sink::take(session, finding);
        if watched && session == SessionId::default() && reaction != OnDeadlock::Panic {
            // The process hangs, or ends: this is the last that its user sees of it.
            news.iter().for_each(|finding| process::to_stderr(&sink::text(finding)));
        }
    }
    // Whoever kills the hanging program finds the trace complete up to here.
    if let Some(log) = config::log() {
        let _ = log.flush();
    }
    Some((reaction, first))
}

/// Reports deadlocks that came about without any of their threads doing something. None of them can panic: in a process
/// that someone watches that is its end as well.
fn found_from_outside(findings: Vec<Finding>, session: SessionId, reporting: Reporting) {
    match report(findings, session) {
        Some((OnDeadlock::Continue, _)) | None => {}
        Some((OnDeadlock::Panic, _)) if process::get().is_none() => {}
        Some((_, finding)) => {
            drop(reporting);
            process::end_after_deadlock(&finding);
        }
    }
    sink::root_may_be_stuck(session);
}

/// Can the thread still act, as far as the graph was told?
pub(crate) fn is_alive(thread: ThreadId) -> bool {
    WAITS.lock().graph.is_known(thread)
}
