//! The two ends of a channel, and what is on its way between them.

use std::sync::Arc;

use ::gordian::event::ObjectKind;
use ::gordian::runtime::Place;
use ::gordian::runtime::messages::{MessagesMeta, Stamp};

/// A message with what came before it.
#[derive(Clone, Debug)]
pub(super) struct Message<T> {
    pub(super) value: T,
    pub(super) stamp: Stamp,
}

impl<T> Message<T> {
    /// The user's part. The current owner has received it at `place`.
    #[inline]
    pub(super) fn receive(self, meta: &MessagesMeta, place: Place) -> T {
        meta.received(&self.stamp, place);
        self.value
    }

    /// As [`receive`](Self::receive), of a channel in which one receiver gets each message.
    #[inline]
    pub(super) fn take(self, meta: &MessagesMeta, place: Place) -> T {
        meta.taken(&self.stamp, place);
        self.value
    }

    /// The user's part, of a message that was refused.
    pub(super) fn refused(self) -> T {
        self.value
    }
}

/// A channel, with one end of either sort.
pub(super) fn ends(created: Place) -> (SenderEnd, ReceiverEnd) {
    let meta = Arc::new(MessagesMeta::new(ObjectKind::Channel, created));
    (SenderEnd(Arc::clone(&meta)), ReceiverEnd { meta, closed: false })
}

/// One that can send. Dropped before the original.
#[derive(Debug)]
pub(super) struct SenderEnd(Arc<MessagesMeta>);

/// One that can receive. Dropped before the original.
#[derive(Debug)]
pub(super) struct ReceiverEnd {
    meta: Arc<MessagesMeta>,
    closed: bool,
}

impl SenderEnd {
    /// A sender made of what keeps no channel open.
    pub(super) fn upgraded(meta: &Arc<MessagesMeta>) -> Self {
        Self(Arc::clone(meta))
    }

    #[inline]
    pub(super) fn meta(&self) -> &Arc<MessagesMeta> {
        &self.0
    }

    /// A message to be put in at once.
    #[inline]
    pub(super) fn message<T>(&self, value: T, place: Place) -> Message<T> {
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
    pub(super) fn subscribed(meta: &Arc<MessagesMeta>) -> Self {
        Self { meta: Arc::clone(meta), closed: false }
    }

    #[inline]
    pub(super) fn meta(&self) -> &Arc<MessagesMeta> {
        &self.meta
    }

    /// The receiver takes no more than what there is.
    pub(super) fn close(&mut self) {
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
