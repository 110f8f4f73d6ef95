//! A thread's own state, and the way in to it.

use std::cell::Cell;
use std::hint::unreachable_unchecked;
use std::ops::{Deref, DerefMut};
use std::ptr;
use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::Place;
use super::cells::SeenAtomics;
use super::cells::readers::OwnSlot;
use super::config::{self, Modes};
use super::kept::Kept;
use super::locks::LockState;
use super::log::ThreadLog;
use super::tasks::Frame;
use super::threads::{self, ThreadRecord};
use crate::analysis::atomicity::Region;
use crate::analysis::happens_before::ThreadClock;
use crate::analysis::wait_for::SessionId;
use crate::clock::Epoch;
use crate::event::{Op, ThreadId};

/// Everything that a thread keeps to itself. Touched by no other thread.
pub(crate) struct Context {
    pub(crate) thread: ThreadId,
    pub(crate) session: SessionId,
    pub(crate) modes: Modes,
    pub(crate) locks: LockState,
    pub(crate) clock: ThreadClock,
    pub(crate) record: Arc<ThreadRecord>,
    /// The outermost region meant to be atomic that the thread is in, and how many are nested.
    pub(crate) region: (u32, Option<Region>),
    /// The polls that the thread is in, the innermost last.
    pub(crate) frames: Vec<Frame>,
    /// The thread waits by itself for what it polls (`blocking_lock`).
    pub(crate) blocking: bool,
    /// This thread's part of the trace, if one is recorded.
    pub(crate) log: Option<ThreadLog>,
    /// The checked closure that it is part of, if what that does is kept.
    pub(crate) kept: Option<Arc<Kept>>,
    /// The ends of initialisers that owners have seen on this thread, as the trace says.
    pub(crate) seen: FxHashSet<(ThreadId, Epoch)>,
    pub(crate) atomics: SeenAtomics,
    /// Where it says which cell it reads.
    pub(crate) slot: OwnSlot,
    /// How often the thread has entered the tool. Without optimisation the hot paths cost enough to count, too.
    pub(crate) entries: u32,
}

impl Context {
    /// Who does what the thread does: the task that it polls, or itself.
    #[inline]
    pub(crate) fn owner(&self) -> ThreadId {
        self.locks.owner()
    }

    /// The thread that has no known parent and from which the owner descends.
    pub(crate) fn origin(&self) -> ThreadId {
        self.frames.last().map_or(self.record.origin, Frame::origin)
    }

    /// The tasks that never run at the same time as what the thread does, by a number; 0: there are none.
    pub(crate) fn domain(&self) -> u32 {
        self.frames.last().map_or(0, Frame::domain)
    }

    /// Is the thread in the trace that is recorded?
    pub(crate) fn has_events(&self) -> bool {
        self.log.as_ref().is_some_and(|log| log.has_events())
    }

    /// The part of the trace of a thread that has one.
    ///
    /// # Safety
    ///
    /// The context is that of a [`Recorded`].
    #[inline(always)]
    pub(crate) unsafe fn recorded_log(log: &mut Option<ThreadLog>) -> &mut ThreadLog {
        match log {
            Some(log) => log,
            // SAFETY: `install` makes a pointer with the bit RECORDED only of a context with a log, and who takes that out takes
            // the bit, too.
            None => unsafe { unreachable_unchecked() },
        }
    }

    /// Another owner is about to be at it. Not all such changes are events: what the one before has logged stands as it is, for
    /// its locks are not on the stack then.
    #[inline]
    pub(crate) fn hands_over(&mut self) {
        if let Some(log) = &mut self.log {
            log.close_word();
        }
    }

    /// Writes an event to the trace, if one is recorded. Called while the object's own internal lock (or the object, if it
    /// is a lock) is held, so that the order in the trace is the order in which operations took effect.
    #[inline]
    pub(crate) fn emit(&mut self, op: Op, place: Place) {
        if let Some(log) = &mut self.log {
            let mut room = log.make_room();
            room.stamp();
            room.push(op, place);
        }
    }
}

/// The lowest bit of [`CURRENT`]: the thread's events are recorded, or there is no context to be had. So the hot path of a
/// thread of which nothing is recorded tests one bit.
const ODD: usize = 1;
/// The next bit: there is a context, and its events are recorded, and [not far](ThreadLog::is_far). So the hot paths of such
/// threads test one bit.
const RECORDED: usize = 2;
const _: () = assert!(align_of::<Context>() > ODD | RECORDED);
/// No hook has run on this thread.
const NEW: *mut Context = ptr::without_provenance_mut(ODD);
/// The thread's context was given back: hooks that run later, in destructors of other thread-locals, do nothing.
const GONE: *mut Context = ptr::without_provenance_mut(4 | ODD);
/// The thread is inside the tool, or is one of the tool's.
const BUSY: *mut Context = ptr::without_provenance_mut(8 | ODD);

thread_local! {
    // Const and without a destructor: one load, and usable during the whole teardown of the thread.
    static CURRENT: Cell<*mut Context> = const { Cell::new(NEW) };
    static TEARDOWN: Teardown = const { Teardown };
}

struct Teardown;

impl Drop for Teardown {
    fn drop(&mut self) {
        leave();
    }
}

/// The thread is inside the tool until this is dropped: hooks do nothing. While this lives, [`CURRENT`] is [`BUSY`] and the
/// context is reached through here only.
pub(crate) struct Entered {
    /// As it was in [`CURRENT`].
    current: *mut Context,
}

/// The context itself, of what leads to one.
#[inline(always)]
fn plain(current: *mut Context) -> *mut Context {
    current.map_addr(|address| address & !(ODD | RECORDED))
}

impl Deref for Entered {
    type Target = Context;

    #[inline(always)]
    fn deref(&self) -> &Context {
        // SAFETY: the pointer is from `Box::into_raw` in `install`, and only `leave` frees it, which first takes the
        // `Entered`. CURRENT does not lead to the context now, so this is the only way to it.
        unsafe { &*plain(self.current) }
    }
}

impl DerefMut for Entered {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Context {
        // SAFETY: as for `deref`; `&mut self` makes the access unique.
        unsafe { &mut *plain(self.current) }
    }
}

impl Drop for Entered {
    #[inline(always)]
    fn drop(&mut self) {
        CURRENT.set(self.current);
    }
}

impl Entered {
    /// There may be news of the thread's log since it was last in the tool.
    #[inline]
    fn hear_of_log(&mut self) {
        match &self.log {
            Some(log) if log.is_over() => self.end_recording(),
            Some(log) if log.is_far() => self.current = self.current.map_addr(|address| address & !RECORDED),
            _ => {}
        }
    }

    /// What the thread does is kept no longer: it goes on as one of which nothing is recorded.
    #[cold]
    #[inline(never)]
    fn end_recording(&mut self) {
        self.log = None;
        self.modes = config::modes();
        self.current = plain(self.current);
        if let Some(kept) = &self.kept {
            kept.give_up();
        }
    }
}

/// Enters the tool. `None` while this thread is inside it already, after the thread's teardown, and when nothing is
/// watched. A thread that was not started by our `spawn` is adopted at its first hook.
#[inline(always)]
pub(crate) fn enter() -> Option<Entered> {
    let current = CURRENT.get();
    if current.addr() <= BUSY.addr() {
        return first_entry(current);
    }
    CURRENT.set(BUSY);
    let mut entered = Entered { current };
    entered.entries = entered.entries.wrapping_add(1);
    if current.addr() & ODD != 0 {
        entered.hear_of_log();
    }
    Some(entered)
}

/// What leads to the thread's context now, if there is one. A hot hook gets it from its caller: a thread-local is reached through a call, as
/// far as the compiler knows, so in the hook itself all arguments would have to be saved before.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Current(*mut Context);

/// See [`Current`].
#[inline(always)]
pub(crate) fn current() -> Current {
    Current(CURRENT.get())
}

impl Current {
    /// The same, if the thread's events are recorded, and not far.
    #[inline(always)]
    pub(crate) fn recorded(self) -> Option<Recorded> {
        if self.0.addr() & RECORDED != 0 { Some(Recorded(self.0)) } else { None }
    }

    /// Does it lead to a context of which nothing is recorded?
    #[inline(always)]
    pub(crate) fn is_plain(self) -> bool {
        self.0.addr() & ODD == 0
    }

    /// The context for a few steps of the hot path, without the mark of [`enter`]. `None` in all cases where [`enter`] has
    /// more to do or nothing to give, and of a thread whose events are recorded.
    ///
    /// # Safety
    ///
    /// [`current`] has just given `self` to this thread, and nothing has been called since. Until the last use of the
    /// reference the caller calls nothing that could reach a hook: no allocation, no user code, and no [`enter`].
    #[inline(always)]
    pub(crate) unsafe fn hot<'a>(self) -> Option<&'a mut Context> {
        // SAFETY: by the caller's promise.
        if self.is_plain() { Some(unsafe { self.hot_plain() }) } else { None }
    }

    /// As [`hot`](Self::hot), which then gives one.
    ///
    /// # Safety
    ///
    /// That of [`hot`](Self::hot), and [`is_plain`](Self::is_plain) is true.
    #[inline(always)]
    pub(crate) unsafe fn hot_plain<'a>(self) -> &'a mut Context {
        // SAFETY: an even pointer is from `Box::into_raw` in `install`. There is no `Entered`, or it would be BUSY,
        // and by the caller's promise none, nor another result of this function, comes to be while the reference is used.
        unsafe { counted(&mut *self.0) }
    }
}

/// See [`Context::entries`].
#[inline(always)]
fn counted(context: &mut Context) -> &mut Context {
    if cfg!(debug_assertions) {
        context.entries = context.entries.wrapping_add(1);
    }
    context
}

/// [`Current`] of a thread whose events are recorded, and not far.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Recorded(*mut Context);

impl Recorded {
    /// As [`Current::hot`].
    ///
    /// # Safety
    ///
    /// That of [`Current::hot`].
    #[inline(always)]
    pub(crate) unsafe fn hot<'a>(self) -> &'a mut Context {
        // SAFETY: as in `Current::hot`; a pointer with these bits is such a pointer that they were added to.
        unsafe { counted(&mut *self.0.map_addr(|address| address - (ODD | RECORDED))) }
    }
}

#[cold]
#[inline(never)]
fn first_entry(current: *mut Context) -> Option<Entered> {
    if current != NEW {
        return None;
    }
    // Making the context allocates, and reads the configuration.
    CURRENT.set(BUSY);
    let modes = config::modes();
    let context = if modes.nothing() { None } else { threads::adopt(modes) };
    let Some(context) = context else {
        CURRENT.set(GONE);
        return None;
    };
    install(context);
    enter()
}

/// Is the thread inside the tool? Then what it allocates is none of the program's business.
#[inline(always)]
pub(crate) fn is_inside() -> bool {
    CURRENT.get() == BUSY
}

/// The thread is inside the tool until this is dropped, whatever it was before.
pub(crate) struct Inside(*mut Context);

impl Inside {
    pub(crate) fn new() -> Self {
        Self(CURRENT.replace(BUSY))
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// Gives the thread its context. Called once a thread, before any hook of it or from its first.
pub(crate) fn install(context: Context) {
    CURRENT.set(BUSY);
    super::stacks::belong_to(context.thread);
    let bits = match &context.log {
        None => 0,
        Some(log) if log.is_far() => ODD,
        Some(_) => ODD | RECORDED,
    };
    let context = Box::into_raw(Box::new(context));
    // Registers the destructor. It fails only in a thread that is being torn down already; the context then lives on.
    let _ = TEARDOWN.try_with(|_| ());
    CURRENT.set(context.map_addr(|address| address | bits));
}

/// The current thread, if hooks have seen it: also inside the tool.
pub(crate) fn thread_number() -> ThreadId {
    super::stacks::thread().unwrap_or(ThreadId(0))
}

/// Has a hook run on this thread?
pub(crate) fn is_new() -> bool {
    CURRENT.get() == NEW
}

/// Marks the thread as not to be watched while it is being set up by us.
pub(crate) fn set_unwatched() {
    CURRENT.set(GONE);
}

/// Marks the thread as one of the tool's.
pub(crate) fn set_own() {
    CURRENT.set(BUSY);
}

/// Ends the thread's part: its last event, its final clocks, then its memory.
fn leave() {
    let Some(entered) = enter() else { return };
    let context = plain(entered.current);
    // CURRENT stays BUSY until the end.
    std::mem::forget(entered);
    // SAFETY: the pointer is from `Box::into_raw` in `install`; CURRENT does not lead to it and the only `Entered` was
    // forgotten, so nothing refers to the context.
    let context = unsafe { Box::from_raw(context) };
    threads::end(*context);
    CURRENT.set(GONE);
}
