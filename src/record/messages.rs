//! Hooks of channels between tasks. What a sender knows travels with the message, as a [`Stamp`]: so it does not matter in
//! which order hooks and originals are called by several owners.

use super::Place;
use super::tasks::Target;
use crate::event::ObjectKind;

/// What a wrapper keeps beside a channel, shared by both ends.
#[derive(Debug)]
pub struct MessagesMeta {
    capacity: Option<usize>,
    created: Place,
}

/// What the sender of a message knew. Cloned where a message is received more than once.
#[derive(Clone, Debug, Default)]
pub struct Stamp(());

impl MessagesMeta {
    /// A channel with room for `capacity` messages; `None`: no limit (also of a oneshot or watch channel). `kind` is
    /// [`ObjectKind::Channel`].
    #[must_use]
    pub fn new(kind: ObjectKind, capacity: Option<usize>, created: Place) -> Self {
        let _ = kind;
        Self { capacity, created }
    }

    /// Gives it a name for reports.
    pub fn set_name(&self, name: &str) {
        let _ = (name, self.capacity, self.created);
    }

    /// The wait for room for one message (`send`, `reserve`).
    #[must_use]
    pub fn wants_room(&self) -> Target {
        Target::object()
    }

    /// The wait for a message, or a change (`recv`, `changed`).
    #[must_use]
    pub fn wants_message(&self) -> Target {
        Target::object()
    }

    /// The wait for the end of all receivers (`closed`).
    #[must_use]
    pub fn wants_close(&self) -> Target {
        Target::object()
    }

    /// Before a message is put in, once it is certain that there is room (or with `try_send`): the stamp goes with it.
    pub fn sending(&self, place: Place) -> Stamp {
        let _ = place;
        Stamp(())
    }

    /// The message was refused (`try_send` to a full or closed channel).
    pub fn not_sent(&self, stamp: Stamp) {
        let _ = stamp;
    }

    /// After a message was taken out.
    pub fn received(&self, stamp: &Stamp, place: Place) {
        let _ = (stamp, place);
    }

    /// A sender comes to be, by cloning.
    pub fn sender_added(&self) {}

    /// A sender goes, before its original is dropped.
    pub fn sender_gone(&self) {}

    /// A receiver comes to be (`subscribe`).
    pub fn receiver_added(&self) {}

    /// A receiver goes or closes the channel, before its original does.
    pub fn receiver_gone(&self) {}

    /// The current owner sees that the other side is gone.
    pub fn saw_closed(&self, place: Place) {
        let _ = place;
    }
}
