//! Channels: messages one way, free space the other.

use std::collections::VecDeque;

use super::sync::SyncClock;
use super::thread::ThreadClock;

/// The clock of a first-in, first-out channel.
///
/// The n-th receive comes after the n-th send. With a capacity, send number n + capacity comes after receive number n,
/// because it needed the place; in a rendezvous (capacity 0) the n-th send completes after the n-th receive, and the
/// receive, when it stands before the send, comes after all requests to send before it, since a message does not say
/// whose it is. Whoever sees the other side closed comes after the closing.
///
/// Memory: one clock for each message in flight, or place handed back, that differs from its neighbour; one in all for
/// a program without cells.
#[derive(Debug)]
pub struct ChannelClock {
    /// `None`: unbounded, or not known.
    capacity: Option<u32>,
    sent: u64,
    received: u64,
    /// Clocks of sends that are not received yet.
    messages: Runs,
    /// Clocks of receives that no send has needed yet.
    places: Runs,
    /// All requests to send, of a rendezvous.
    waiting: SyncClock,
    closed: SyncClock,
}

impl ChannelClock {
    /// A channel with room for `capacity` messages, `None` when unbounded.
    #[must_use]
    pub const fn new(capacity: Option<u32>) -> Self {
        Self {
            capacity,
            sent: 0,
            received: 0,
            messages: Runs::new(),
            places: Runs::new(),
            waiting: SyncClock::new(),
            closed: SyncClock::new(),
        }
    }

    /// The thread is about to wait for space. Matters only to a rendezvous.
    pub fn send_requested(&mut self, thread: &mut ThreadClock) {
        if self.capacity == Some(0) {
            self.waiting.publish_join(thread);
        }
    }

    /// A message of the thread is in the channel, or, in a rendezvous, was handed over. `None`: of a thread that has no
    /// clock; the message is counted.
    pub fn sent<'a>(&mut self, thread: impl Into<Option<&'a mut ThreadClock>>) {
        let mut thread = thread.into();
        self.sent += 1;
        if let Some(capacity) = self.capacity
            && self.sent > u64::from(capacity)
            && self.received >= self.sent - u64::from(capacity)
        {
            self.places.acquire_front(thread.as_deref_mut());
        }
        if self.received < self.sent {
            self.messages.push(thread);
        }
    }

    /// The thread took a message. `None` as for [`sent`](Self::sent).
    pub fn received<'a>(&mut self, thread: impl Into<Option<&'a mut ThreadClock>>) {
        let mut thread = thread.into();
        self.received += 1;
        if self.received <= self.sent {
            self.messages.acquire_front(thread.as_deref_mut());
        } else if let Some(thread) = &mut thread {
            self.waiting.acquire(thread);
        }
        if let Some(capacity) = self.capacity
            && self.received + u64::from(capacity) > self.sent
        {
            self.places.push(thread);
        }
    }

    /// The thread drops the last handle of one side. (Of earlier handles too, if the source tells: they add up.)
    pub fn closed(&mut self, thread: &mut ThreadClock) {
        self.closed.publish_join(thread);
    }

    /// The thread saw that the other side is gone.
    pub fn saw_closed(&self, thread: &mut ThreadClock) {
        self.closed.acquire(thread);
    }
}

/// A queue of clocks, equal neighbours stored once.
#[derive(Debug)]
struct Runs {
    runs: VecDeque<(SyncClock, u64)>,
}

impl Runs {
    const fn new() -> Self {
        Self { runs: VecDeque::new() }
    }

    fn push(&mut self, thread: Option<&mut ThreadClock>) {
        if let Some((last, count)) = self.runs.back_mut()
            && thread.as_ref().map_or(last.is_trivial(), |thread| last.is_now(thread))
        {
            *count += 1;
            return;
        }
        let mut clock = SyncClock::new();
        if let Some(thread) = thread {
            clock.publish(thread);
        }
        self.runs.push_back((clock, 1));
    }

    fn acquire_front(&mut self, thread: Option<&mut ThreadClock>) {
        let Some((clock, count)) = self.runs.front_mut() else { return };
        if let Some(thread) = thread {
            clock.acquire(thread);
        }
        *count -= 1;
        if *count == 0 {
            self.runs.pop_front();
        }
    }
}
