//! Hooks of one-time initialisation by tasks (tokio's `OnceCell`, `SetOnce`).

use super::Place;
use super::tasks::Target;

/// What a wrapper keeps beside a once.
#[derive(Debug)]
pub struct InitMeta {
    created: Place,
}

/// The current owner runs the initialiser until this is dropped: a running initialiser is held like a lock.
#[derive(Debug)]
pub struct Initialising(());

impl InitMeta {
    /// Of a once made at `created`.
    #[must_use]
    pub const fn new(created: Place) -> Self {
        Self { created }
    }

    /// Gives it a name for reports.
    pub fn set_name(&self, name: &str) {
        let _ = (name, self.created);
    }

    /// The wait for the end of an initialiser that another one runs (or, of a `SetOnce`, for whoever sets it).
    #[must_use]
    pub fn wants(&self) -> Target {
        Target::object()
    }

    /// The current owner starts to run the initialiser.
    #[must_use]
    pub fn begin(&self, place: Place) -> Initialising {
        let _ = place;
        Initialising(())
    }

    /// The value is about to be set; before others can see it.
    pub fn setting(&self, place: Place) {
        let _ = place;
    }

    /// The current owner has seen the value.
    pub fn seen(&self, place: Place) {
        let _ = place;
    }
}
