//! What a wrapper keeps beside the real lock.

use std::cell::UnsafeCell;
use std::num::NonZeroU32;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use super::state::LockState;
use crate::analysis::happens_before::SyncClock;
use crate::analysis::lock_order::ContextId;
use crate::event::{LockId, Object, ObjectKind, Op, SiteId, ThreadId};
use crate::record::Place;
use crate::record::context::{Context, enter};
use crate::record::log::Room;
use crate::record::registry::{self, Ids};

static LOCK_IDS: Ids = Ids::new();

/// What a wrapper keeps beside the real lock.
///
/// `Drop` tells the lock-order graph, so it stands in the wrapper as a field: the wrapper itself has no `Drop` and can be
/// taken apart, and the user's type is dropped as it would be without us.
///
/// 64 bytes: where there are very many locks, what counts is how many of them fit into the caches.
pub(crate) struct LockMeta {
    created: Place,
    /// What the last exclusive release published. Touched only while the lock is held exclusively, and read by readers.
    clock: UnsafeCell<SyncClock>,
    /// While a trace is recorded: the thread (its number plus one) of the last exclusive release, and its position then.
    last_position: AtomicU64,
    last_thread: AtomicU32,
    /// While the graph does not know the lock: the one held context in which it was ever taken below another, of which
    /// this is a pin (0: none), and the place. Changed only by who holds the lock exclusively, or owns it: the lock itself
    /// orders that.
    context: AtomicU32,
    context_site: AtomicU32,
    /// The id, 0 until the first acquisition, with [`KNOWN`] and [`DESCRIBED`].
    id: AtomicU32,
    kind: ObjectKind,
    /// When a holder looks at what the lock guards is not seen, and the trace does not say so yet.
    opaque: AtomicBool,
    named: AtomicBool,
    /// Some thread's filter holds a chain with the id.
    chained: AtomicBool,
}

const _: () = assert!(size_of::<LockMeta>() <= 64);

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
            opaque: AtomicBool::new(opaque),
            named: AtomicBool::new(false),
            chained: AtomicBool::new(false),
            context_site: AtomicU32::new(0),
            context: AtomicU32::new(0),
            created,
            last_thread: AtomicU32::new(0),
            last_position: AtomicU64::new(0),
            clock: UnsafeCell::new(SyncClock::new()),
        }
    }

    /// Is the trace to be told that the lock is opaque? Once only; by a holder, so that it stands before what others do.
    pub(super) fn take_opaque(&self) -> bool {
        self.opaque.load(Ordering::Relaxed) && self.opaque.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn kind(&self) -> ObjectKind {
        self.kind
    }

    pub(super) fn created(&self) -> Place {
        self.created
    }

    pub(super) fn is_named(&self) -> bool {
        self.named.load(Ordering::Relaxed)
    }

    pub(super) fn set_chained(&self) {
        self.chained.store(true, Ordering::Relaxed);
    }

    /// The noted context. The caller holds the lock exclusively, here and below.
    pub(super) fn note(&self) -> Option<ContextId> {
        NonZeroU32::new(self.context.load(Ordering::Relaxed)).map(ContextId)
    }

    /// Notes a context, which stays pinned, and the place of the acquisition.
    pub(super) fn put_note(&self, context: ContextId, site: SiteId) {
        self.context.store(context.0.get(), Ordering::Relaxed);
        self.context_site.store(site.0, Ordering::Relaxed);
    }

    /// Takes the note out, and the pin with it.
    pub(super) fn take_note(&self) -> Option<(ContextId, SiteId)> {
        let noted = self.note()?;
        self.context.store(0, Ordering::Relaxed);
        Some((noted, SiteId(self.context_site.load(Ordering::Relaxed))))
    }

    /// Does some thread's filter hold a chain with the id?
    pub(super) fn is_chained(&self) -> bool {
        self.chained.load(Ordering::Relaxed)
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
        let id = locks.spare_ids.pop().unwrap_or_else(|| LOCK_IDS.some(&mut locks.spare_ids));
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

    /// Was the last exclusive release that the trace has of another thread?
    #[inline(always)]
    pub(super) fn comes_from_another(&self, thread: ThreadId) -> bool {
        let last = self.last_thread.load(Ordering::Relaxed);
        last != 0 && last != thread.0 + 1
    }

    /// Writes the acquisition of a lock that is held exclusively: after the release of its last holder, if that was
    /// another thread.
    pub(super) fn log_acquired(&self, mut room: Room<'_>, thread: ThreadId, op: Op, place: Place) {
        if self.comes_from_another(thread) {
            let last = ThreadId(self.last_thread.load(Ordering::Relaxed) - 1);
            room.after(last, self.last_position.load(Ordering::Relaxed));
        }
        room.push(op, place);
    }

    /// The trace has the release: it is that of the thread's event before `position`.
    #[inline(always)]
    pub(super) fn log_released(&self, thread: ThreadId, position: u64) {
        self.last_thread.store(thread.0 + 1, Ordering::Relaxed);
        self.last_position.store(position, Ordering::Relaxed);
    }

    pub(super) fn set_known(&self) {
        self.id.fetch_or(KNOWN, Ordering::Relaxed);
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
        self.named.store(true, Ordering::Relaxed);
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
            self.died();
        }
    }
}
