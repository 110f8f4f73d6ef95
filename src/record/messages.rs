//! Hooks of channels between tasks. What a sender knows travels with the message, as a [`Stamp`]: so it does not matter in
//! which order hooks and originals are called by several owners.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::Place;
use super::cells::Edge;
use super::channels::CHANNEL_IDS;
use super::context::enter;
use super::registry;
use super::tasks::{self, Target};
use crate::analysis::happens_before::SyncClock;
use crate::analysis::wait_for::Wait;
use crate::event::{ChannelId, Object, ObjectKind, Order};
use crate::primitive::AtomicU32;

/// What a wrapper keeps beside a channel, shared by both ends.
#[derive(Debug)]
pub struct MessagesMeta {
    id: AtomicU32,
    kind: ObjectKind,
    created: Place,
    /// The registry knows it.
    described: AtomicBool,
    /// What those knew who went.
    gone: Mutex<SyncClock>,
    edge: Edge,
}

// Nothing of the user's runs inside: a panic finds it whole.
impl std::panic::UnwindSafe for MessagesMeta {}
impl std::panic::RefUnwindSafe for MessagesMeta {}

/// What the sender of a message knew. Cloned where a message is received more than once.
#[derive(Clone, Debug, Default)]
pub struct Stamp(Option<Arc<SyncClock>>);

impl MessagesMeta {
    /// A channel ([`ObjectKind::Channel`]), made at `created`.
    #[must_use]
    pub const fn new(kind: ObjectKind, created: Place) -> Self {
        let (id, described) = (AtomicU32::new(0), AtomicBool::new(false));
        Self { id, kind, created, described, gone: Mutex::new(SyncClock::new()), edge: Edge::new() }
    }

    fn id(&self) -> ChannelId {
        ChannelId(registry::id_in(&self.id, &CHANNEL_IDS))
    }

    fn described(&self) -> ChannelId {
        if !self.described.load(Ordering::Relaxed) {
            tasks::works();
            let _inside = enter();
            registry::describe(Object::Channel(self.id()), self.kind, Some(self.created));
            self.described.store(true, Ordering::Relaxed);
        }
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
        let Some(mut inside) = enter() else { return Stamp::default() };
        inside.locks.hands_on();
        self.edge.tell(&mut inside, Order::AcqRel, place);
        if !inside.modes.races() || inside.clock.is_trivial() {
            return Stamp::default();
        }
        let mut clock = SyncClock::new();
        clock.publish(&mut inside.clock);
        Stamp(Some(Arc::new(clock)))
    }

    /// After a message was taken out.
    pub fn received(&self, stamp: &Stamp, place: Place) {
        let Some(mut inside) = enter() else { return };
        self.edge.tell(&mut inside, Order::Acquire, place);
        if let Some(clock) = &stamp.0 {
            clock.acquire(&mut inside.clock);
        }
    }

    /// As [`received`](Self::received), of a message that nobody else gets.
    pub fn taken(&self, stamp: &Stamp, place: Place) {
        self.received(stamp, place);
        if let Some(mut inside) = enter() {
            tasks::took(&mut inside, || self.described(), place);
        }
    }

    /// A sender goes, before its original is dropped.
    pub fn sender_gone(&self) {
        self.leave();
    }

    /// A receiver goes or closes the channel, before its original does.
    pub fn receiver_gone(&self) {
        self.leave();
    }

    fn leave(&self) {
        let Some(mut inside) = enter() else { return };
        self.edge.tell(&mut inside, Order::AcqRel, self.created);
        if inside.modes.races() {
            self.gone.lock().publish_join(&mut inside.clock);
        }
    }

    /// The current owner sees that the other side is gone.
    pub fn saw_closed(&self, place: Place) {
        let Some(mut inside) = enter() else { return };
        self.edge.tell(&mut inside, Order::Acquire, place);
        if inside.modes.races() {
            self.gone.lock().acquire(&mut inside.clock);
        }
    }
}

impl Drop for MessagesMeta {
    fn drop(&mut self) {
        if self.id.load(Ordering::Relaxed) != 0
            && let Some(_inside) = enter()
        {
            registry::forget(Object::Channel(self.id()));
        }
    }
}
