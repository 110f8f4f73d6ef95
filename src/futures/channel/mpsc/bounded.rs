//! Channels with a limit.

use std::fmt;
use std::hash::Hasher;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::futures::channel::mpsc;
use ::futures::sink::Sink;
use ::futures::stream::{FusedStream, Stream};
use ::gordian::Named;
use ::gordian::runtime::Place;
use ::gordian::runtime::ends::{Message, ReceiverEnd, SenderEnd, ends};
use ::gordian::runtime::leaf::{Leaf, Target};
use mpsc::{SendError, TryRecvError};

use super::super::here;
use super::error::TrySendError;
use super::receiver::{Recv, receiver};

/// See [`futures::channel::mpsc::channel`].
#[track_caller]
pub fn channel<T>(buffer: usize) -> (Sender<T>, Receiver<T>) {
    let place = Location::caller();
    let (sender, receiver) = mpsc::channel(buffer);
    let (sender_end, receiver_end) = ends(place);
    (Sender::new(Some(sender_end), sender, place), Receiver::new(receiver_end, receiver, place))
}

receiver! {
    /// See [`futures::channel::mpsc::Receiver`].
    Receiver
}

/// See [`futures::channel::mpsc::Sender`].
pub struct Sender<T> {
    /// None: it is disconnected. Dropped before the original.
    end: Option<SenderEnd>,
    /// The wait for room.
    wait: Leaf<()>,
    real: mpsc::Sender<Message<T>>,
}

impl<T> Sender<T> {
    fn new(end: Option<SenderEnd>, real: mpsc::Sender<Message<T>>, created: Place) -> Self {
        // Every sender has room of its own, and being woken gives none.
        let target = end.as_ref().map_or_else(Target::foreign, |end| end.meta().wants_room().without_grant());
        Self { end, wait: Leaf::new((), target, created), real }
    }

    /// See [`futures::channel::mpsc::Sender::try_send`].
    ///
    /// # Errors
    ///
    /// The message if there is no room, or nobody will receive it.
    #[track_caller]
    pub fn try_send(&mut self, msg: T) -> Result<(), TrySendError<T>> {
        let message = self.message(msg, Location::caller());
        self.real.try_send(message).map_err(TrySendError::of)
    }

    /// See [`futures::channel::mpsc::Sender::start_send`].
    ///
    /// # Errors
    ///
    /// If there is no room, or nobody will receive the message.
    #[track_caller]
    pub fn start_send(&mut self, msg: T) -> Result<(), SendError> {
        let message = self.message(msg, here(Location::caller(), self.wait.place()));
        self.real.start_send(message)
    }

    fn message(&self, msg: T, place: Place) -> Message<T> {
        match &self.end {
            Some(end) => end.message(msg, place),
            None => Message::unstamped(msg),
        }
    }

    /// See [`futures::channel::mpsc::Sender::poll_ready`].
    #[track_caller]
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let place = here(Location::caller(), self.wait.place());
        self.wait.awaited_at(place);
        let real = &mut self.real;
        let result = ready!(self.wait.poll_with(cx, |(), cx| real.poll_ready(cx)));
        if let (Err(_), Some(end)) = (&result, &self.end) {
            end.meta().saw_closed(place);
        }
        Poll::Ready(result)
    }

    /// See [`futures::channel::mpsc::Sender::is_closed`].
    pub fn is_closed(&self) -> bool {
        self.real.is_closed()
    }

    /// See [`futures::channel::mpsc::Sender::close_channel`].
    pub fn close_channel(&mut self) {
        if let Some(end) = &self.end {
            end.meta().sender_gone();
        }
        self.real.close_channel();
    }

    /// See [`futures::channel::mpsc::Sender::disconnect`].
    pub fn disconnect(&mut self) {
        self.end = None;
        self.real.disconnect();
    }

    /// See [`futures::channel::mpsc::Sender::same_receiver`].
    pub fn same_receiver(&self, other: &Self) -> bool {
        self.real.same_receiver(&other.real)
    }

    /// See [`futures::channel::mpsc::Sender::is_connected_to`].
    pub fn is_connected_to(&self, receiver: &Receiver<T>) -> bool {
        self.real.is_connected_to(&receiver.real)
    }

    /// See [`futures::channel::mpsc::Sender::hash_receiver`].
    pub fn hash_receiver<H>(&self, hasher: &mut H)
    where
        H: Hasher,
    {
        self.real.hash_receiver(hasher);
    }
}

impl<T> Unpin for Sender<T> {}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self::new(self.end.clone(), self.real.clone(), self.wait.place())
    }
}

impl<T> Named for Sender<T> {
    fn set_name(&self, name: &str) {
        if let Some(end) = &self.end {
            end.meta().set_name(name);
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.real.fmt(f)
    }
}

impl<T> Sink<T> for Sender<T> {
    type Error = SendError;

    #[track_caller]
    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        (*self).poll_ready(cx)
    }

    #[track_caller]
    fn start_send(mut self: Pin<&mut Self>, msg: T) -> Result<(), SendError> {
        (*self).start_send(msg)
    }

    #[track_caller]
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        match ready!((*self).poll_ready(cx)) {
            // Nobody is left to flush it to.
            Err(error) if error.is_disconnected() => Poll::Ready(Ok(())),
            result => Poll::Ready(result),
        }
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.disconnect();
        Poll::Ready(Ok(()))
    }
}
