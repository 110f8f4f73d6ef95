//! Hooks of barriers of tasks.

use super::Place;
use super::barriers::{BarrierMeta, Generation};
use super::tasks::Target;
use crate::analysis::wait_for::Wait;
use crate::primitive::Mutex;

/// What a wrapper keeps beside a barrier.
#[derive(Debug)]
pub struct MeetingMeta {
    barrier: BarrierMeta,
    parties: usize,
    arrived: Mutex<usize>,
}

// Nothing of the user's runs under its locks: a panic finds it whole.
impl std::panic::UnwindSafe for MeetingMeta {}
impl std::panic::RefUnwindSafe for MeetingMeta {}

/// An arrival, until the party leaves; dropped before, the party is gone, though it was counted.
#[derive(Debug)]
pub struct Arrival(Generation);

impl MeetingMeta {
    /// A barrier of so many parties.
    #[must_use]
    pub const fn new(parties: usize, created: Place) -> Self {
        let parties = if parties == 0 { 1 } else { parties };
        Self { barrier: BarrierMeta::new(parties, created), parties, arrived: Mutex::new(0) }
    }

    /// Gives it a name for reports.
    pub fn set_name(&self, name: &str) {
        self.barrier.set_name(name);
    }

    /// The wait for the other parties.
    #[must_use]
    pub fn wants(&self) -> Target {
        Target::of(Wait::Barrier(self.barrier.described()))
    }

    /// The current owner arrives: before the first poll of the real wait. To be called in the future, not when it is made.
    pub fn arriving(&self, place: Place) -> Arrival {
        let mut arrived = self.arrived.lock();
        *arrived += 1;
        let last = *arrived == self.parties;
        if last {
            *arrived = 0;
        }
        Arrival(self.barrier.arrive(last, place))
    }

    /// The wait is over: everything before the arrivals of its generation happens before this.
    pub fn left(&self, arrival: Arrival, place: Place) {
        self.barrier.leave(arrival.0, place);
    }
}
