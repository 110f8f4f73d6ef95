//! Waits inside tasks.

use std::mem::ManuallyDrop;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};

use super::states::StateRef;
use super::task::{More, flags};
use super::watched::is_of_task;
use super::{TaskRecord, hazards, losses, spell};
use crate::analysis::wait_for::{Leg, Wait};
use crate::event::{Mode, SiteId, ThreadId};
use crate::record::context::enter;
use crate::record::{Place, waits};

/// What a leaf waits for. Made by the meta of the object.
#[derive(Clone, Debug)]
pub struct Target {
    /// None: nobody knows.
    wait: Option<Wait>,
    /// The tasks whose end is waited for.
    tasks: Awaited,
    /// A time limit to another wait.
    limits: bool,
    /// Who is woken has got it already, or stands first in the queue: nobody else gets it before.
    grants: bool,
    turn: Turn,
}

/// When a wait comes into consideration among those for the same lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Turn {
    /// After those that began before.
    Own,
    /// After all the others.
    Any,
    /// It keeps none of them away.
    Unannounced,
}

/// The end of which tasks is waited for.
#[derive(Clone, Debug)]
enum Awaited {
    None,
    One(StateRef),
    /// Of any of them.
    Any(Arc<[StateRef]>),
}

impl Awaited {
    fn as_slice(&self) -> &[StateRef] {
        match self {
            Self::None => &[],
            Self::One(task) => std::slice::from_ref(task),
            Self::Any(tasks) => tasks,
        }
    }
}

/// Of more tasks at a time nobody knows: each wait would have to look at all of them.
const MOST_AWAITED: usize = 256;

impl Target {
    /// A moment in time. Served by the runtime's driver, so it comes unless every thread that could serve is stuck.
    #[must_use]
    pub const fn timer() -> Self {
        Self::of(Wait::Timer)
    }

    /// The moment in time at which another wait is given up.
    #[must_use]
    pub const fn time_limit() -> Self {
        Self::new(Some(Wait::Timer), true)
    }

    /// Something that nobody knows: the wait is never taken for a stuck one.
    #[must_use]
    pub const fn foreign() -> Self {
        Self::new(None, false)
    }

    pub(super) fn end_of(task: &TaskRecord) -> Self {
        match &task.0 {
            Some(state) => Self { tasks: Awaited::One(StateRef::clone(state)), ..Self::of(Wait::Join(state.actor)) },
            None => Self::foreign(),
        }
    }

    /// The end of any of these tasks.
    #[must_use]
    pub fn end_of_any<'a>(tasks: impl ExactSizeIterator<Item = &'a TaskRecord>) -> Self {
        if tasks.len() > MOST_AWAITED {
            return Self::foreign();
        }
        let states: Option<Vec<StateRef>> = tasks.map(|task| task.0.clone()).collect();
        match states.as_deref() {
            Some([only]) => Self { tasks: Awaited::One(StateRef::clone(only)), ..Self::of(Wait::Join(only.actor)) },
            Some([first, ..]) => {
                let wait = Wait::Join(first.actor);
                Self { tasks: Awaited::Any(states.unwrap_or_default().into()), ..Self::of(wait) }
            }
            _ => Self::foreign(),
        }
    }

    /// The same, where being woken gives nothing: who is woken tries again, and anyone may come first. A future that was
    /// woken and is polled no more then keeps nothing from the others.
    #[must_use]
    pub fn without_grant(mut self) -> Self {
        self.grants = false;
        self
    }

    /// The same, of a reader behind whom no writer waits in turn: whoever has announced to write is in its way, before or
    /// after.
    #[must_use]
    pub fn without_turn(mut self) -> Self {
        self.turn = Turn::Any;
        self
    }

    /// The same, of a writer that no reader sees yet: it keeps none away. Being woken gives it the place of an upgradable reader.
    #[must_use]
    pub fn unannounced(mut self) -> Self {
        self.turn = Turn::Unannounced;
        self
    }

    pub(crate) const fn of(wait: Wait) -> Self {
        Self::new(Some(wait), false)
    }

    const fn new(wait: Option<Wait>, limits: bool) -> Self {
        Self { wait, tasks: Awaited::None, limits, grants: true, turn: Turn::Own }
    }

    /// Its place in the queue, where its own number is `ticket`.
    const fn ticket(&self, ticket: u64) -> u64 {
        match self.turn {
            Turn::Own => ticket,
            Turn::Any => 0,
            Turn::Unannounced => Leg::UNANNOUNCED,
        }
    }
}

/// Numbers the waits, so that those in a queue are known by their order.
static TICKETS: AtomicU64 = AtomicU64::new(1);

/// The number of the next wait.
fn next_ticket() -> u64 {
    TICKETS.fetch_add(1, Ordering::Relaxed)
}

/// The number of the last wait: what is taken now comes after it, and before the next.
pub(crate) fn last_ticket() -> u64 {
    TICKETS.load(Ordering::Relaxed) - 1
}

/// Says whether the runtime lets a task go on within the present poll; see [`set_budget`].
static BUDGET: OnceLock<fn() -> bool> = OnceLock::new();

/// A runtime that makes its futures pending now and then, to let others go first (tokio's cooperative scheduling), says so:
/// `has_budget` is false while that is the case. Called after a leaf was pending. Only the first call counts.
pub fn set_budget(has_budget: fn() -> bool) {
    let _ = BUDGET.set(has_budget);
}

/// The place of a wait that was made at `made` and is polled at `place`: that of an `.await`, if the `poll` that calls this has
/// `#[track_caller]`. What polls through a reference or a box is in the standard library, and says nothing.
#[must_use]
pub fn awaited_at(place: Place, made: Place) -> Place {
    if super::watched::is_poll(place) {
        // It is the whole of its task (`block_on(handle)`).
        let frame = enter().and_then(|inside| inside.frames.last().map(|frame| frame.task().spawned));
        return frame.unwrap_or(made);
    }
    let file = place.file();
    let is_in_std = Path::new(file).has_root() && (file.starts_with("/rustc/") || file.contains("/rustlib/src/"));
    if is_in_std { made } else { place }
}

/// Who waits.
#[derive(Clone, Debug)]
enum Waiter {
    Task(StateRef),
    /// An owner that waits with its thread.
    Thread(ThreadId),
}

/// A leaf that has been pending, as its task knows it.
#[derive(Debug)]
pub(crate) struct LeafState {
    owner: Waiter,
    target: Target,
    site: SiteId,
    ticket: u64,
    /// Its waker is not the task's, but of something in between (`FuturesUnordered`), which has that.
    indirect: bool,
    /// The poll of the task in which it was polled last.
    polled: AtomicU32,
    /// One more than the poll in which, or after which, it was woken since; 0: it was not.
    woken: AtomicU32,
}

impl LeafState {
    /// What it waits for; `None` if nobody knows.
    pub(super) fn leg(&self) -> Option<Leg> {
        Some(self.leg_of(self.target.wait?))
    }

    /// Is it a time limit to another wait?
    pub(super) fn is_limit(&self) -> bool {
        self.target.limits
    }

    /// What it has got by being woken, if that is anything.
    pub(super) fn granted(&self) -> Option<Leg> {
        let mut leg = self.leg().filter(|_| self.target.grants)?;
        if self.target.turn == Turn::Unannounced
            && let Wait::Lock { mode, .. } = &mut leg.wait
        {
            *mode = Mode::Upgradable;
        }
        Some(leg)
    }

    /// What else would end its wait.
    pub(super) fn other_legs(&self) -> impl Iterator<Item = Leg> + '_ {
        self.awaited().iter().skip(1).map(|task| self.leg_of(Wait::Join(task.actor)))
    }

    fn leg_of(&self, wait: Wait) -> Leg {
        Leg { wait, site: self.site, ordinal: 0, ticket: self.target.ticket(self.ticket) }
    }

    pub(super) fn polled(&self) -> u32 {
        self.polled.load(Ordering::SeqCst)
    }

    /// The poll in or after which it was woken, if it was and has not been polled since.
    pub(super) fn woken(&self) -> Option<u32> {
        self.woken.load(Ordering::SeqCst).checked_sub(1)
    }

    pub(super) fn is_indirect(&self) -> bool {
        self.indirect
    }

    pub(super) fn site(&self) -> SiteId {
        self.site
    }

    /// Its number among all waits.
    pub(super) fn ticket(&self) -> u64 {
        self.ticket
    }

    pub(crate) fn awaited(&self) -> &[StateRef] {
        self.target.tasks.as_slice()
    }
}

/// The waker of a leaf.
#[derive(Debug)]
struct LeafWaker {
    leaf: Arc<LeafState>,
    inner: Waker,
}

impl LeafWaker {
    fn new(leaf: Arc<LeafState>, inner: Waker) -> Arc<Self> {
        if let Waiter::Task(task) = &leaf.owner {
            task.leaf_wakers.fetch_add(1, Ordering::SeqCst);
        }
        Arc::new(Self { leaf, inner })
    }
}

impl Wake for LeafWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        match &self.leaf.owner {
            Waiter::Task(task) => {
                self.leaf.woken.store(task.polls() + 1, Ordering::SeqCst);
                if let Some(leg) = self.leaf.granted().filter(|leg| matches!(leg.wait, Wait::Lock { .. }))
                    && task.is(flags::KNOWN)
                    && !task.is(flags::SUSPENDED)
                {
                    waits::granted_unseen(task, leg);
                }
            }
            Waiter::Thread(thread) => {
                // First this: the thread may be on its way into its wait.
                self.leaf.woken.store(1, Ordering::SeqCst);
                waits::granted(*thread);
            }
        }
        self.inner.wake_by_ref();
    }
}

impl Drop for LeafWaker {
    fn drop(&mut self) {
        // Its clone of the task's waker is dropped after this: in between the task has one that nobody knows.
        if let Waiter::Task(task) = &self.leaf.owner {
            task.leaf_wakers.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// A future that waits for one thing: it passes everything on to `F`, and tells when its task waits here, was woken here,
/// or gave up. Ready at the first poll it costs next to nothing, and without a task around it nothing is told.
#[derive(Debug)]
pub struct Leaf<F> {
    future: F,
    wait: Waiting,
}

// What is beside the future runs nothing of the user's: a panic finds it whole.
impl<F: UnwindSafe> UnwindSafe for Leaf<F> {}
impl<F: RefUnwindSafe> RefUnwindSafe for Leaf<F> {}

#[derive(Debug)]
struct Waiting {
    target: Target,
    place: Place,
    waker: Option<Arc<LeafWaker>>,
    /// The wait of a thread.
    thread: Option<waits::Waiting>,
}

impl<F> Leaf<F> {
    /// The wait of `future` for `target`, asked for at `place`.
    #[must_use]
    pub const fn new(future: F, target: Target, place: Place) -> Self {
        Self { future, wait: Waiting { target, place, waker: None, thread: None } }
    }

    /// The future inside.
    #[must_use]
    pub fn get_ref(&self) -> &F {
        &self.future
    }

    /// The future inside.
    pub fn get_mut(&mut self) -> &mut F {
        &mut self.future
    }

    /// The future inside.
    #[must_use]
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut F> {
        // SAFETY: `future` is pinned with `self` and is never moved out of it.
        unsafe { self.map_unchecked_mut(|leaf| &mut leaf.future) }
    }

    /// Where the wait was asked for.
    #[must_use]
    pub fn place(&self) -> Place {
        self.wait.place
    }

    /// The wait was made elsewhere, and is polled at `place`: see [`awaited_at`].
    pub fn awaited_at(&mut self, place: Place) {
        self.wait.place = awaited_at(place, self.wait.place);
    }

    /// Polls by hand, for waits that are functions (`poll_recv`) and not futures: one leaf for all calls. The pending wait
    /// ends with the first ready result, and another one may follow.
    pub fn poll_with<R>(
        &mut self,
        context: &mut Context<'_>,
        poll: impl FnOnce(&mut F, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let future = &mut self.future;
        self.wait.poll(context, |context| poll(future, context))
    }
}

impl<F: Future> Future for Leaf<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: nothing is moved out of `self`: `future` is pinned with it, the rest does not care.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: `future` is pinned with `self`.
        let future = unsafe { Pin::new_unchecked(&mut this.future) };
        this.wait.poll(context, |context| future.poll(context))
    }
}

impl Waiting {
    #[inline]
    fn poll<R>(&mut self, context: &mut Context<'_>, poll: impl FnOnce(&mut Context<'_>) -> Poll<R>) -> Poll<R> {
        self.thread = None;
        if self.waker.as_ref().is_some_and(|waker| !waker.inner.will_wake(context.waker())) {
            // Another waker, perhaps of another task.
            self.end();
        }
        let result = match &self.waker {
            Some(waker) => {
                waker.leaf.woken.store(0, Ordering::SeqCst);
                // SAFETY: as a clone it would have a reference of its own; this one borrows that of `self.waker`, and is
                // not dropped.
                let waker = ManuallyDrop::new(unsafe { Waker::from(Arc::from_raw(Arc::as_ptr(waker))) });
                poll(&mut Context::from_waker(&waker))
            }
            None => {
                let lazy = Lazy { wait: self, inner: context.waker(), made: OnceLock::new() };
                // SAFETY: `lazy` outlives the waker, which is not dropped. It is `Sync`, and its functions keep their
                // contracts: a clone owns what it needs.
                let waker = ManuallyDrop::new(unsafe { Waker::new((&raw const lazy).cast(), &LAZY) });
                let result = poll(&mut Context::from_waker(&waker));
                if let Some(made) = lazy.made.into_inner() {
                    self.waker = made;
                }
                result
            }
        };
        match result.is_pending() {
            true => self.pending(),
            false => self.end(),
        }
        result
    }

    #[cold]
    fn pending(&mut self) {
        spell::works();
        let Some(mut inside) = enter() else { return };
        if inside.blocking {
            if let (Some(waker), Some(wait)) = (&self.waker, self.target.wait) {
                let leg = Leg { wait, site: waker.leaf.site, ordinal: 0, ticket: self.target.ticket(0) };
                // Whoever has it may be suspended with it, and polled by this very thread.
                hazards::blocks(&mut inside, wait, leg.site);
                let is_woken = || waker.leaf.woken.load(Ordering::SeqCst) != 0;
                self.thread = waits::begin_unless(inside, leg, is_woken);
            }
            return;
        }
        let Some(frame) = inside.frames.last_mut() else { return };
        if BUDGET.get().is_some_and(|has_budget| !has_budget()) {
            frame.yielded = true;
            // The outermost poll is the one with the budget.
            let wait: *const Self = self;
            if inside.frames.first_mut().is_some_and(|frame| frame.refuses(wait.addr())) {
                hazards::spins(&mut inside, self.place);
            }
        }
        let Some(waker) = &self.waker else { return };
        let leaf = &waker.leaf;
        let Waiter::Task(task) = &leaf.owner else { return };
        leaf.polled.store(task.polls(), Ordering::SeqCst);
        let mut inner = task.inner();
        let leaves = &mut inner.more().leaves;
        if let Err(place) = leaves.binary_search_by_key(&leaf.ticket, |other| other.ticket) {
            leaves.insert(place, Arc::clone(leaf));
            task.set(flags::LEAVES);
        }
    }

    /// The wait is over.
    #[inline]
    fn end(&mut self) {
        if let Some(waker) = self.waker.take()
            && let Waiter::Task(task) = &waker.leaf.owner
        {
            spell::works();
            let mut inner = task.inner();
            let Some(More { leaves, .. }) = inner.more.as_deref_mut() else { return };
            if let Ok(place) = leaves.binary_search_by_key(&waker.leaf.ticket, |other| other.ticket) {
                leaves.remove(place);
            }
            if leaves.is_empty() {
                task.clear(flags::LEAVES);
            }
        }
    }

    /// The wait is given up.
    fn retract(&mut self) {
        if let Some(waker) = &self.waker
            && let Some(mut inside) = enter()
            && let Some(frame) = inside.frames.last_mut()
        {
            if frame.given_up < waker.leaf.ticket {
                frame.given_up = waker.leaf.ticket;
                frame.given_up_at = Some(waker.leaf.site);
            }
            losses::dropped(frame, &waker.leaf);
        }
        self.end();
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.retract();
    }
}

/// The waker of a first poll: a wait that is over in it needs none.
struct Lazy<'a> {
    wait: &'a Waiting,
    inner: &'a Waker,
    /// None: there is no task.
    made: OnceLock<Option<Arc<LeafWaker>>>,
}

impl Lazy<'_> {
    #[cold]
    fn make(&self) -> Option<Arc<LeafWaker>> {
        let mut inside = enter()?;
        let owner = match inside.blocking {
            true => Waiter::Thread(inside.owner()),
            false => Waiter::Task(StateRef::clone(inside.frames.last()?.task())),
        };
        let site = inside.locks.site(self.wait.place);
        let ticket = next_ticket();
        let (polled, woken) = (AtomicU32::new(0), AtomicU32::new(0));
        let (target, indirect) = (self.wait.target.clone(), !is_of_task(self.inner));
        let leaf = LeafState { owner, target, site, ticket, indirect, polled, woken };
        drop(inside);
        Some(LeafWaker::new(Arc::new(leaf), self.inner.clone()))
    }
}

/// Of a [`Lazy`].
static LAZY: RawWakerVTable = RawWakerVTable::new(
    // SAFETY: here and below, `data` is that of a waker that borrows a living `Lazy`.
    |data| unsafe {
        let lazy = &*data.cast::<Lazy<'_>>();
        let made = lazy.made.get_or_init(|| lazy.make());
        let waker = ManuallyDrop::new(match made {
            Some(waker) => Waker::from(Arc::clone(waker)),
            None => lazy.inner.clone(),
        });
        RawWaker::new(waker.data(), waker.vtable())
    },
    |_| unreachable!("a waker that borrows is never consumed"),
    // SAFETY: see above.
    |data| unsafe {
        let lazy = &*data.cast::<Lazy<'_>>();
        lazy.inner.wake_by_ref();
    },
    |_| {},
);
