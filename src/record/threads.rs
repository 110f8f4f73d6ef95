//! Hooks of threads: fork, begin, end, join, park.

use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustc_hash::FxHashSet;

use super::cells::SeenAtomics;
use super::cells::readers::OwnSlot;
use super::config::{self, Modes};
use super::context::{self, Context, enter};
use super::kept::{self, Kept};
use super::locks::{LockState, ORDER};
use super::log::ThreadLog;
use super::registry::{self, LiveNames};
use super::{Place, process, tasks, waits};
use crate::analysis::happens_before::{SlotTable, SyncClock, ThreadClock};
use crate::analysis::wait_for::{SessionId, Wait};
use crate::event::{Names as _, Op, ThreadId};

static NEXT_THREAD: AtomicU32 = AtomicU32::new(0);
static NEXT_SESSION: AtomicU32 = AtomicU32::new(1);
static LIVE: AtomicUsize = AtomicUsize::new(0);
/// A hook has seen the program's first thread.
static MAIN: AtomicBool = AtomicBool::new(false);
static SLOTS: LazyLock<Mutex<SlotTable>> = LazyLock::new(Mutex::default);

/// Bytes of a stack for what the detector does in a thread. A first look at a place and a report, with symbols read, take less
/// than 96 KiB without optimisation. The system gives memory only for what is used.
const STACK: usize = 512 << 10;

/// The stack of a thread for which the program wants one of `size`: what the detector does there is not part of that.
pub(crate) fn stack_size(size: usize) -> usize {
    size.saturating_add(STACK)
}

/// What others may know of a thread; outlives it.
pub(crate) struct ThreadRecord {
    pub(crate) thread: ThreadId,
    pub(crate) session: SessionId,
    /// The thread that has no known parent and from which this one descends. Between threads of different origin there
    /// may be orders that no hook saw (a start, a join), so no race is claimed.
    pub(crate) origin: ThreadId,
    /// What the thread published last; complete once it was joined.
    last: Mutex<SyncClock>,
    token: Mutex<Token>,
    /// Who has seen last, without waiting for it, that the thread has finished.
    watcher: AtomicU32,
}

/// The wake-up token of `park`, as far as our `unpark` gives it.
#[derive(Default)]
struct Token {
    given: bool,
    /// Who waits for it: the thread, or the task that it polls.
    waiter: Option<ThreadId>,
    clock: SyncClock,
}

impl ThreadRecord {
    fn new(thread: ThreadId, session: SessionId, origin: ThreadId) -> Arc<Self> {
        let (last, token, watcher) = (Mutex::default(), Mutex::default(), AtomicU32::new(u32::MAX));
        Arc::new(Self { thread, session, origin, last, token, watcher })
    }
}

/// A clock for a task; see [`SlotTable::strand`].
pub(crate) fn strand(base: &SyncClock) -> Option<ThreadClock> {
    SLOTS.lock().strand(base)
}

/// Takes back the clock of a task.
pub(crate) fn end_strand(clock: ThreadClock) {
    SLOTS.lock().end_strand(clock);
}

/// Threads that hooks have seen and that have not ended.
pub(crate) fn known_to_live() -> usize {
    LIVE.load(Ordering::Relaxed)
}

/// Has a hook seen the program's first thread?
pub(crate) fn is_main_known() -> bool {
    MAIN.load(Ordering::Relaxed)
}

#[cfg(target_os = "linux")]
fn is_main() -> bool {
    // SAFETY: neither has a precondition.
    unsafe { libc::gettid() == libc::getpid() }
}

#[cfg(not(target_os = "linux"))]
fn is_main() -> bool {
    std::thread::current().name() == Some("main")
}

/// The test that the threads from this origin are part of.
pub(crate) fn test_of(origin: ThreadId) -> Option<String> {
    process::get()?.test(LiveNames.thread_name(origin).as_deref())
}

/// A thread of a runtime, if no hook has seen it: it belongs to the session in which the runtime was made, and comes after
/// that.
pub(crate) fn adopt_into(session: SessionId, origin: ThreadId, made: &SyncClock) {
    if !context::is_new() {
        return;
    }
    // Until it has a context it is inside the tool.
    context::set_own();
    let modes = config::modes();
    let context = if modes.nothing() { None } else { adopt_as(modes, session, Some(origin)) };
    match context {
        Some(mut context) => {
            made.acquire(&mut context.clock);
            context::install(context);
        }
        None => context::set_unwatched(),
    }
}

/// A thread that we did not start, at its first hook.
pub(crate) fn adopt(modes: Modes) -> Option<Context> {
    adopt_as(modes, SessionId::default(), None)
}

fn adopt_as(modes: Modes, session: SessionId, origin: Option<ThreadId>) -> Option<Context> {
    let thread = ThreadId(NEXT_THREAD.fetch_add(1, Ordering::Relaxed));
    let kept = if origin.is_none() { Kept::of_stranger() } else { None };
    let mut clock = {
        let mut slots = SLOTS.lock();
        match origin {
            Some(_) => slots.root()?,
            None => slots.adopt_if(kept::is_news_to)?,
        }
    };
    let kept = kept.filter(|kept| kept.begins(&mut clock, None));
    let origin = origin.unwrap_or(thread);
    if let Some(name) = std::thread::current().name() {
        registry::name_thread(thread, name);
    }
    let main = is_main();
    if main {
        MAIN.store(true, Ordering::Relaxed);
    }
    waits::thread_begins(thread, session, origin);
    LIVE.fetch_add(1, Ordering::Relaxed);
    let seed = {
        let mut order = ORDER.lock();
        if session != SessionId::default() {
            order.set_session(thread, session.0);
        } else if process::is_libtest() && !main && origin == thread {
            // A test: its orders are judged as those of a check.
            order.set_session(thread, NEXT_SESSION.fetch_add(1, Ordering::Relaxed));
        }
        order.seed(thread)
    };
    let (log, modes) = log_of(kept.as_deref(), thread, modes);
    let locks = LockState::new(thread, seed, log.as_ref());
    Some(Context {
        thread,
        session,
        modes,
        locks,
        clock,
        record: ThreadRecord::new(thread, session, origin),
        region: (0, None),
        frames: Vec::new(),
        blocking: false,
        log,
        kept,
        seen: FxHashSet::default(),
        atomics: SeenAtomics::default(),
        slot: OwnSlot::NONE,
        entries: 0,
    })
}

/// Where the thread's events go, and what is watched of it.
fn log_of(kept: Option<&Kept>, thread: ThreadId, modes: Modes) -> (Option<ThreadLog>, Modes) {
    match kept {
        Some(kept) => (Some(kept.log().thread(thread)), modes.recorded()),
        None => (config::log().map(|log| log.thread(thread)), modes),
    }
}

/// A thread that is about to be started: made by the parent, moved into the child.
pub(crate) struct Child(Option<Context>, Place);

impl Child {
    /// What the parent keeps of it; `None` when the child is not watched.
    pub(crate) fn record(&self) -> Option<Arc<ThreadRecord>> {
        self.0.as_ref().map(|context| Arc::clone(&context.record))
    }

    /// The first thing that the child does.
    pub(crate) fn begin(mut self) -> Running {
        match self.0.take() {
            Some(mut context) => {
                context.emit(Op::Begin, self.1);
                context::install(context);
            }
            None => context::set_unwatched(),
        }
        Running
    }
}

impl Drop for Child {
    /// The system refused to start the thread.
    fn drop(&mut self) {
        if let Some(context) = self.0.take() {
            if let Some(kept) = &context.kept {
                kept.ended(&context.clock);
            }
            retire(context);
        }
    }
}

/// The child runs the user's closure until this is dropped.
pub(crate) struct Running;

impl Drop for Running {
    /// A scope waits for this moment, not for the destructors of thread-locals that follow.
    fn drop(&mut self) {
        if let Some(mut inside) = enter() {
            publish_end(&mut inside);
            if let Some(kept) = &inside.kept {
                kept.ended(&inside.clock);
            }
        }
    }
}

/// The current thread, if it is this one, has done something more after its closure had ended.
pub(crate) fn went_on(thread: ThreadId) {
    if let Some(mut inside) = enter()
        && inside.thread == thread
    {
        publish_end(&mut inside);
        if let Some(kept) = &inside.kept {
            kept.learned(&inside.clock);
        }
    }
}

/// The current thread starts another one; everything before this happens before the child's first step.
pub(crate) fn fork(name: Option<&str>, place: Place) -> Child {
    Child(enter().and_then(|mut inside| fork_into(&mut inside, None, name, place)), place)
}

/// As [`fork`], but the child is the root of a new session: its findings are collected apart, and what it does is `kept`.
pub(crate) fn fork_session(name: Option<&str>, place: Place, kept: Option<Arc<Kept>>) -> Child {
    let session = SessionId(NEXT_SESSION.fetch_add(1, Ordering::Relaxed));
    Child(enter().and_then(|mut inside| fork_into(&mut inside, Some((session, kept)), name, place)), place)
}

fn fork_into(
    parent: &mut Context,
    root: Option<(SessionId, Option<Arc<Kept>>)>,
    name: Option<&str>,
    place: Place,
) -> Option<Context> {
    let is_root = root.is_some();
    let (session, kept) = root.unwrap_or_else(|| (parent.session, parent.kept.clone()));
    let thread = ThreadId(NEXT_THREAD.fetch_add(1, Ordering::Relaxed));
    let origin = if is_root { thread } else { parent.origin() };
    if let Some(name) = name {
        registry::name_thread(thread, name);
    }
    // Told before the child can run, and also of a child that can't be followed: it may end a wait all the same.
    waits::thread_begins(thread, session, origin);
    let mut clock = SLOTS.lock().fork(&mut parent.clock)?;
    LIVE.fetch_add(1, Ordering::Relaxed);
    let kept = kept.filter(|kept| kept.begins(&mut clock, (!is_root).then_some(&parent.clock)));
    // Who only starts a session is no part of it: in the trace, too, it should not count as one who could end a wait.
    if session == parent.session || parent.has_events() {
        parent.emit(Op::Fork { child: thread }, place);
    }
    parent.locks.hands_on();
    let owner = parent.locks.told_owner();
    let (parent_seed, child_seed) = {
        let mut order = ORDER.lock();
        order.forked(owner, thread);
        if session != parent.session {
            order.set_session(thread, session.0);
        }
        (order.seed(owner), order.seed(thread))
    };
    parent.locks.new_segment(parent_seed);
    let record = ThreadRecord::new(thread, session, origin);
    let (log, modes) = log_of(kept.as_deref(), thread, config::modes());
    Some(Context {
        thread,
        session,
        modes,
        locks: LockState::new(thread, child_seed, log.as_ref()),
        clock,
        record,
        region: (0, None),
        frames: Vec::new(),
        blocking: false,
        log,
        kept,
        seen: FxHashSet::default(),
        atomics: SeenAtomics::default(),
        slot: OwnSlot::NONE,
        entries: 0,
    })
}

/// The thread's context is taken down: it does nothing more.
pub(crate) fn end(mut context: Context) {
    publish_end(&mut context);
    if context.has_events() {
        context.emit(Op::End, Location::caller());
    }
    let left = context.locks.left();
    let is_origin = context.record.origin == context.thread;
    waits::thread_ends(context.thread, context.session, &left, is_origin);
    let kept = context.kept.clone().filter(|kept| is_origin && kept.is_stranger());
    if let Some(kept) = &kept {
        kept.ended(&context.clock);
    }
    let thread = context.thread;
    retire(context);
    if let Some(kept) = kept {
        kept.first_ended(test_of(thread).as_deref());
    }
}

fn publish_end(context: &mut Context) {
    let mut last = context.record.last.lock();
    last.publish(&mut context.clock);
}

fn retire(context: Context) {
    LIVE.fetch_sub(1, Ordering::Relaxed);
    let Context { clock, kept, .. } = context;
    let clock = match kept {
        Some(kept) => kept.retire(clock),
        None => Some(clock),
    };
    if let Some(clock) = clock {
        SLOTS.lock().finish(clock);
    }
}

/// Takes back the clocks of threads that have ended.
pub(crate) fn finish(clocks: Vec<ThreadClock>) {
    let mut slots = SLOTS.lock();
    clocks.into_iter().for_each(|clock| slots.finish(clock));
}

/// Before waiting for the end of a thread.
pub(crate) fn join_request(record: &ThreadRecord, place: Place) -> Option<waits::Waiting> {
    let mut inside = enter()?;
    let site = inside.locks.site(place);
    inside.emit(Op::JoinRequest { child: record.thread }, place);
    waits::begin(inside, Wait::Join(record.thread), site)
}

/// The thread has ended, and the current one has seen it.
pub(crate) fn joined(record: &ThreadRecord, place: Place) {
    let Some(mut inside) = enter() else { return };
    let context = &mut *inside;
    if record.session == context.session || context.has_events() {
        context.emit(Op::Joined { child: record.thread }, place);
    }
    record.last.lock().acquire(&mut context.clock);
    let owner = context.locks.told_owner();
    let seed = {
        let mut order = ORDER.lock();
        order.joined(owner, record.thread);
        order.seed(owner)
    };
    context.locks.new_segment(seed);
}

/// The current thread has seen, without waiting, that the closure of another one has ended.
///
/// What `is_finished` reads promises no order. It is taken for one, as a join is: who asks goes by the answer.
pub(crate) fn seen_finished(record: &ThreadRecord, place: Place) {
    let Some(me) = enter().map(|inside| inside.owner()) else { return };
    // Who asks again and again learns nothing new.
    if record.watcher.swap(me.0, Ordering::Relaxed) != me.0 {
        joined(record, place);
    }
}

/// The current thread's record, for `thread::current`.
pub(crate) fn current() -> Option<Arc<ThreadRecord>> {
    enter().map(|inside| Arc::clone(&inside.record))
}

/// A real `park`, or with a `limit` a real `park_timeout`.
///
/// `given` stands for the real token as far as our `unpark` gives it: both are set under the token's lock, and both are
/// taken under it. So without `given` there is no real token either, and the wait that is entered then is one. (Tokens
/// given through a plain [`std::thread::Thread`] are not seen.)
pub(crate) fn park(place: Place, limit: Option<Duration>, real: impl FnOnce()) {
    let Some(waiting) = park_request(place, limit) else { return };
    real();
    drop(waiting);
    let Some(mut inside) = enter() else { return };
    let record = Arc::clone(&inside.record);
    take_token(&mut inside, &mut record.token.lock(), place);
}

/// `None`: a token was there, and is taken.
fn park_request(place: Place, limit: Option<Duration>) -> Option<Option<waits::Waiting>> {
    let Some(mut inside) = enter() else { return Some(None) };
    let record = Arc::clone(&inside.record);
    // Held over the entry into the wait, so that an `unpark` comes either before it, and is seen, or after it, and takes
    // the thread out again.
    let mut token = record.token.lock();
    if token.given {
        take_token(&mut inside, &mut token, place);
        return None;
    }
    if let Some(limit) = limit {
        drop(token);
        drop(inside);
        tasks::blocks_until(Wait::Park, Instant::now().checked_add(limit), place);
        return Some(None);
    }
    inside.emit(Op::ParkRequest, place);
    let (owner, site) = (inside.owner(), inside.locks.site(place));
    let waiting = waits::begin(inside, Wait::Park, site);
    // Not if the user wanted a panic instead of a wait that nobody ends.
    token.waiter = Some(owner);
    Some(waiting)
}

fn take_token(inside: &mut Context, token: &mut Token, place: Place) {
    token.waiter = None;
    let given = std::mem::take(&mut token.given);
    if given {
        token.clock.acquire(&mut inside.clock);
        token.clock.clear();
        // Tokens do not add up: of one that was given after the real `park` had returned, and before now, this is the end
        // too.
        take_real_token();
    }
    inside.emit(Op::Parked { token: given }, place);
}

/// There is no real token afterwards. One is given first, so that there is one to take: the system would let a thread that
/// finds none sleep for its timer's slack, even if it is to wait for no time at all.
fn take_real_token() {
    std::thread::current().unpark();
    std::thread::park();
}

/// A real scope has ended. It parks and unparks its thread for its own ends, and may leave a token behind: then the next
/// `park` would return at once. Tokens that the user gave are kept.
pub(crate) fn scope_ended() {
    let Some(inside) = enter() else { return };
    let record = Arc::clone(&inside.record);
    let token = record.token.lock();
    if !token.given {
        take_real_token();
    }
}

/// A real `unpark`.
pub(crate) fn unpark(record: &ThreadRecord, place: Place, real: impl FnOnce()) {
    let Some(mut inside) = enter() else { return real() };
    let mut token = record.token.lock();
    token.given = true;
    token.clock.publish_join(&mut inside.clock);
    inside.emit(Op::Unpark { thread: record.thread }, place);
    // If it is parked: another wait, for a lock, say, goes on.
    if let Some(waiter) = token.waiter.take() {
        waits::granted(waiter);
    }
    real();
}
