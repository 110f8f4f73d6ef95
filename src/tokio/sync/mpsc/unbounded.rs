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
use super::receiver::receiver;
use super::sender::sender;
use ::gordian::runtime::ends::{Message, ReceiverEnd, SenderEnd, ends};

/// See [`tokio::sync::mpsc::unbounded_channel`].
#[track_caller]
pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let (sender_end, receiver_end) = ends(Location::caller());
    let receiver = UnboundedReceiver::new(receiver_end, receiver, Location::caller());
    (UnboundedSender { end: sender_end, inner: sender }, receiver)
}

receiver! {
    /// See [`tokio::sync::mpsc::UnboundedReceiver`].
    UnboundedReceiver
}

sender! {
    /// See [`tokio::sync::mpsc::UnboundedSender`].
    UnboundedSender, WeakUnboundedSender
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
        sent.map_err(|SendError(message)| SendError(message.refused()))
    }
}
