//! What both ends share.
//!
//! A sender that finds no space waits in a queue; a place that gets free wakes the first, which then looks again: it may
//! have been overtaken, as in the original. A *rendezvous* (capacity 0) has space exactly while the receiver waits for a
//! message, and then for one. A receiver that comes to a waiting sender therefore waits too, and wakes it; that wait is
//! short and certain to end, so also a `try_recv` or a receiver out of time may enter it.

use std::collections::VecDeque;
use std::panic::Location;
use std::sync::Arc;
use std::time::Instant;

use crate::primitive::Mutex;
use crate::record::channels::ChannelMeta;
use crate::record::queue::{Queue, Waiter};

type Place = &'static Location<'static>;

pub(super) struct Channel<T> {
    capacity: Option<usize>,
    state: Mutex<State<T>>,
}

struct State<T> {
    meta: ChannelMeta,
    messages: VecDeque<T>,
    senders: usize,
    receiver: bool,
    /// Senders that wait for space.
    full: Queue,
    /// The receiver, if it waits for a message, or for the end of all senders.
    empty: Option<Arc<Waiter>>,
}

/// Why there is no message.
pub(super) enum Nothing {
    /// Not yet.
    Empty,
    /// And none will come.
    Closed,
}

/// Why a message could not be sent.
pub(super) enum Unsent<T> {
    /// There is no space now.
    Full(T),
    /// The receiver is gone.
    Closed(T),
}

/// How long a receiver waits.
#[derive(Clone, Copy)]
pub(super) enum Patience {
    /// Not at all.
    None,
    /// Until then.
    Until(Instant),
    /// For so long that the moment has no name; still a time limit.
    Ages,
    /// For ever.
    Endless,
}

impl Patience {
    fn deadline(self) -> Option<Instant> {
        if let Self::Until(deadline) = self { Some(deadline) } else { None }
    }
}

impl<T> Channel<T> {
    /// A channel with one sender and its receiver.
    pub(super) fn new(capacity: Option<usize>, place: Place) -> Arc<Self> {
        let state = State {
            meta: ChannelMeta::new(capacity, place),
            messages: VecDeque::new(),
            senders: 1,
            receiver: true,
            full: Queue::new(),
            empty: None,
        };
        Arc::new(Self { capacity, state: Mutex::new(state) })
    }

    pub(super) fn set_name(&self, name: &str) {
        self.state.lock().meta.set_name(name);
    }

    /// Sends at once or not at all.
    pub(super) fn try_send(&self, message: T, place: Place) -> Result<(), Unsent<T>> {
        let mut state = self.state.lock();
        let result = state.offer(self.capacity, message, place);
        if let Err(Unsent::Full(_)) = result {
            state.meta.missed(place);
        }
        result
    }

    /// Sends, and waits for space if need be. Gives the message back if the receiver is gone.
    pub(super) fn send(&self, message: T, place: Place) -> Result<(), T> {
        let mut message = message;
        loop {
            message = match self.try_send(message, place) {
                Ok(()) => return Ok(()),
                Err(Unsent::Closed(message)) => return Err(message),
                Err(Unsent::Full(message)) => message,
            };
            let standing = StandingSender { channel: self, waiter: Waiter::new() };
            // Declared after `standing`, and so given up before it, by a panic too: the drop of `standing` takes the lock.
            let mut state = self.state.lock();
            if state.has_space(self.capacity) || !state.receiver {
                continue;
            }
            state.full.join(&standing.waiter);
            let waiting = state.meta.wait_to_send(place);
            drop(state);
            standing.waiter.sleep(None);
            drop(waiting);
        }
    }

    /// Receives the oldest message.
    pub(super) fn receive(&self, patience: Patience, place: Place) -> Result<T, Nothing> {
        let mut out_of_time = matches!(patience, Patience::None);
        loop {
            if let Some(result) = self.state.lock().look(self.capacity, out_of_time, place) {
                return result;
            }
            let waiter = Waiter::new();
            let standing = StandingReceiver(self);
            // Declared after `standing`, as in `send`.
            let mut state = self.state.lock();
            let sender_comes = state.sender_comes(self.capacity);
            if !state.messages.is_empty() || state.senders == 0 || (out_of_time && !sender_comes) {
                continue;
            }
            state.empty = Some(Arc::clone(&waiter));
            state.meta.ready_to_receive(place);
            let waiting = match patience {
                Patience::Endless => state.meta.wait_to_receive(sender_comes, place),
                Patience::Until(_) | Patience::Ages if !sender_comes => {
                    state.meta.wait_to_receive_until(patience.deadline(), place);
                    None
                }
                _ => None,
            };
            if sender_comes {
                state.full.end_first();
            }
            drop(state);
            let in_time = match patience {
                Patience::Until(deadline) if !sender_comes => waiter.sleep(Some(deadline)),
                _ => waiter.sleep(None),
            };
            drop(waiting);
            drop(standing);
            out_of_time |= !in_time;
        }
    }

    /// Another sender.
    pub(super) fn add_sender(&self) {
        self.state.lock().senders += 1;
    }

    /// One sender less.
    pub(super) fn drop_sender(&self) {
        let mut state = self.state.lock();
        state.senders -= 1;
        let last = state.senders == 0;
        state.meta.sender_gone(last);
        if last && let Some(receiver) = state.empty.take() {
            receiver.end();
        }
    }

    /// The receiver goes, and with it the messages that no one will receive.
    pub(super) fn drop_receiver(&self) {
        let mut state = self.state.lock();
        state.receiver = false;
        state.meta.receiver_gone();
        state.full.end_all();
        let messages = std::mem::take(&mut state.messages);
        // What the user's messages do when they are dropped is none of our lock's business.
        drop(state);
        drop(messages);
    }
}

impl<T> State<T> {
    fn has_space(&self, capacity: Option<usize>) -> bool {
        match capacity {
            None => true,
            Some(0) => self.empty.is_some(),
            Some(capacity) => self.messages.len() < capacity,
        }
    }

    fn offer(&mut self, capacity: Option<usize>, message: T, place: Place) -> Result<(), Unsent<T>> {
        if !self.receiver {
            self.meta.saw_closed(place);
            return Err(Unsent::Closed(message));
        }
        if !self.has_space(capacity) {
            return Err(Unsent::Full(message));
        }
        self.meta.sent(place);
        self.messages.push_back(message);
        if let Some(receiver) = self.empty.take() {
            receiver.end();
        }
        Ok(())
    }

    /// Does a sender stand in the queue that can send once the receiver waits? Of those in the queue of an empty channel,
    /// only those of a rendezvous can.
    fn sender_comes(&self, capacity: Option<usize>) -> bool {
        capacity == Some(0) && self.full.first().is_some()
    }

    /// The oldest message, or why there will be none; `None` if it is worth waiting.
    fn look(&mut self, capacity: Option<usize>, out_of_time: bool, place: Place) -> Option<Result<T, Nothing>> {
        if let Some(message) = self.take(place) {
            return Some(Ok(message));
        }
        if self.senders == 0 {
            self.meta.saw_closed(place);
            return Some(Err(Nothing::Closed));
        }
        let nothing = out_of_time && !self.sender_comes(capacity);
        if nothing {
            self.meta.missed(place);
        }
        nothing.then_some(Err(Nothing::Empty))
    }

    fn take(&mut self, place: Place) -> Option<T> {
        let message = self.messages.pop_front()?;
        self.meta.received(place);
        self.full.end_first();
        Some(message)
    }
}

/// A sender's place in the queue, given up when a panic ends the wait (the user may ask for one on a deadlock).
struct StandingSender<'a, T> {
    channel: &'a Channel<T>,
    waiter: Arc<Waiter>,
}

impl<T> Drop for StandingSender<'_, T> {
    fn drop(&mut self) {
        let mut state = self.channel.state.lock();
        state.full.leave(&self.waiter);
    }
}

/// The waiting receiver, until it stops to wait, for whatever reason.
struct StandingReceiver<'a, T>(&'a Channel<T>);

impl<T> Drop for StandingReceiver<'_, T> {
    fn drop(&mut self) {
        self.0.state.lock().empty = None;
    }
}

#[cfg(test)]
mod models {
    use super::*;
    use crate::primitive::model::{Plain, check_within, spawn};
    use crate::record::context::set_unwatched;

    /// A channel whose hooks do nothing, and whose id is there before threads ask for it.
    fn channel(capacity: Option<usize>) -> Arc<Channel<usize>> {
        set_unwatched();
        let channel = Channel::new(capacity, Location::caller());
        channel.set_name("channel");
        channel
    }

    fn send(channel: &Channel<usize>, message: usize) -> bool {
        channel.send(message, Location::caller()).is_ok()
    }

    fn receive(channel: &Channel<usize>) -> Option<usize> {
        channel.receive(Patience::Endless, Location::caller()).ok()
    }

    /// With each capacity: messages come in the order in which they were sent, with what was done before them, and then
    /// the end.
    #[test]
    fn messages_come_in_order_and_then_the_end() {
        for capacity in [None, Some(0), Some(1)] {
            check_within(3, &format!("messages come in order with capacity {capacity:?}"), move || {
                let channel = channel(capacity);
                let told = Arc::new([0, 0].map(Plain::new));
                let (sender, tells) = (Arc::clone(&channel), Arc::clone(&told));
                let thread = spawn(move || {
                    for message in 0..2 {
                        tells[message].set(message + 1);
                        assert!(send(&sender, message));
                    }
                    sender.drop_sender();
                });
                for message in 0..2 {
                    assert_eq!(receive(&channel), Some(message));
                    assert_eq!(told[message].get(), message + 1);
                }
                assert_eq!(receive(&channel), None);
                thread.join().unwrap();
            });
        }
    }

    /// Two senders and one place, or none: nobody waits for ever, no message is lost.
    #[test]
    fn two_senders_take_turns() {
        for capacity in [0, 1] {
            check_within(2, &format!("two senders take turns with capacity {capacity}"), move || {
                let channel = channel(Some(capacity));
                channel.add_sender();
                let senders = [1, 2].map(|message| {
                    let channel = Arc::clone(&channel);
                    spawn(move || {
                        assert!(send(&channel, message));
                        channel.drop_sender();
                    })
                });
                let both = receive(&channel).zip(receive(&channel)).expect("two messages");
                assert!(matches!(both, (1, 2) | (2, 1)));
                assert_eq!(receive(&channel), None);
                senders.into_iter().for_each(|sender| sender.join().unwrap());
            });
        }
    }

    /// The receiver takes what is there and goes: the sender is told, whether it waits or comes later.
    #[test]
    fn a_sender_does_not_outwait_its_receiver() {
        for capacity in [0, 1] {
            check_within(4, &format!("a sender does not outwait its receiver with capacity {capacity}"), move || {
                let channel = channel(Some(capacity));
                let sender = Arc::clone(&channel);
                let thread = spawn(move || (0..3).take_while(|&message| send(&sender, message)).count());
                let taken = channel.receive(Patience::None, Location::caller()).ok();
                assert!(matches!(taken, None | Some(0)));
                channel.drop_receiver();
                let sent = thread.join().unwrap();
                let least = usize::from(taken.is_some());
                assert!((least..=least + capacity).contains(&sent), "{taken:?}, {sent} sent");
            });
        }
    }
}
