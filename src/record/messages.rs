//! Hooks of channels between tasks. What a sender knows travels with the message, as a [`Stamp`]: so it does not matter in
//! which order hooks and originals are called by several owners.

use std::sync::Arc;

use parking_lot::Mutex;

use super::Place;
use super::channels::CHANNEL_IDS;
use super::context::enter;
use super::registry;
use super::tasks::Target;
use crate::analysis::happens_before::SyncClock;
use crate::analysis::wait_for::Wait;
use crate::event::{ChannelId, Object, ObjectKind};
use crate::primitive::AtomicU32;

/// What a wrapper keeps beside a channel, shared by both ends.
#[derive(Debug)]
pub struct MessagesMeta {
    id: AtomicU32,
    kind: ObjectKind,
    created: Place,
    /// What those knew who went.
    gone: Mutex<SyncClock>,
}

// Nothing of the user's runs inside: a panic finds it whole.
impl std::panic::UnwindSafe for MessagesMeta {}
impl std::panic::RefUnwindSafe for MessagesMeta {}

/// What the sender of a message knew. Cloned where a message is received more than once.
#[derive(Clone, Debug, Default)]
pub struct Stamp(Option<Arc<SyncClock>>);

impl MessagesMeta {
    /// A channel with room for `capacity` messages; `None`: no limit (also of a oneshot or watch channel). `kind` is
    /// [`ObjectKind::Channel`].
    #[must_use]
    pub const fn new(kind: ObjectKind, capacity: Option<usize>, created: Place) -> Self {
        let _ = capacity;
        Self { id: AtomicU32::new(0), kind, created, gone: Mutex::new(SyncClock::new()) }
    }

    fn id(&self) -> ChannelId {
        ChannelId(registry::id_in(&self.id, &CHANNEL_IDS))
    }

    fn described(&self) -> ChannelId {
        let _inside = enter();
        registry::describe(Object::Channel(self.id()), self.kind, Some(self.created));
        self.id()
    }

    /// Gives it a name for reports.
    pub fn set_name(&self, name: &str) {
        let _inside = enter();
        registry::name(Object::Channel(self.id()), self.kind, Some(self.created), name);
    }

    /// The wait for room for one message (`send`, `reserve`).
    #[must_use]
    pub fn wants_room(&self) -> Target {
        Target::of(Wait::Send(self.described()))
    }

    /// The wait for a message, or a change (`recv`, `changed`).
    #[must_use]
    pub fn wants_message(&self) -> Target {
        Target::of(Wait::Recv(self.described()))
    }

    /// The wait for the end of all receivers (`closed`).
    #[must_use]
    pub fn wants_close(&self) -> Target {
        Target::of(Wait::Closed(self.described()))
    }

    /// Before a message is put in, once it is certain that there is room (or with `try_send`): the stamp goes with it.
    pub fn sending(&self, place: Place) -> Stamp {
        let _ = place;
        let Some(mut inside) = enter() else { return Stamp::default() };
        if !inside.modes.races() || inside.clock.is_trivial() {
            return Stamp::default();
        }
        let mut clock = SyncClock::new();
        clock.publish(&mut inside.clock);
        Stamp(Some(Arc::new(clock)))
    }

    /// The message was refused (`try_send` to a full or closed channel).
    pub fn not_sent(&self, stamp: Stamp) {
        drop(stamp);
    }

    /// After a message was taken out.
    pub fn received(&self, stamp: &Stamp, place: Place) {
        let _ = place;
        if let (Some(clock), Some(mut inside)) = (&stamp.0, enter()) {
            clock.acquire(&mut inside.clock);
        }
    }

    /// A sender comes to be, by cloning.
    pub fn sender_added(&self) {}

    /// A sender goes, before its original is dropped.
    pub fn sender_gone(&self) {
        self.leave();
    }

    /// A receiver comes to be (`subscribe`).
    pub fn receiver_added(&self) {}

    /// A receiver goes or closes the channel, before its original does.
    pub fn receiver_gone(&self) {
        self.leave();
    }

    fn leave(&self) {
        if let Some(mut inside) = enter()
            && inside.modes.races()
        {
            self.gone.lock().publish_join(&mut inside.clock);
        }
    }

    /// The current owner sees that the other side is gone.
    pub fn saw_closed(&self, place: Place) {
        let _ = place;
        if let Some(mut inside) = enter()
            && inside.modes.races()
        {
            self.gone.lock().acquire(&mut inside.clock);
        }
    }
}

impl Drop for MessagesMeta {
    fn drop(&mut self) {
        if self.id.load(std::sync::atomic::Ordering::Relaxed) != 0
            && let Some(_inside) = enter()
        {
            registry::forget(Object::Channel(self.id()));
        }
    }
}
