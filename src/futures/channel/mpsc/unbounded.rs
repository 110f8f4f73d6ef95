//! Channels without a limit.

use std::fmt;
use std::hash::Hasher;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use ::futures::channel::mpsc;
use ::futures::sink::Sink;
use ::futures::stream::{FusedStream, Stream};
use ::gordian::Named;
use ::gordian::runtime::Place;
use ::gordian::runtime::ends::{Message, ReceiverEnd, SenderEnd, ends};
use ::gordian::runtime::leaf::Leaf;
use mpsc::{SendError, TryRecvError};

use super::super::here;
use super::error::TrySendError;
use super::receiver::{Recv, receiver};

/// See [`futures::channel::mpsc::unbounded`].
#[track_caller]
pub fn unbounded<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    let place = Location::caller();
    let (sender, receiver) = mpsc::unbounded();
    let (sender_end, receiver_end) = ends(place);
    let sender = UnboundedSender { end: Some(sender_end), created: place, real: sender };
    (sender, UnboundedReceiver::new(receiver_end, receiver, place))
}

receiver! {
    /// See [`futures::channel::mpsc::UnboundedReceiver`].
    UnboundedReceiver
}

/// See [`futures::channel::mpsc::UnboundedSender`].
pub struct UnboundedSender<T> {
    /// None: it is disconnected. Dropped before the original.
    end: Option<SenderEnd>,
    created: Place,
    real: mpsc::UnboundedSender<Message<T>>,
}

impl<T> UnboundedSender<T> {
    /// See [`futures::channel::mpsc::UnboundedSender::poll_ready`].
    pub fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.real.poll_ready(cx)
    }

    /// See [`futures::channel::mpsc::UnboundedSender::is_closed`].
    pub fn is_closed(&self) -> bool {
        self.real.is_closed()
    }

    /// See [`futures::channel::mpsc::UnboundedSender::close_channel`].
    pub fn close_channel(&self) {
        if let Some(end) = &self.end {
            end.meta().sender_gone();
        }
        self.real.close_channel();
    }

    /// See [`futures::channel::mpsc::UnboundedSender::disconnect`].
    pub fn disconnect(&mut self) {
        self.end = None;
        self.real.disconnect();
    }

    /// See [`futures::channel::mpsc::UnboundedSender::start_send`].
    ///
    /// # Errors
    ///
    /// If nobody will receive the message.
    #[track_caller]
    pub fn start_send(&mut self, msg: T) -> Result<(), SendError> {
        let message = self.message(msg, here(Location::caller(), self.created));
        self.real.start_send(message)
    }

    /// See [`futures::channel::mpsc::UnboundedSender::unbounded_send`].
    ///
    /// # Errors
    ///
    /// The message if nobody will receive it.
    #[track_caller]
    pub fn unbounded_send(&self, msg: T) -> Result<(), TrySendError<T>> {
        let message = self.message(msg, Location::caller());
        self.real.unbounded_send(message).map_err(TrySendError::of)
    }

    fn message(&self, msg: T, place: Place) -> Message<T> {
        match &self.end {
            Some(end) => end.message(msg, place),
            None => Message::unstamped(msg),
        }
    }

    /// See [`futures::channel::mpsc::UnboundedSender::same_receiver`].
    pub fn same_receiver(&self, other: &Self) -> bool {
        self.real.same_receiver(&other.real)
    }

    /// See [`futures::channel::mpsc::UnboundedSender::is_connected_to`].
    pub fn is_connected_to(&self, receiver: &UnboundedReceiver<T>) -> bool {
        self.real.is_connected_to(&receiver.real)
    }

    /// See [`futures::channel::mpsc::UnboundedSender::hash_receiver`].
    pub fn hash_receiver<H>(&self, hasher: &mut H)
    where
        H: Hasher,
    {
        self.real.hash_receiver(hasher);
    }

    /// See [`futures::channel::mpsc::UnboundedSender::len`].
    pub fn len(&self) -> usize {
        self.real.len()
    }

    /// See [`futures::channel::mpsc::UnboundedSender::is_empty`].
    pub fn is_empty(&self) -> bool {
        self.real.is_empty()
    }
}

impl<T> Unpin for UnboundedSender<T> {}

impl<T> Clone for UnboundedSender<T> {
    fn clone(&self) -> Self {
        Self { real: self.real.clone(), end: self.end.clone(), created: self.created }
    }
}

impl<T> Named for UnboundedSender<T> {
    fn set_name(&self, name: &str) {
        if let Some(end) = &self.end {
            end.meta().set_name(name);
        }
    }
}

impl<T> fmt::Debug for UnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.real.fmt(f)
    }
}

impl<T> Sink<T> for UnboundedSender<T> {
    type Error = SendError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Self::poll_ready(&self, cx)
    }

    #[track_caller]
    fn start_send(mut self: Pin<&mut Self>, msg: T) -> Result<(), SendError> {
        Self::start_send(&mut self, msg)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.disconnect();
        Poll::Ready(Ok(()))
    }
}

impl<T> Sink<T> for &UnboundedSender<T> {
    type Error = SendError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        UnboundedSender::poll_ready(*self, cx)
    }

    #[track_caller]
    fn start_send(self: Pin<&mut Self>, msg: T) -> Result<(), SendError> {
        self.unbounded_send(msg).map_err(TrySendError::into_send_error)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.close_channel();
        Poll::Ready(Ok(()))
    }
}
