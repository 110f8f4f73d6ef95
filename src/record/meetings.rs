//! Hooks of barriers of tasks.

use super::Place;
use super::tasks::Target;

/// What a wrapper keeps beside a barrier.
#[derive(Debug)]
pub struct MeetingMeta {
    parties: usize,
    created: Place,
}

/// An arrival, until the party leaves; dropped before, the party is gone, though it was counted.
#[derive(Debug)]
pub struct Arrival(());

impl MeetingMeta {
    /// A barrier of so many parties.
    #[must_use]
    pub const fn new(parties: usize, created: Place) -> Self {
        Self { parties, created }
    }

    /// Gives it a name for reports.
    pub fn set_name(&self, name: &str) {
        let _ = (name, self.parties, self.created);
    }

    /// The wait for the other parties.
    #[must_use]
    pub fn wants(&self) -> Target {
        Target::object()
    }

    /// The current owner arrives: before the first poll of the real wait. To be called in the future, not when it is made.
    pub fn arriving(&self, place: Place) -> Arrival {
        let _ = place;
        Arrival(())
    }

    /// The wait is over: everything before the arrivals of its generation happens before this.
    pub fn left(&self, arrival: Arrival, place: Place) {
        let _ = (arrival, place);
    }
}
