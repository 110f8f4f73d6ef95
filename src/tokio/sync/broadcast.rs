//! [`tokio::sync::broadcast`], watched.

use std::fmt;
use std::future::Future;
use std::panic::Location;
#[cfg(not(tokio_before = "1.44"))]
use std::sync::Arc;

use ::gordian::Named;
use ::gordian::runtime::Place;
use ::gordian::runtime::leaf::Leaf;
#[cfg(not(tokio_before = "1.44"))]
use ::gordian::runtime::messages::MessagesMeta;
use ::tokio::sync::broadcast;
pub use ::tokio::sync::broadcast::*;
use broadcast::error::{RecvError, SendError, TryRecvError};

use super::super::blocking::block_on;
use ::gordian::runtime::ends::{Message, ReceiverEnd, SenderEnd, ends};

/// See [`tokio::sync::broadcast::channel`].
///
/// # Panics
///
/// If the capacity is 0, or more than `usize::MAX / 2`.
#[track_caller]
pub fn channel<T: Clone>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = broadcast::channel(capacity);
    // A sender never waits for room: who is too slow loses messages.
    let (sender_end, receiver_end) = ends(Location::caller());
    (Sender { end: sender_end, inner: sender }, Receiver { end: receiver_end, inner: receiver })
}

/// See [`tokio::sync::broadcast::Sender`].
pub struct Sender<T> {
    end: SenderEnd,
    inner: broadcast::Sender<Message<T>>,
}

impl<T> Sender<T> {
    /// See [`tokio::sync::broadcast::Sender::new`].
    ///
    /// # Panics
    ///
    /// If the capacity is 0, or more than `usize::MAX / 2`.
    #[track_caller]
    pub fn new(capacity: usize) -> Self {
        let inner = broadcast::Sender::new(capacity);
        let (end, _) = ends(Location::caller());
        Self { end, inner }
    }

    /// See [`tokio::sync::broadcast::Sender::send`].
    ///
    /// # Errors
    ///
    /// The value if nobody receives.
    #[track_caller]
    pub fn send(&self, value: T) -> Result<usize, SendError<T>> {
        let sent = self.inner.send(self.end.message(value, Location::caller()));
        sent.map_err(|SendError(message)| SendError(message.refused()))
    }

    /// See [`tokio::sync::broadcast::Sender::subscribe`].
    pub fn subscribe(&self) -> Receiver<T> {
        let end = ReceiverEnd::subscribed(self.end.meta());
        Receiver { end, inner: self.inner.subscribe() }
    }

    /// See [`tokio::sync::broadcast::Sender::downgrade`].
    #[cfg(not(tokio_before = "1.44"))]
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender { inner: self.inner.downgrade(), meta: Arc::clone(self.end.meta()) }
    }

    /// See [`tokio::sync::broadcast::Sender::len`].
    pub fn len(&self) -> usize {
        self.inner.len()
    }

    /// See [`tokio::sync::broadcast::Sender::is_empty`].
    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }

    /// See [`tokio::sync::broadcast::Sender::receiver_count`].
    pub fn receiver_count(&self) -> usize {
        self.inner.receiver_count()
    }

    /// See [`tokio::sync::broadcast::Sender::same_channel`].
    pub fn same_channel(&self, other: &Self) -> bool {
        self.inner.same_channel(&other.inner)
    }

    /// See [`tokio::sync::broadcast::Sender::closed`].
    #[cfg(not(tokio_before = "1.44"))]
    #[track_caller]
    pub fn closed(&self) -> impl Future<Output = ()> {
        let place = Location::caller();
        async move {
            Leaf::new(self.inner.closed(), self.end.meta().wants_close(), place).await;
            self.end.meta().saw_closed(place);
        }
    }

    /// See [`tokio::sync::broadcast::Sender::strong_count`].
    #[cfg(not(tokio_before = "1.44"))]
    pub fn strong_count(&self) -> usize {
        self.inner.strong_count()
    }

    /// See [`tokio::sync::broadcast::Sender::weak_count`].
    #[cfg(not(tokio_before = "1.44"))]
    pub fn weak_count(&self) -> usize {
        self.inner.weak_count()
    }
}

impl<T> Named for Sender<T> {
    fn set_name(&self, name: &str) {
        self.end.meta().set_name(name);
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { end: self.end.clone(), inner: self.inner.clone() }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// See [`tokio::sync::broadcast::WeakSender`].
#[cfg(not(tokio_before = "1.44"))]
pub struct WeakSender<T> {
    inner: broadcast::WeakSender<Message<T>>,
    meta: Arc<MessagesMeta>,
}

#[cfg(not(tokio_before = "1.44"))]
impl<T> WeakSender<T> {
    /// See [`tokio::sync::broadcast::WeakSender::upgrade`].
    #[must_use]
    pub fn upgrade(&self) -> Option<Sender<T>> {
        let inner = self.inner.upgrade()?;
        Some(Sender { end: SenderEnd::upgraded(&self.meta), inner })
    }

    /// See [`tokio::sync::broadcast::WeakSender::strong_count`].
    pub fn strong_count(&self) -> usize {
        self.inner.strong_count()
    }

    /// See [`tokio::sync::broadcast::WeakSender::weak_count`].
    pub fn weak_count(&self) -> usize {
        self.inner.weak_count()
    }
}

#[cfg(not(tokio_before = "1.44"))]
impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), meta: Arc::clone(&self.meta) }
    }
}

#[cfg(not(tokio_before = "1.44"))]
impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// See [`tokio::sync::broadcast::Receiver`].
#[must_use = "as the original: who does not receive holds messages back"]
pub struct Receiver<T> {
    end: ReceiverEnd,
    inner: broadcast::Receiver<Message<T>>,
}

impl<T> Receiver<T> {
    /// See [`tokio::sync::broadcast::Receiver::len`].
    pub fn len(&self) -> usize {
        self.inner.len()
    }

    /// See [`tokio::sync::broadcast::Receiver::is_empty`].
    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }

    /// See [`tokio::sync::broadcast::Receiver::same_channel`].
    pub fn same_channel(&self, other: &Self) -> bool {
        self.inner.same_channel(&other.inner)
    }

    /// See [`tokio::sync::broadcast::Receiver::sender_strong_count`].
    #[cfg(not(tokio_before = "1.44"))]
    pub fn sender_strong_count(&self) -> usize {
        self.inner.sender_strong_count()
    }

    /// See [`tokio::sync::broadcast::Receiver::sender_weak_count`].
    #[cfg(not(tokio_before = "1.44"))]
    pub fn sender_weak_count(&self) -> usize {
        self.inner.sender_weak_count()
    }

    /// See [`tokio::sync::broadcast::Receiver::is_closed`].
    #[cfg(not(tokio_before = "1.44"))]
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }
}

impl<T: Clone> Receiver<T> {
    /// See [`tokio::sync::broadcast::Receiver::resubscribe`].
    pub fn resubscribe(&self) -> Self {
        Self { end: self.end.clone(), inner: self.inner.resubscribe() }
    }

    /// See [`tokio::sync::broadcast::Receiver::recv`].
    ///
    /// # Errors
    ///
    /// If messages were lost, or none will come.
    #[track_caller]
    pub fn recv(&mut self) -> impl Future<Output = Result<T, RecvError>> {
        let place = Location::caller();
        async move {
            let result = Leaf::new(self.inner.recv(), self.end.meta().wants_message(), place).await;
            self.received(result, &RecvError::Closed, place)
        }
    }

    /// See [`tokio::sync::broadcast::Receiver::try_recv`].
    ///
    /// # Errors
    ///
    /// If messages were lost, there is none now, or none will come.
    #[track_caller]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let result = self.inner.try_recv();
        self.received(result, &TryRecvError::Closed, Location::caller())
    }

    /// See [`tokio::sync::broadcast::Receiver::blocking_recv`].
    ///
    /// # Errors
    ///
    /// If messages were lost, or none will come.
    ///
    /// # Panics
    ///
    /// Within an asynchronous context.
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Result<T, RecvError> {
        block_on(self.recv())
    }

    fn received<E: PartialEq>(&self, result: Result<Message<T>, E>, closed: &E, place: Place) -> Result<T, E> {
        match result {
            Ok(message) => Ok(message.receive(self.end.meta(), place)),
            Err(error) => {
                if error == *closed {
                    self.end.meta().saw_closed(place);
                }
                Err(error)
            }
        }
    }
}

impl<T> Named for Receiver<T> {
    fn set_name(&self, name: &str) {
        self.end.meta().set_name(name);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
