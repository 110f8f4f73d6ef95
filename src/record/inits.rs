//! Hooks of one-time initialisation by tasks (tokio's `OnceCell`, `SetOnce`). A running initialiser holds the once like a
//! lock: then re-entry is a self-deadlock, and a once and a lock crosswise are a cycle, by the rules of locks.

use super::Place;
use super::semaphores::{Hold, SemaphoreMeta};
use super::tasks::Target;
use crate::event::{Attempt, Mode, ObjectKind};

/// What a wrapper keeps beside a once.
#[derive(Debug)]
pub struct InitMeta(SemaphoreMeta);

/// The current owner runs the initialiser until this is dropped: a running initialiser is held like a lock.
#[derive(Debug)]
pub struct Initialising<'a>(&'a InitMeta, Hold);

impl InitMeta {
    /// Of a once made at `created`.
    #[must_use]
    pub const fn new(created: Place) -> Self {
        Self(SemaphoreMeta::new(ObjectKind::Once, created))
    }

    /// Gives it a name for reports.
    pub fn set_name(&self, name: &str) {
        self.0.set_name(name);
    }

    /// The wait for the end of an initialiser that another one runs.
    #[must_use]
    pub fn wants(&self, place: Place) -> Target {
        self.0.wants(1, Mode::Exclusive, place)
    }

    /// The wait for whoever sets it (`SetOnce`).
    #[must_use]
    pub fn wants_set(&self) -> Target {
        self.0.wants_anyone()
    }

    /// The current owner starts to run the initialiser.
    #[must_use]
    pub fn begin(&self, place: Place) -> Initialising<'_> {
        Initialising(self, self.0.acquired(1, Mode::Exclusive, Attempt::Blocking, false, place))
    }

    /// The value is about to be set; before others can see it.
    pub fn setting(&self, place: Place) {
        self.0.added(0, place);
    }

    /// The current owner has seen the value.
    pub fn seen(&self) {
        self.0.learned();
    }
}

impl Drop for Initialising<'_> {
    fn drop(&mut self) {
        self.0.0.released(&self.1);
    }
}
