//! Channels without a limit.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::gordian::Named;
use ::gordian::runtime::Place;
use ::gordian::runtime::leaf::Leaf;
use ::gordian::runtime::messages::MessagesMeta;
use ::tokio::sync::mpsc;
use mpsc::error::{SendError, TryRecvError};

use super::super::super::blocking::block_on;
use super::super::super::wait::wait;
use super::super::ends::{Message, ReceiverEnd, SenderEnd, ends};
use super::receiver::receiver;

/// See [`tokio::sync::mpsc::unbounded_channel`].
#[track_caller]
pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let (sender_end, receiver_end) = ends(None, Location::caller());
    let receiver = UnboundedReceiver::new(receiver_end, receiver, Location::caller());
    (UnboundedSender { end: sender_end, inner: sender }, receiver)
}

receiver! {
    /// See [`tokio::sync::mpsc::UnboundedReceiver`].
    UnboundedReceiver, "UnboundedReceiver"
}

/// See [`tokio::sync::mpsc::UnboundedSender`].
pub struct UnboundedSender<T> {
    end: SenderEnd,
    inner: mpsc::UnboundedSender<Message<T>>,
}

impl<T> UnboundedSender<T> {
    /// See [`tokio::sync::mpsc::UnboundedSender::send`].
    ///
    /// # Errors
    ///
    /// The value if the receiver is gone.
    #[track_caller]
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        let sent = self.inner.send(self.end.message(message, Location::caller()));
        sent.map_err(|SendError(message)| SendError(message.refused(self.end.meta())))
    }

    /// See [`tokio::sync::mpsc::UnboundedSender::closed`].
    #[track_caller]
    pub fn closed(&self) -> impl Future<Output = ()> {
        let place = Location::caller();
        async move {
            Leaf::new(self.inner.closed(), self.end.meta().wants_close(), place).await;
            self.end.meta().saw_closed(place);
        }
    }

    /// See [`tokio::sync::mpsc::UnboundedSender::is_closed`].
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// See [`tokio::sync::mpsc::UnboundedSender::same_channel`].
    pub fn same_channel(&self, other: &Self) -> bool {
        self.inner.same_channel(&other.inner)
    }

    /// See [`tokio::sync::mpsc::UnboundedSender::downgrade`].
    pub fn downgrade(&self) -> WeakUnboundedSender<T> {
        WeakUnboundedSender { inner: self.inner.downgrade(), meta: Arc::clone(self.end.meta()) }
    }

    /// See [`tokio::sync::mpsc::UnboundedSender::strong_count`].
    pub fn strong_count(&self) -> usize {
        self.inner.strong_count()
    }

    /// See [`tokio::sync::mpsc::UnboundedSender::weak_count`].
    pub fn weak_count(&self) -> usize {
        self.inner.weak_count()
    }
}

impl<T> Named for UnboundedSender<T> {
    fn set_name(&self, name: &str) {
        self.end.meta().set_name(name);
    }
}

impl<T> Clone for UnboundedSender<T> {
    fn clone(&self) -> Self {
        Self { end: self.end.clone(), inner: self.inner.clone() }
    }
}

impl<T> fmt::Debug for UnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// See [`tokio::sync::mpsc::WeakUnboundedSender`].
pub struct WeakUnboundedSender<T> {
    inner: mpsc::WeakUnboundedSender<Message<T>>,
    meta: Arc<MessagesMeta>,
}

impl<T> WeakUnboundedSender<T> {
    /// See [`tokio::sync::mpsc::WeakUnboundedSender::upgrade`].
    pub fn upgrade(&self) -> Option<UnboundedSender<T>> {
        let inner = self.inner.upgrade()?;
        Some(UnboundedSender { end: SenderEnd::upgraded(&self.meta), inner })
    }

    /// See [`tokio::sync::mpsc::WeakUnboundedSender::strong_count`].
    pub fn strong_count(&self) -> usize {
        self.inner.strong_count()
    }

    /// See [`tokio::sync::mpsc::WeakUnboundedSender::weak_count`].
    pub fn weak_count(&self) -> usize {
        self.inner.weak_count()
    }
}

impl<T> Clone for WeakUnboundedSender<T> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), meta: Arc::clone(&self.meta) }
    }
}

impl<T> fmt::Debug for WeakUnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
