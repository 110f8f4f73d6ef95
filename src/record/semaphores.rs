//! Hooks of semaphores of tasks, and of the locks that are made of them: tokio's `Mutex` has one unit, its `RwLock` many.

use super::Place;
use super::locks::LockMeta;
use super::tasks::Target;
use crate::event::{Attempt, Mode, ObjectKind};

/// What a wrapper keeps beside a semaphore, or a lock made of one.
pub struct SemaphoreMeta {
    meta: LockMeta,
    units: u32,
}

/// What was acquired, in the guard or permit that stands for it: whose it is. It may be given back anywhere.
#[must_use = "what is held has to be given back"]
#[derive(Debug)]
pub struct Hold {
    units: u32,
    mode: Mode,
}

impl SemaphoreMeta {
    /// A semaphore ([`ObjectKind::Semaphore`]) with so many units, or a lock ([`ObjectKind::Mutex`], one unit, or
    /// [`ObjectKind::RwLock`], all units for a writer), made at `created`.
    #[must_use]
    pub const fn new(kind: ObjectKind, units: usize, created: Place) -> Self {
        let units = if units > u32::MAX as usize { u32::MAX } else { units as u32 };
        Self { meta: LockMeta::new(kind, created), units }
    }

    /// Gives it a name for reports.
    pub fn set_name(&self, name: &str) {
        self.meta.set_name(name);
    }

    /// The wait for `units` units: 1 for a mutex; of a lock for reading ([`Mode::Shared`]) 1, for writing
    /// ([`Mode::Exclusive`]) all of them. Semaphores are wanted [`Mode::Exclusive`].
    #[must_use]
    pub fn wants(&self, units: u32, mode: Mode) -> Target {
        let _ = (units, mode);
        Target::object()
    }

    /// After an acquisition. `owned`: the guard borrows nothing, and may go anywhere (`lock_owned`): then who holds it is
    /// only a guess.
    pub fn acquired(&self, units: u32, mode: Mode, attempt: Attempt, owned: bool, place: Place) -> Hold {
        let _ = (attempt, owned, place);
        Hold { units, mode }
    }

    /// Before a release, by whoever drops the guard.
    pub fn released(&self, hold: Hold) {
        let _ = (hold, self.units);
    }

    /// The hold is given up without a release (`forget`): the units are gone.
    pub fn forgotten(&self, hold: Hold) {
        let _ = hold;
    }

    /// Units are added (`add_permits`), before the real call.
    pub fn added(&self, units: usize, place: Place) {
        let _ = (units, place);
    }

    /// Units are taken away for ever (`forget_permits`), after the real call.
    pub fn taken(&self, units: usize, place: Place) {
        let _ = (units, place);
    }

    /// The semaphore is closed: all waits end. Before the real call.
    pub fn closed(&self, place: Place) {
        let _ = place;
    }

    /// A writer becomes a reader, before the real call.
    pub fn downgraded(&self, hold: &mut Hold) {
        hold.mode = Mode::Shared;
        hold.units = 1;
    }

    /// What is guarded is read or written through the guard (`Deref`, `DerefMut`).
    #[inline]
    pub fn accessed(&self, hold: &Hold, write: bool, place: Place) {
        let _ = (hold, write, place);
    }
}

impl Hold {
    /// Part of a permit becomes one of its own (`split`).
    pub fn split(&mut self, units: u32) -> Self {
        self.units -= units;
        Self { units, mode: self.mode }
    }

    /// Two permits of one semaphore become one (`merge`).
    pub fn merge(&mut self, other: Self) {
        self.units += other.units;
    }

    /// Units held.
    #[must_use]
    pub fn units(&self) -> u32 {
        self.units
    }
}
