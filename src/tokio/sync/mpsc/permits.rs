//! Room in a channel that is kept for a message.

use std::fmt;
use std::iter::FusedIterator;
use std::panic::Location;

use ::tokio::sync::mpsc;

use super::bounded::Sender;
use ::gordian::runtime::ends::{Message, SenderEnd};

/// See [`tokio::sync::mpsc::Permit`].
pub struct Permit<'a, T> {
    inner: mpsc::Permit<'a, Message<T>>,
    end: &'a SenderEnd,
}

impl<'a, T> Permit<'a, T> {
    pub(super) fn new(inner: mpsc::Permit<'a, Message<T>>, end: &'a SenderEnd) -> Self {
        Self { inner, end }
    }

    /// See [`tokio::sync::mpsc::Permit::send`].
    #[track_caller]
    pub fn send(self, value: T) {
        self.inner.send(self.end.message(value, Location::caller()));
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// See [`tokio::sync::mpsc::PermitIterator`].
pub struct PermitIterator<'a, T> {
    inner: mpsc::PermitIterator<'a, Message<T>>,
    end: &'a SenderEnd,
}

impl<'a, T> PermitIterator<'a, T> {
    pub(super) fn new(inner: mpsc::PermitIterator<'a, Message<T>>, end: &'a SenderEnd) -> Self {
        Self { inner, end }
    }
}

impl<'a, T> Iterator for PermitIterator<'a, T> {
    type Item = Permit<'a, T>;

    fn next(&mut self) -> Option<Permit<'a, T>> {
        Some(Permit::new(self.inner.next()?, self.end))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.size_hint()
    }
}

impl<T> ExactSizeIterator for PermitIterator<'_, T> {}
impl<T> FusedIterator for PermitIterator<'_, T> {}

impl<T> fmt::Debug for PermitIterator<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// See [`tokio::sync::mpsc::OwnedPermit`].
pub struct OwnedPermit<T> {
    end: SenderEnd,
    inner: mpsc::OwnedPermit<Message<T>>,
}

impl<T> OwnedPermit<T> {
    pub(super) fn new(inner: mpsc::OwnedPermit<Message<T>>, end: SenderEnd) -> Self {
        Self { end, inner }
    }

    /// See [`tokio::sync::mpsc::OwnedPermit::send`].
    #[track_caller]
    pub fn send(self, value: T) -> Sender<T> {
        let Self { end, inner } = self;
        let inner = inner.send(end.message(value, Location::caller()));
        Sender { end, inner }
    }

    /// See [`tokio::sync::mpsc::OwnedPermit::release`].
    pub fn release(self) -> Sender<T> {
        let Self { end, inner } = self;
        Sender { end, inner: inner.release() }
    }

    /// See [`tokio::sync::mpsc::OwnedPermit::same_channel`].
    #[cfg(not(tokio_before = "1.46"))]
    pub fn same_channel(&self, other: &Self) -> bool {
        self.inner.same_channel(&other.inner)
    }

    /// See [`tokio::sync::mpsc::OwnedPermit::same_channel_as_sender`].
    #[cfg(not(tokio_before = "1.46"))]
    pub fn same_channel_as_sender(&self, sender: &Sender<T>) -> bool {
        self.inner.same_channel_as_sender(&sender.inner)
    }
}

impl<T> fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
