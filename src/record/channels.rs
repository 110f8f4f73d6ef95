//! Hooks of channels. The channel itself lives in the wrapper; all of these are called under its lock.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::Mutex;

use super::cells::ATOMIC_IDS;
use super::context::{Context, enter};
use super::queue;
use super::registry::{self, Ids};
use super::waits::{self, Waiting};
use super::{Place, config, tasks};
use crate::analysis::happens_before::{AtomicClock, ChannelClock};
use crate::analysis::wait_for::{Backlog, Knot, Wait};
use crate::event::{AtomicId, ChannelId, Object, ObjectKind, Op, Order, ThreadId};
use crate::primitive::AtomicU32;

pub(crate) static CHANNEL_IDS: Ids = Ids::new();

/// What a channel keeps beside its messages.
#[derive(Debug)]
pub(crate) struct ChannelMeta {
    id: AtomicU32,
    created: Place,
    capacity: Option<u32>,
    /// The channel is in the trace.
    made: bool,
    clock: ChannelClock,
    /// The count of senders, an atomic of its own: each that goes comes before the one that closes the channel.
    senders: Flag,
    /// The receiver of a rendezvous says here that it waits, also with a time limit, and who sends comes after that.
    ready: Flag,
    service: Arc<Service>,
}

/// Part of a channel that orders threads as an atomic does, and is one to the trace.
#[derive(Debug, Default)]
struct Flag {
    id: AtomicU32,
    clock: AtomicClock,
}

impl Flag {
    fn id(&self) -> AtomicId {
        AtomicId(registry::id_in(&self.id, &ATOMIC_IDS))
    }

    fn change(&mut self, order: Order, place: Place) {
        let Some(mut inside) = enter() else { return };
        if inside.modes.record() {
            inside.emit(Op::AtomicRmw { atomic: self.id(), order }, place);
        }
        self.clock.rmw(&mut inside.clock, order);
    }

    fn look(&mut self, order: Order, place: Place) {
        let Some(mut inside) = enter() else { return };
        if inside.modes.record() {
            inside.emit(Op::AtomicLoad { atomic: self.id(), order }, place);
        }
        self.clock.load(&mut inside.clock, order);
    }
}

/// Who serves a channel, and how much there is to do: looked at by [`starve`] without the channel's lock.
#[derive(Debug)]
struct Service {
    /// 0 until the channel has an id.
    channel: AtomicU32,
    queued: AtomicU64,
    last_taker: AtomicU32,
    takers: Mutex<Vec<ThreadId>>,
    /// One of them has sent.
    fed: AtomicBool,
    /// A sender that was none of the takers when it was last looked for.
    last_other: AtomicU32,
}

/// All channels that live.
static SERVICES: Mutex<Vec<Weak<Service>>> = Mutex::new(Vec::new());

/// Threads remembered of those that serve a channel. A pool with more is not recognised as one.
const TAKERS: usize = 64;

/// Notes in a knot that it starves a pool of threads, if it does.
pub(crate) fn starve(knot: &mut Knot) {
    let services: Vec<Arc<Service>> = SERVICES.lock().iter().filter_map(Weak::upgrade).collect();
    let backlogs: Vec<(ChannelId, Backlog)> = services
        .iter()
        .filter(|service| service.queued.load(Ordering::Relaxed) > 0)
        .map(|service| {
            let takers = service.takers.lock().iter().copied().filter(|&taker| waits::is_alive(taker)).collect();
            let channel = ChannelId(service.channel.load(Ordering::Relaxed));
            let fed = service.fed.load(Ordering::Relaxed);
            (channel, Backlog { queued: service.queued.load(Ordering::Relaxed), takers, fed })
        })
        .collect();
    knot.starve(backlogs.iter().map(|(channel, backlog)| (*channel, backlog)));
}

impl ChannelMeta {
    /// A channel with room for `capacity` messages; `None`: no limit.
    pub(crate) fn new(capacity: Option<usize>, created: Place) -> Self {
        let capacity = capacity.map(|capacity| u32::try_from(capacity).unwrap_or(u32::MAX));
        Self {
            id: AtomicU32::new(0),
            created,
            capacity,
            made: false,
            clock: ChannelClock::new(capacity),
            senders: Flag::default(),
            ready: Flag::default(),
            service: Arc::new(Service {
                channel: AtomicU32::new(0),
                queued: AtomicU64::new(0),
                last_taker: AtomicU32::new(0),
                takers: Mutex::default(),
                fed: AtomicBool::new(false),
                last_other: AtomicU32::new(0),
            }),
        }
    }

    fn id(&self) -> ChannelId {
        ChannelId(registry::id_in(&self.id, &CHANNEL_IDS))
    }

    /// Counts a message that was taken, and remembers by whom.
    fn serve(&mut self, taker: ThreadId) {
        let service = &self.service;
        service.queued.store(service.queued.load(Ordering::Relaxed).saturating_sub(1), Ordering::Relaxed);
        if service.last_taker.swap(taker.0 + 1, Ordering::Relaxed) == taker.0 + 1 {
            return;
        }
        if service.channel.load(Ordering::Relaxed) == 0 {
            service.channel.store(self.id().0, Ordering::Relaxed);
            registry::describe(Object::Channel(self.id()), ObjectKind::Channel, Some(self.created));
            let mut services = SERVICES.lock();
            services.retain(|service| service.strong_count() > 0);
            services.push(Arc::downgrade(service));
        }
        let mut takers = service.takers.lock();
        if takers.len() < TAKERS && !takers.contains(&taker) {
            takers.push(taker);
            service.last_other.store(0, Ordering::Relaxed);
        }
    }

    /// Notes whether the sender serves the channel itself.
    fn feed(&self, sender: ThreadId) {
        let service = &self.service;
        let is_known = service.last_taker.load(Ordering::Relaxed) == 0
            || service.last_other.load(Ordering::Relaxed) == sender.0 + 1
            || service.fed.load(Ordering::Relaxed);
        if is_known {
            return;
        }
        if service.takers.lock().contains(&sender) {
            service.fed.store(true, Ordering::Relaxed);
        } else {
            service.last_other.store(sender.0 + 1, Ordering::Relaxed);
        }
    }

    /// Gives the channel a name for reports.
    pub(crate) fn set_name(&self, name: &str) {
        let _inside = enter();
        registry::name(Object::Channel(self.id()), ObjectKind::Channel, Some(self.created), name);
    }

    /// Writes an event of the channel; `op` is made of its id.
    fn emit(&mut self, inside: &mut Context, place: Place, op: impl FnOnce(ChannelId) -> Op) {
        if !inside.modes.record() {
            return;
        }
        let channel = self.id();
        if !std::mem::replace(&mut self.made, true) {
            inside.emit(Op::ChannelMade { channel, capacity: self.capacity }, self.created);
        }
        inside.emit(op(channel), place);
    }

    /// A message of the current thread is in the channel.
    pub(crate) fn sent(&mut self, place: Place) {
        let queued = self.service.queued.load(Ordering::Relaxed);
        self.service.queued.store(queued + 1, Ordering::Relaxed);
        if self.capacity == Some(0) {
            self.ready.look(Order::Acquire, place);
        }
        let Some(mut inside) = enter() else { return self.clock.sent(None) };
        self.feed(inside.thread);
        self.emit(&mut inside, place, |channel| Op::Sent { channel });
        if inside.modes.races() {
            self.clock.sent(&mut inside.clock);
        }
    }

    /// The current thread took a message out of the channel.
    pub(crate) fn received(&mut self, place: Place) {
        let Some(mut inside) = enter() else { return self.clock.received(None) };
        self.serve(inside.thread);
        self.emit(&mut inside, place, |channel| Op::Received { channel });
        if inside.modes.races() {
            self.clock.received(&mut inside.clock);
        }
    }

    /// The current thread found no message, or no space, and does not wait for it, or no longer.
    pub(crate) fn missed(&mut self, place: Place) {
        if config::is_recording()
            && let Some(mut inside) = enter()
        {
            self.emit(&mut inside, place, |channel| Op::ChannelMissed { channel });
        }
    }

    /// The current thread stands in the queue of senders and enters its wait.
    pub(crate) fn wait_to_send(&mut self, place: Place) -> Option<Waiting> {
        self.describe();
        if let Some(mut inside) = enter() {
            self.emit(&mut inside, place, |channel| Op::SendRequest { channel });
            if inside.modes.races() {
                self.clock.send_requested(&mut inside.clock);
            }
        }
        queue::enter_wait(Wait::Send(self.id()), place)
    }

    /// The current thread will wait for a message.
    pub(crate) fn ready_to_receive(&mut self, place: Place) {
        if self.capacity == Some(0) {
            self.ready.change(Order::Release, place);
        }
    }

    /// The current thread will wait for a message without a time limit; enters the wait unless a sender is on its way.
    pub(crate) fn wait_to_receive(&mut self, sender_comes: bool, place: Place) -> Option<Waiting> {
        self.describe();
        if let Some(mut inside) = enter() {
            self.emit(&mut inside, place, |channel| Op::RecvRequest { channel });
        }
        if sender_comes { None } else { queue::enter_wait(Wait::Recv(self.id()), place) }
    }

    /// The current thread will wait for a message until `deadline` (`None`: for ages).
    pub(crate) fn wait_to_receive_until(&self, deadline: Option<Instant>, place: Place) {
        self.describe();
        tasks::blocks_until(Wait::Recv(self.id()), deadline, place);
    }

    fn describe(&self) {
        let _inside = enter();
        registry::describe(Object::Channel(self.id()), ObjectKind::Channel, Some(self.created));
    }

    /// A sender is dropped, the last one or another.
    pub(crate) fn sender_gone(&mut self, last: bool) {
        self.senders.change(Order::AcqRel, self.created);
        if last {
            self.closed(false);
        }
    }

    /// The receiver is dropped.
    pub(crate) fn receiver_gone(&mut self) {
        self.closed(true);
    }

    /// A `Drop` does not know its caller, so the event stands where the channel was made.
    fn closed(&mut self, receiver: bool) {
        let Some(mut inside) = enter() else { return };
        self.emit(&mut inside, self.created, |channel| Op::Closed { channel, receiver });
        if inside.modes.races() {
            self.clock.closed(&mut inside.clock);
        }
    }

    /// The current thread sees that the other side is gone.
    pub(crate) fn saw_closed(&mut self, place: Place) {
        let Some(mut inside) = enter() else { return };
        self.emit(&mut inside, place, |channel| Op::SawClosed { channel });
        if inside.modes.races() {
            self.clock.saw_closed(&mut inside.clock);
        }
    }
}

impl Drop for ChannelMeta {
    fn drop(&mut self) {
        if self.id.load(Ordering::Relaxed) != 0
            && let Some(_inside) = enter()
        {
            registry::forget(Object::Channel(self.id()));
        }
    }
}
