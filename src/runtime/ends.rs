//! The two ends of a channel, and what is on its way between them.

use std::sync::Arc;

use super::Place;
use super::messages::{MessagesMeta, Stamp};
use crate::event::ObjectKind;

/// A message with what came before it.
#[derive(Clone, Debug)]
pub struct Message<T> {
    /// The user's part.
    pub value: T,
    /// What its sender knew.
    pub stamp: Stamp,
}

impl<T> Message<T> {
    /// Of nobody who is known: it will be refused.
    pub fn unstamped(value: T) -> Self {
        Self { value, stamp: Stamp::default() }
    }

    /// The user's part. The current owner has received it at `place`.
    #[inline]
    pub fn receive(self, meta: &MessagesMeta, place: Place) -> T {
        meta.received(&self.stamp, place);
        self.value
    }

    /// As [`receive`](Self::receive), of a channel in which one receiver gets each message.
    #[inline]
    pub fn take(self, meta: &MessagesMeta, place: Place) -> T {
        meta.taken(&self.stamp, place);
        self.value
    }

    /// The user's part, of a message that was refused.
    pub fn refused(self) -> T {
        self.value
    }
}

/// A channel, with one end of either sort.
#[must_use]
pub fn ends(created: Place) -> (SenderEnd, ReceiverEnd) {
    let meta = Arc::new(MessagesMeta::new(ObjectKind::Channel, created));
    (SenderEnd(Arc::clone(&meta)), ReceiverEnd { meta, closed: false })
}

/// One that can send. Dropped before the original.
#[derive(Debug)]
pub struct SenderEnd(Arc<MessagesMeta>);

/// One that can receive. Dropped before the original.
#[derive(Debug)]
pub struct ReceiverEnd {
    meta: Arc<MessagesMeta>,
    closed: bool,
}

impl SenderEnd {
    /// A sender made of what keeps no channel open.
    pub fn upgraded(meta: &Arc<MessagesMeta>) -> Self {
        Self(Arc::clone(meta))
    }

    /// What is known of the channel.
    #[inline]
    pub fn meta(&self) -> &Arc<MessagesMeta> {
        &self.0
    }

    /// A message to be put in at once.
    #[inline]
    pub fn message<T>(&self, value: T, place: Place) -> Message<T> {
        Message { value, stamp: self.0.sending(place) }
    }
}

impl Clone for SenderEnd {
    fn clone(&self) -> Self {
        Self::upgraded(&self.0)
    }
}

impl Drop for SenderEnd {
    fn drop(&mut self) {
        self.0.sender_gone();
    }
}

impl ReceiverEnd {
    /// A receiver for what some sender sends.
    pub fn subscribed(meta: &Arc<MessagesMeta>) -> Self {
        Self { meta: Arc::clone(meta), closed: false }
    }

    /// What is known of the channel.
    #[inline]
    pub fn meta(&self) -> &Arc<MessagesMeta> {
        &self.meta
    }

    /// The receiver takes no more than what there is.
    pub fn close(&mut self) {
        if !std::mem::replace(&mut self.closed, true) {
            self.meta.receiver_gone();
        }
    }
}

impl Clone for ReceiverEnd {
    fn clone(&self) -> Self {
        Self::subscribed(&self.meta)
    }
}

impl Drop for ReceiverEnd {
    fn drop(&mut self) {
        self.close();
    }
}
