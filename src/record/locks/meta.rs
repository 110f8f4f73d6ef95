//! What a wrapper keeps beside the real lock.

use std::cell::UnsafeCell;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use super::heir;
use super::state::LockState;
use crate::analysis::happens_before::SyncClock;
use crate::analysis::lock_order::prefetch;
use crate::event::{LockId, Object, ObjectKind, Op, ThreadId};
use crate::record::Place;
use crate::record::context::{self, Context, Current, enter};
use crate::record::log::{Room, Stand};
use crate::record::registry::{self, Ids};

static LOCK_IDS: Ids = Ids::new();

/// Ids that a thread takes at once.
const SOME_IDS: u32 = 16;

impl LockState {
    /// An id that no lock has; `count` are taken if there is no spare one.
    pub(super) fn next_id(&mut self, count: u32) -> u32 {
        self.spare_ids.pop().unwrap_or_else(|| LOCK_IDS.some(count, &mut self.spare_ids))
    }
}

/// What a wrapper keeps beside the real lock.
///
/// `Drop` tells the lock-order graph, so it stands in the wrapper as a field: the wrapper itself has no `Drop` and can be
/// taken apart, and the user's type is dropped as it would be without us.
///
/// 48 bytes: with a small mutex around a number that makes one line of the processor's cache. Where threads hand locks on, or
/// there are very many of them, that is what counts.
pub(crate) struct LockMeta {
    created: Place,
    /// What the last exclusive release published. Touched only while the lock is held exclusively, and read by readers.
    clock: UnsafeCell<SyncClock>,
    /// While a trace is recorded: where the last exclusive release stands there, a [`Stand`].
    last: AtomicU64,
    /// The id, 0 until the first acquisition, with [`KNOWN`] and [`DESCRIBED`].
    id: AtomicU32,
    kind: ObjectKind,
    /// When a holder looks at what the lock guards is not seen: [`OPAQUE`], and [`TOLD`] once the trace says so.
    opaque: AtomicU8,
    /// [`NAMED`], [`CHAINED`] and [`INHERITED`].
    marks: AtomicU8,
}

const _: () = assert!(size_of::<LockMeta>() <= 48);

/// In [`LockMeta::opaque`]: it is, and the trace does not say so yet.
const OPAQUE: u8 = 1;
/// In [`LockMeta::opaque`]: it is.
const TOLD: u8 = 2;

/// The bit in [`LockMeta::marks`] that says that the lock has a name.
const NAMED: u8 = 1;

/// The bit in [`LockMeta::marks`] that says that some thread's filter holds a chain with the id.
const CHAINED: u8 = 2;

/// The bit in [`LockMeta::marks`] that says that the id is that of a thread's heir.
const INHERITED: u8 = 4;

/// The bit in [`LockMeta::id`] that says that the graph knows the lock. Until something is taken above it, the lock has no
/// edge out and needs no node: it is *fresh*.
pub(super) const KNOWN: u32 = 1 << 30;

/// The bit in [`LockMeta::id`] that says that the registry knows the lock: from its second acquisition on.
pub(super) const DESCRIBED: u32 = 1 << 31;

/// The id itself.
pub(super) const ID: u32 = KNOWN - 1;

// SAFETY: `clock` is written only by `LockMeta::clock_mut`, whose callers hold the lock exclusively, and read by holders
// in any mode; the lock itself orders these. Everything else is atomic or immutable.
unsafe impl Sync for LockMeta {}
impl UnwindSafe for LockMeta {}
impl RefUnwindSafe for LockMeta {}

impl LockMeta {
    pub(crate) const fn new(kind: ObjectKind, created: Place) -> Self {
        Self::made(kind, created, false)
    }

    /// Of a lock whose guards are not ours: the trace says that it is not known when a holder looks at what it guards.
    pub(crate) const fn opaque(kind: ObjectKind, created: Place) -> Self {
        Self::made(kind, created, true)
    }

    const fn made(kind: ObjectKind, created: Place, opaque: bool) -> Self {
        Self {
            id: AtomicU32::new(0),
            kind,
            opaque: AtomicU8::new(if opaque { OPAQUE } else { 0 }),
            marks: AtomicU8::new(0),
            created,
            last: AtomicU64::new(Stand::NONE.0),
            clock: UnsafeCell::new(SyncClock::new()),
        }
    }

    /// Is the trace to be told that the lock is opaque? Once only; by a holder, so that it stands before what others do. Of
    /// traces that are kept for a while there are several, and each is told by each thread, when it first takes the lock.
    pub(super) fn take_opaque(&self, kept: bool) -> bool {
        match self.opaque.load(Ordering::Relaxed) {
            0 => false,
            OPAQUE => self.opaque.swap(TOLD, Ordering::Relaxed) == OPAQUE || kept,
            _ => kept,
        }
    }

    /// As [`take_opaque`](Self::take_opaque), of a lock that was never taken before, and is held exclusively.
    #[inline(always)]
    pub(super) fn begin_opaque(&self) -> bool {
        let opaque = self.is_opaque();
        if opaque {
            self.opaque.store(TOLD, Ordering::Relaxed);
        }
        opaque
    }

    /// The trace has the lock's first acquisition, and where it is released: by this thread.
    #[inline(always)]
    pub(super) fn log_fresh(&self, thread: ThreadId) {
        debug_assert!(Stand::begin(thread).is_some(), "its log is not far");
        self.log_released(Stand::begin(thread).unwrap_or(Stand::NONE));
    }

    /// When a holder looks at what the lock guards is not seen.
    #[inline(always)]
    pub(super) fn is_opaque(&self) -> bool {
        self.opaque.load(Ordering::Relaxed) != 0
    }

    /// Asks for its memory, before the real lock is waited for.
    #[inline(always)]
    pub(crate) fn prefetch(&self) {
        prefetch(&raw const self.id);
    }

    #[inline]
    pub(crate) fn kind(&self) -> ObjectKind {
        self.kind
    }

    pub(crate) fn created(&self) -> Place {
        self.created
    }

    /// Where the lock lies, as long as it is not moved.
    #[inline(always)]
    pub(super) fn address(&self) -> usize {
        ptr::from_ref(self).addr()
    }

    pub(super) fn is_named(&self) -> bool {
        self.marks.load(Ordering::Relaxed) & NAMED != 0
    }

    pub(super) fn set_chained(&self) {
        if !self.is_chained() {
            self.marks.fetch_or(CHAINED, Ordering::Relaxed);
        }
    }

    /// Has it a name, or does a filter hold a chain with the id?
    #[inline(always)]
    pub(super) fn is_marked(&self) -> bool {
        self.marks.load(Ordering::Relaxed) & (NAMED | CHAINED) != 0
    }

    /// Gives a lock an id that has none. False, and nothing done, if it has.
    #[inline(always)]
    pub(super) fn take_id(&self, id: u32) -> bool {
        // A thread that waits for the lock gives it an id, too.
        self.id.compare_exchange(0, id, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// The lock, which has no id yet, is about to get that of the thread's heir.
    #[inline(always)]
    pub(super) fn set_inherited(&self) {
        self.marks.store(INHERITED, Ordering::Relaxed);
    }

    /// Has it got the id of some thread's heir?
    pub(super) fn is_inherited(&self) -> bool {
        self.marks.load(Ordering::Relaxed) & INHERITED != 0
    }

    /// Does some thread's filter hold a chain with the id?
    pub(super) fn is_chained(&self) -> bool {
        self.marks.load(Ordering::Relaxed) & CHAINED != 0
    }

    /// The id with its bits; 0 before the first acquisition.
    #[inline(always)]
    pub(super) fn id_word(&self) -> u32 {
        self.id.load(Ordering::Relaxed)
    }

    pub(super) fn id(&self, locks: &mut LockState) -> LockId {
        let id = self.id_word();
        if id == 0 {
            return self.first_id(locks);
        }
        if id & DESCRIBED == 0 {
            self.describe(LockId(id & ID));
        }
        LockId(id & ID)
    }

    fn first_id(&self, locks: &mut LockState) -> LockId {
        let id = locks.next_id(SOME_IDS);
        let first = self.id.compare_exchange(0, id, Ordering::Relaxed, Ordering::Relaxed);
        let lock = LockId(first.map_or_else(|given| given & ID, |_| id));
        match locks.newcomers.last_mut() {
            // One that has died, and whose id this lock has got.
            Some((last, kind, created)) if *last == lock => (*kind, *created) = (self.kind, self.created),
            _ => locks.add_newcomer((lock, self.kind, self.created)),
        }
        lock
    }

    pub(super) fn describe(&self, lock: LockId) {
        registry::describe(Object::Lock(lock), self.kind, Some(self.created));
        self.id.fetch_or(DESCRIBED, Ordering::Relaxed);
    }

    /// The last exclusive release that the trace has.
    #[inline(always)]
    pub(super) fn last(&self) -> Stand {
        Stand(self.last.load(Ordering::Relaxed))
    }

    /// Writes the acquisition of a lock that is held exclusively: after the release of its last holder, if that was
    /// another thread.
    pub(super) fn log_acquired(&self, mut room: Room<'_>, thread: ThreadId, op: Op, place: Place) {
        let last = self.last();
        if !last.is_of(thread) {
            room.after(last);
        }
        room.push(op, place);
    }

    /// Was it this thread that released the lock last, when held exclusively?
    #[inline(always)]
    pub(super) fn was_released_by(&self, thread: ThreadId) -> bool {
        self.last().is_of(thread)
    }

    /// The trace has the release: the thread stands behind it.
    #[inline(always)]
    pub(super) fn log_released(&self, stand: Stand) {
        self.last.store(stand.0, Ordering::Relaxed);
    }

    pub(super) fn set_known(&self) {
        if self.is_fresh() {
            self.id.fetch_or(KNOWN, Ordering::Relaxed);
        }
    }

    pub(super) fn is_fresh(&self) -> bool {
        self.id.load(Ordering::Relaxed) & KNOWN == 0
    }

    /// The id of a lock that has been taken before.
    pub(super) fn given_id(&self) -> LockId {
        LockId(self.id.load(Ordering::Relaxed) & ID)
    }

    /// The lock's identifier, for the events and waits of other objects that name it.
    pub(crate) fn lock_id(&self, context: &mut Context) -> LockId {
        let lock = self.id(&mut context.locks);
        if self.id_word() & DESCRIBED == 0 {
            self.describe(lock);
        }
        lock
    }

    /// Gives the lock a name for reports.
    pub(crate) fn set_name(&self, name: &str) {
        let Some(mut inside) = enter() else { return };
        let lock = self.id(&mut inside.locks);
        registry::name(Object::Lock(lock), self.kind, Some(self.created), name);
        self.marks.fetch_or(NAMED, Ordering::Relaxed);
    }

    /// # Safety
    ///
    /// The caller holds the lock in some mode.
    #[inline]
    pub(super) unsafe fn clock(&self) -> &SyncClock {
        // SAFETY: writers hold the lock exclusively, the caller holds it, so none writes now.
        unsafe { &*self.clock.get() }
    }

    /// # Safety
    ///
    /// The caller holds the lock exclusively, and keeps the reference no longer than that.
    #[inline]
    #[allow(clippy::mut_from_ref, reason = "guarded by the lock that this describes")]
    pub(super) unsafe fn clock_mut(&self) -> &mut SyncClock {
        // SAFETY: the caller's exclusive hold makes this the only reference.
        unsafe { &mut *self.clock.get() }
    }
}

impl Drop for LockMeta {
    #[inline]
    fn drop(&mut self) {
        if *self.id.get_mut() != 0 {
            end(context::current(), self);
        }
    }
}

/// A call of its own, as that of an acquisition.
#[inline(never)]
fn end(current: Current, meta: &mut LockMeta) {
    if !heir::put_back(current, meta) {
        meta.died();
    }
}
