//! What a reader-writer lock keeps beside the real lock.

use std::panic::{RefUnwindSafe, UnwindSafe};

use parking_lot::Mutex;

use super::meta::LockMeta;
use super::{pop, push};
use crate::analysis::happens_before::LockClock;
use crate::event::{Attempt, Mode, ObjectKind, Op};
use crate::record::Place;
use crate::record::context::enter;

/// What a reader-writer lock keeps beside the real lock.
pub(crate) struct RwMeta {
    pub(crate) lock: LockMeta,
    /// Readers hold the lock together, so its clocks need a lock of their own.
    clocks: Mutex<LockClock>,
}

impl RwMeta {
    pub(crate) const fn new(kind: ObjectKind, created: Place) -> Self {
        Self { lock: LockMeta::new(kind, created), clocks: Mutex::new(LockClock::new()) }
    }

    /// See [`LockMeta::opaque`].
    pub(crate) const fn opaque(kind: ObjectKind, created: Place) -> Self {
        Self { lock: LockMeta::opaque(kind, created), clocks: Mutex::new(LockClock::new()) }
    }

    /// After an acquisition in `mode`.
    #[inline]
    pub(crate) fn acquired(&self, mode: Mode, attempt: Attempt, place: Place) {
        let Some(mut inside) = enter() else { return };
        let context = &mut *inside;
        push(context, &self.lock, mode, attempt, place);
        let clocks = self.clocks.lock();
        context.emit(Op::Acquired { lock: self.lock.given_id(), mode, attempt }, place);
        if context.modes.record() && self.lock.take_opaque(context.kept.is_some()) {
            context.emit(Op::DataHidden { lock: self.lock.given_id() }, place);
        }
        if context.modes.races() {
            clocks.acquired(&mut context.clock, mode);
        }
    }

    /// Before a release of `mode`.
    #[inline]
    pub(crate) fn released(&self, mode: Mode) {
        let Some(mut inside) = enter() else { return };
        let context = &mut *inside;
        pop(context, &self.lock, mode);
        let mut clocks = self.clocks.lock();
        context.emit(Op::Released { lock: self.lock.given_id(), mode }, self.lock.created());
        if context.modes.races() {
            clocks.released(&mut context.clock, mode);
        }
    }
}

impl UnwindSafe for RwMeta {}
impl RefUnwindSafe for RwMeta {}
