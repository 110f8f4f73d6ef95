//! Runtimes: who polls the tasks.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Weak};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use super::poll::Frame;
use super::task::Kind;
use super::{Task, TaskRecord, Watched};
use crate::analysis::happens_before::{SyncClock, ThreadClock};
use crate::analysis::wait_for::{PoolId, SessionId, Wait};
use crate::event::{Order, ThreadId};
use crate::record::cells::Edge;
use crate::record::context::{Context, enter};
use crate::record::registry::Ids;
use crate::record::{Place, threads, waits};

static POOL_IDS: Ids = Ids::new();

/// Which threads poll a runtime's tasks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flavour {
    /// The thread that is in `block_on`.
    CurrentThread,
    /// Workers, a fixed number of them.
    MultiThread,
    /// Whoever polls the set that the tasks belong to (tokio's `LocalSet`).
    Local,
    /// Nobody knows: another executor.
    Foreign,
}

struct Runtime {
    flavour: Flavour,
    workers: usize,
    session: SessionId,
    origin: ThreadId,
    created: Place,
    /// Who polls the tasks, and who runs the jobs.
    pools: [Pool; 2],
    /// It drops its tasks.
    closed: AtomicBool,
    /// Threads in a `block_on` that polls its tasks.
    drivers: AtomicUsize,
    /// Watched futures that it has.
    futures: AtomicUsize,
    /// How many tasks the runtime itself has.
    census: Mutex<Option<CountTasks>>,
    /// What was done before it was made.
    made: Mutex<SyncClock>,
    /// What its tasks have done: known to who has seen their end, with the runtime's.
    done: Mutex<SyncClock>,
    edge: Edge,
}

/// Counts the tasks of a runtime.
type CountTasks = Box<dyn Fn() -> usize + Send + Sync>;

struct Pool {
    id: PoolId,
    /// Its tasks that the wait graph does not know.
    others: Arc<AtomicUsize>,
}

impl Drop for Runtime {
    fn drop(&mut self) {
        waits::remove_pools(self.pools.iter().map(|pool| pool.id));
    }
}

/// A runtime, as its wrapper knows it. Cheap to clone; all clones are the same runtime.
#[derive(Clone)]
pub struct RuntimeMeta(Arc<Runtime>);

impl std::fmt::Debug for RuntimeMeta {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RuntimeMeta").field(&self.0.flavour).finish()
    }
}

thread_local! {
    static CURRENT: RefCell<Option<RuntimeMeta>> = const { RefCell::new(None) };
}

/// Other executors, one for each session.
static FOREIGN: LazyLock<Mutex<FxHashMap<SessionId, RuntimeMeta>>> = LazyLock::new(Mutex::default);

impl RuntimeMeta {
    /// A runtime with so many workers (1 for [`Flavour::CurrentThread`], 0 where nobody knows) and room for so many blocking
    /// jobs at a time (0 where nobody knows).
    #[must_use]
    pub fn new(flavour: Flavour, workers: usize, blocking: usize, created: Place) -> Self {
        let mut made = SyncClock::new();
        let (session, origin) = match enter() {
            Some(mut inside) => {
                made.publish(&mut inside.clock);
                (inside.session, inside.origin())
            }
            None => (SessionId::default(), ThreadId(0)),
        };
        Self::of(flavour, [workers, blocking], (session, origin), created, made)
    }

    fn of(
        flavour: Flavour,
        sizes: [usize; 2],
        (session, origin): (SessionId, ThreadId),
        created: Place,
        made: SyncClock,
    ) -> Self {
        let gone = std::mem::take(&mut *GONE.lock());
        drop(gone);
        let known = matches!(flavour, Flavour::CurrentThread | Flavour::MultiThread);
        let pools = [0, 1].map(|which| {
            let (id, others) = (PoolId(POOL_IDS.next()), Arc::new(AtomicUsize::new(0)));
            let workers = if which == 0 && !known { 0 } else { sizes[which] };
            waits::add_pool(id, session, workers, Arc::clone(&others));
            Pool { id, others }
        });
        let runtime = Arc::new(Runtime {
            flavour,
            workers: sizes[0],
            session,
            origin,
            created,
            pools,
            closed: AtomicBool::new(false),
            drivers: AtomicUsize::new(0),
            futures: AtomicUsize::new(0),
            census: Mutex::new(None),
            made: Mutex::new(made),
            done: Mutex::default(),
            edge: Edge::new(),
        });
        let mut all = RUNTIMES.lock();
        all.retain(|runtime| runtime.strong_count() > 0);
        all.push(Arc::downgrade(&runtime));
        Self(runtime)
    }

    /// An executor that nobody knows: that of the present session.
    #[must_use]
    pub fn foreign() -> Self {
        let (session, origin) = match enter() {
            Some(inside) => (inside.session, inside.origin()),
            None => (SessionId::default(), ThreadId(0)),
        };
        let known = FOREIGN.lock().get(&session).cloned();
        known.unwrap_or_else(|| {
            let here = std::panic::Location::caller();
            // Made before the lock is taken: who judges waits, and so keeps others from making one, looks into the list. Should
            // somebody else have been faster, that one goes again.
            let made = Self::of(Flavour::Foreign, [0, 0], (session, origin), here, SyncClock::new());
            FOREIGN.lock().entry(session).or_insert_with(|| made.clone()).clone()
        })
    }

    /// The runtime of the current thread: the one that polls, runs a job or was [entered](Self::enter) last.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|current| current.try_borrow().ok()?.clone()).ok()?
    }

    /// Says how to count the tasks that the runtime itself has. If it has more than are watched, others could do something
    /// that nobody sees, and so nobody is said to wait for ever who could be helped by anyone.
    pub fn set_census(&self, count: impl Fn() -> usize + Send + Sync + 'static) {
        *self.0.census.lock() = Some(Box::new(count));
    }

    /// Makes it the current runtime of the thread until the value is dropped.
    pub fn enter(&self) -> EnteredRuntime {
        let before = CURRENT.try_with(|current| current.replace(Some(self.clone()))).ok().flatten();
        EnteredRuntime { before, not_send: PhantomData }
    }

    /// The current thread belongs to the runtime from now on: as a worker, or for blocking jobs. Called from the runtime's
    /// own hook, first thing in the thread.
    pub fn thread_started(&self) {
        let _ = CURRENT.try_with(|current| current.replace(Some(self.clone())));
        threads::adopt_into(self.0.session, self.0.origin, &self.0.made.lock());
        if let Some(inside) = enter() {
            waits::thread_idles(inside);
        }
    }

    /// The current thread leaves the runtime.
    pub fn thread_stopped(&self) {
        let _ = CURRENT.try_with(|current| current.take());
        if let Some(inside) = enter() {
            waits::granted(inside.thread);
        }
    }

    /// The current thread is about to drive the future to its end, in a real `block_on` of what this gives, and waits
    /// meanwhile. `drives`: the thread polls the runtime's other tasks, too, and serves its timers (`Runtime::block_on` of
    /// [`Flavour::CurrentThread`], but not `Handle::block_on`). The real call stands in the wrapper itself: where it panics,
    /// it says where that was called.
    pub fn block_on<F>(&self, future: F, drives: bool, place: Place) -> (InBlockOn<'_>, Watched<F>) {
        let entered = self.enter();
        let drives = drives && self.0.flavour == Flavour::CurrentThread;
        let driving = drives.then(|| Driving::new(&self.0));
        // Another thread drives it already: this one polls its own future only.
        let alone = driving.as_ref().is_some_and(|driving| driving.alone);
        let task = Task::new(self.clone(), if alone { Kind::Driver } else { Kind::Root }, None, place);
        let record = task.record();
        let waiting = record.0.as_ref().and_then(|state| waits::begin_block_on(state, place));
        (InBlockOn { waiting, record, driving, place, _entered: entered }, Watched::new(task, future))
    }

    /// The runtime is about to be dropped, or shut down: from now on its tasks wait for nothing. Kept until the real call has
    /// returned. `waits_at`: the place, if it waits for what still runs, without a time limit.
    pub fn shutting_down(&self, waits_at: Option<Place>) -> BlockedOn {
        self.0.closed.store(true, Ordering::SeqCst);
        waits::close_pools(self.0.pools.iter().map(|pool| pool.id));
        // What counts may keep the runtime alive.
        let count = self.0.census.lock().take();
        drop(count);
        let waiting = waits_at.and_then(|place| self.wait_for_end(place));
        BlockedOn { runtime: self.clone(), _waiting: waiting, not_send: PhantomData }
    }

    /// The current owner drops the runtime, which waits for the threads of it. In a job, or in a task that has handed on its
    /// worker, of the very runtime that is for its own end. (In a poll the runtime panics instead.)
    fn wait_for_end(&self, place: Place) -> Option<waits::Waiting> {
        let mut inside = enter()?;
        if inside.frames.last().is_some_and(|frame| frame.is_poll() || frame.dropping) {
            return None;
        }
        let runs_here = |frame: &&Frame| {
            let task = frame.task();
            Arc::ptr_eq(&task.runtime.0, &self.0)
                && match task.kind {
                    Kind::Job => true,
                    Kind::Polled => self.0.flavour == Flavour::MultiThread,
                    Kind::Root | Kind::Driver => false,
                }
        };
        let own = inside.frames.iter().rfind(runs_here).map(|frame| frame.task().actor);
        let wait = own.map_or(Wait::Drain([self.0.pools[0].id, self.0.pools[1].id]), Wait::Join);
        let site = inside.locks.site(place);
        waits::begin(inside, wait, site)
    }

    /// How its tasks are polled.
    #[must_use]
    pub fn flavour(&self) -> Flavour {
        self.0.flavour
    }

    /// Workers; 0 where nobody knows.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.0.workers
    }

    /// Where it was made.
    #[must_use]
    pub fn created(&self) -> Place {
        self.0.created
    }

    pub(super) fn session(&self) -> SessionId {
        self.0.session
    }

    /// Does it drop its tasks?
    pub(super) fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::SeqCst)
    }

    /// May a task be polled without being woken?
    pub(super) fn repolls(&self) -> bool {
        self.0.flavour == Flavour::Foreign
    }

    /// Who polls a task of this kind, and who looks at the clock for it.
    pub(crate) fn pools(&self, kind: Kind) -> (Option<PoolId>, Option<PoolId>) {
        let [tasks, jobs] = [0, 1].map(|which| Some(self.0.pools[which].id));
        let known = matches!(self.0.flavour, Flavour::CurrentThread | Flavour::MultiThread);
        match kind {
            Kind::Job => (jobs, None),
            _ if !known => (None, None),
            Kind::Polled | Kind::Driver => (tasks, tasks),
            Kind::Root => (None, tasks),
        }
    }

    /// Counts the tasks of this kind that the wait graph does not know.
    pub(crate) fn count(&self, kind: Kind) -> &AtomicUsize {
        &self.0.pools[usize::from(kind == Kind::Job)].others
    }

    /// Do its tasks have clocks of their own? Where one thread polls them all, too: what they know of one another is not
    /// what that thread does one after the other.
    pub(super) fn has_strands(&self, kind: Kind) -> bool {
        kind == Kind::Polled && matches!(self.0.flavour, Flavour::CurrentThread | Flavour::MultiThread)
    }

    /// See [`Context::domain`](crate::record::context::Context::domain).
    pub(super) fn domain(&self, kind: Kind) -> u32 {
        let one_thread = self.0.flavour == Flavour::CurrentThread && matches!(kind, Kind::Polled | Kind::Driver);
        if one_thread { self.0.pools[0].id.0 } else { 0 }
    }

    /// A task's clock is about to be used: it comes after what the thread did that polls them all, before it began to.
    pub(super) fn entered(&self, strand: &mut ThreadClock) {
        if self.0.flavour == Flavour::CurrentThread {
            self.0.made.lock().acquire(strand);
        }
    }

    /// A task's clock was used: what the thread does that polls them all, after that, comes after it.
    pub(super) fn leaves(&self, strand: &mut ThreadClock) {
        if !strand.is_trivial() {
            self.0.done.lock().publish_join(strand);
        }
    }

    /// The trace says that what was done up to here is known to whoever sees the runtime's end.
    pub(super) fn tell_done(&self, inside: &mut Context) {
        self.0.edge.tell(inside, Order::AcqRel, self.0.created);
    }

    /// The runtime has got a watched future, or dropped it.
    pub(super) fn count_future(&self, more: bool) {
        match more {
            true => self.0.futures.fetch_add(1, Ordering::SeqCst),
            false => self.0.futures.fetch_sub(1, Ordering::SeqCst),
        };
    }
}

impl Runtime {
    /// Does it have tasks that nobody watches?
    fn has_strangers(&self) -> bool {
        let count = self.census.lock();
        count.as_ref().is_some_and(|count| count() > self.futures.load(Ordering::SeqCst))
    }
}

/// All runtimes that live.
static RUNTIMES: Mutex<Vec<Weak<Runtime>>> = Mutex::new(Vec::new());

/// Does a runtime of the session have tasks that nobody watches? Called while everything that is known waits. Of an executor
/// that nobody knows it is not known, either.
pub(crate) fn have_strangers(session: SessionId) -> bool {
    /// A task that has just ended is given the time to leave its runtime.
    const ROUNDS: usize = 50;

    if FOREIGN.lock().contains_key(&session) {
        return true;
    }
    let all: Vec<_> = RUNTIMES.lock().iter().filter_map(Weak::upgrade).collect();
    let own = || all.iter().filter(|runtime| runtime.session == session);
    let strangers = (0..ROUNDS).all(|_| {
        let strangers = own().any(|runtime| runtime.has_strangers());
        if strangers {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        strangers
    });
    // Its end takes the lock of all waits, which the caller has.
    GONE.lock().extend(all.into_iter().filter_map(Arc::into_inner));
    strangers
}

/// Runtimes that were let go of while somebody looked into them. They end when the next one is made.
static GONE: Mutex<Vec<Runtime>> = Mutex::new(Vec::new());

/// A real `block_on` under way.
pub struct InBlockOn<'a> {
    // Dropped in this order, if the real call panics.
    waiting: Option<waits::Waiting>,
    record: TaskRecord,
    driving: Option<Driving<'a>>,
    place: Place,
    _entered: EnteredRuntime,
}

impl InBlockOn<'_> {
    /// The real call has returned.
    pub fn over(self) {
        let Self { waiting, record, driving, place, _entered } = self;
        drop(waiting);
        record.joined(place);
        drop(driving);
    }
}

/// A thread is in a `block_on` that polls the runtime's tasks.
struct Driving<'a> {
    runtime: &'a Runtime,
    alone: bool,
}

impl<'a> Driving<'a> {
    fn new(runtime: &'a Runtime) -> Self {
        let alone = runtime.drivers.fetch_add(1, Ordering::SeqCst) == 0;
        if let Some(mut inside) = enter() {
            runtime.edge.tell(&mut inside, Order::AcqRel, runtime.created);
            runtime.done.lock().acquire(&mut inside.clock);
            let mut made = runtime.made.lock();
            made.acquire(&mut inside.clock);
            made.publish_join(&mut inside.clock);
        }
        Self { runtime, alone }
    }
}

impl Drop for Driving<'_> {
    fn drop(&mut self) {
        self.runtime.drivers.fetch_sub(1, Ordering::SeqCst);
        if let Some(mut inside) = enter() {
            self.runtime.edge.tell(&mut inside, Order::AcqRel, self.runtime.created);
            self.runtime.done.lock().acquire(&mut inside.clock);
        }
    }
}

/// A runtime is the thread's current one as long as this lives.
#[derive(Debug)]
pub struct EnteredRuntime {
    before: Option<RuntimeMeta>,
    /// It is the thread's.
    not_send: PhantomData<*const ()>,
}

impl Drop for EnteredRuntime {
    fn drop(&mut self) {
        let _ = CURRENT.try_with(|current| current.replace(self.before.take()));
    }
}

/// The current thread may wait as long as this lives. Afterwards it has seen the end of all tasks.
#[derive(Debug)]
pub struct BlockedOn {
    runtime: RuntimeMeta,
    _waiting: Option<waits::Waiting>,
    not_send: PhantomData<*const ()>,
}

impl Drop for BlockedOn {
    fn drop(&mut self) {
        if let Some(mut inside) = enter() {
            let runtime = &self.runtime.0;
            runtime.edge.tell(&mut inside, Order::Acquire, runtime.created);
            runtime.done.lock().acquire(&mut inside.clock);
        }
    }
}

/// A method that blocks its thread (`blocking_lock`, `blocking_recv`): leaves that `inside` polls are waits of the thread.
pub fn blocking<R>(inside: impl FnOnce() -> R) -> R {
    let _blocking = Blocking(set_blocking(true));
    inside()
}

struct Blocking(bool);

impl Drop for Blocking {
    fn drop(&mut self) {
        set_blocking(self.0);
    }
}

/// Gives what it was before.
fn set_blocking(blocking: bool) -> bool {
    enter().is_some_and(|mut inside| std::mem::replace(&mut inside.blocking, blocking))
}

/// A real `block_in_place` is about to be called, and lasts until this is dropped: the worker polls nothing, but hands its
/// tasks on to another thread.
#[must_use]
pub fn block_in_place() -> InPlace {
    InPlace(set_in_place(true))
}

/// The innermost poll is inside `block_in_place`.
#[derive(Debug)]
pub struct InPlace(bool);

impl Drop for InPlace {
    fn drop(&mut self) {
        set_in_place(self.0);
    }
}

/// Gives what it was before.
fn set_in_place(in_place: bool) -> bool {
    let Some(mut inside) = enter() else { return false };
    let Some(frame) = inside.frames.last_mut() else { return false };
    let before = std::mem::replace(&mut frame.in_place, in_place);
    if before != in_place {
        waits::task_in_place(frame.task(), in_place);
    }
    before
}
