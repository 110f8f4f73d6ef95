//! Hooks of notifications (tokio's `Notify`).

use super::Place;
use super::tasks::Target;

/// What a wrapper keeps beside a `Notify`.
#[derive(Debug)]
pub struct NotifyMeta {
    created: Place,
}

impl NotifyMeta {
    /// Of a notify made at `created`.
    #[must_use]
    pub const fn new(created: Place) -> Self {
        Self { created }
    }

    /// Gives it a name for reports.
    pub fn set_name(&self, name: &str) {
        let _ = (name, self.created);
    }

    /// The wait for a notification.
    #[must_use]
    pub fn wants(&self) -> Target {
        Target::object()
    }

    /// Before a real `notify_one` or `notify_last` (`all == false`), or `notify_waiters`.
    pub fn notifying(&self, all: bool, place: Place) {
        let _ = (all, place);
    }

    /// The current owner was notified: its future was ready.
    pub fn notified(&self, place: Place) {
        let _ = place;
    }
}
