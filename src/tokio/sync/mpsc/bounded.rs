//! Channels with a limit.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
#[cfg(not(tokio_without = "time"))]
use std::time::Duration;

use ::gordian::Named;
use ::gordian::runtime::Place;
use ::gordian::runtime::leaf::Leaf;
use ::gordian::runtime::messages::MessagesMeta;
use ::tokio::sync::mpsc;
#[cfg(not(tokio_without = "time"))]
use mpsc::error::SendTimeoutError;
use mpsc::error::{SendError, TryRecvError, TrySendError};

use super::super::super::blocking::block_on;
use super::super::super::budget;
#[cfg(not(tokio_without = "time"))]
use super::super::super::time::timeout;
use super::super::super::wait::wait;
use super::permits::{OwnedPermit, Permit, PermitIterator};
use super::receiver::receiver;
use super::sender::sender;
use ::gordian::runtime::ends::{Message, ReceiverEnd, SenderEnd, ends};

/// See [`tokio::sync::mpsc::channel`].
///
/// # Panics
///
/// If the capacity is 0, or more than a semaphore has permits.
#[track_caller]
pub fn channel<T>(buffer: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = mpsc::channel(buffer);
    let (sender_end, receiver_end) = ends(Location::caller());
    (Sender { end: sender_end, inner: sender }, Receiver::new(receiver_end, receiver, Location::caller()))
}

receiver! {
    /// See [`tokio::sync::mpsc::Receiver`].
    Receiver
}

impl<T> Receiver<T> {
    /// See [`tokio::sync::mpsc::Receiver::capacity`].
    pub fn capacity(&self) -> usize {
        self.inner.capacity()
    }

    /// See [`tokio::sync::mpsc::Receiver::max_capacity`].
    pub fn max_capacity(&self) -> usize {
        self.inner.max_capacity()
    }
}

sender! {
    /// See [`tokio::sync::mpsc::Sender`].
    Sender, WeakSender
}

impl<T> Sender<T> {
    /// See [`tokio::sync::mpsc::Sender::send`].
    ///
    /// # Errors
    ///
    /// The value if the receiver is gone.
    #[track_caller]
    pub fn send(&self, value: T) -> impl Future<Output = Result<(), SendError<T>>> {
        let place = Location::caller();
        async move {
            match self.real_reserve(place).await {
                Ok(permit) => {
                    permit.send(self.end.message(value, place));
                    Ok(())
                }
                Err(_) => Err(SendError(value)),
            }
        }
    }

    /// Waits for room.
    async fn real_reserve(&self, place: Place) -> Result<mpsc::Permit<'_, Message<T>>, SendError<()>> {
        if let Some(permit) = budget::spend(|| self.inner.try_reserve().ok()) {
            return Ok(permit);
        }
        let reserve = pin!(self.inner.reserve());
        let reserved = wait(reserve, || self.end.meta().wants_room(), place).await;
        reserved.inspect_err(|_| self.end.meta().saw_closed(place))
    }

    /// See [`tokio::sync::mpsc::Sender::try_send`].
    ///
    /// # Errors
    ///
    /// The value if there is no room, or the receiver is gone.
    #[track_caller]
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.inner.try_send(self.end.message(message, Location::caller())).map_err(|error| match error {
            TrySendError::Full(message) => TrySendError::Full(message.refused()),
            TrySendError::Closed(message) => TrySendError::Closed(message.refused()),
        })
    }

    /// See [`tokio::sync::mpsc::Sender::send_timeout`].
    ///
    /// # Errors
    ///
    /// The value if there was no room in time, or the receiver is gone.
    #[cfg(not(tokio_without = "time"))]
    #[track_caller]
    pub fn send_timeout(&self, value: T, timeout: Duration) -> impl Future<Output = Result<(), SendTimeoutError<T>>> {
        let place = Location::caller();
        async move {
            match self::timeout(timeout, self.real_reserve(place)).await {
                Err(_) => Err(SendTimeoutError::Timeout(value)),
                Ok(Err(_)) => Err(SendTimeoutError::Closed(value)),
                Ok(Ok(permit)) => {
                    permit.send(self.end.message(value, place));
                    Ok(())
                }
            }
        }
    }

    /// See [`tokio::sync::mpsc::Sender::blocking_send`].
    ///
    /// # Errors
    ///
    /// The value if the receiver is gone.
    ///
    /// # Panics
    ///
    /// Within an asynchronous context.
    #[track_caller]
    pub fn blocking_send(&self, value: T) -> Result<(), SendError<T>> {
        block_on(self.send(value))
    }

    /// See [`tokio::sync::mpsc::Sender::reserve`].
    ///
    /// # Errors
    ///
    /// If the receiver is gone.
    #[track_caller]
    pub fn reserve(&self) -> impl Future<Output = Result<Permit<'_, T>, SendError<()>>> {
        let place = Location::caller();
        async move { Ok(Permit::new(self.real_reserve(place).await?, &self.end)) }
    }

    /// See [`tokio::sync::mpsc::Sender::reserve_many`].
    ///
    /// # Errors
    ///
    /// If the receiver is gone, or the channel has never so much room.
    #[track_caller]
    pub fn reserve_many(&self, n: usize) -> impl Future<Output = Result<PermitIterator<'_, T>, SendError<()>>> {
        let place = Location::caller();
        async move {
            let permits = Leaf::new(self.inner.reserve_many(n), self.end.meta().wants_room(), place).await?;
            Ok(PermitIterator::new(permits, &self.end))
        }
    }

    /// See [`tokio::sync::mpsc::Sender::reserve_owned`].
    ///
    /// # Errors
    ///
    /// If the receiver is gone.
    #[track_caller]
    pub fn reserve_owned(self) -> impl Future<Output = Result<OwnedPermit<T>, SendError<()>>> {
        let place = Location::caller();
        async move {
            let Self { end, inner } = self;
            let permit = Leaf::new(inner.reserve_owned(), end.meta().wants_room(), place).await?;
            Ok(OwnedPermit::new(permit, end))
        }
    }

    /// See [`tokio::sync::mpsc::Sender::try_reserve`].
    ///
    /// # Errors
    ///
    /// If there is no room, or the receiver is gone.
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        Ok(Permit::new(self.inner.try_reserve()?, &self.end))
    }

    /// See [`tokio::sync::mpsc::Sender::try_reserve_many`].
    ///
    /// # Errors
    ///
    /// If there is not so much room, or the receiver is gone.
    pub fn try_reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, TrySendError<()>> {
        Ok(PermitIterator::new(self.inner.try_reserve_many(n)?, &self.end))
    }

    /// See [`tokio::sync::mpsc::Sender::try_reserve_owned`].
    ///
    /// # Errors
    ///
    /// The sender if there is no room, or the receiver is gone.
    pub fn try_reserve_owned(self) -> Result<OwnedPermit<T>, TrySendError<Self>> {
        let Self { end, inner } = self;
        match inner.try_reserve_owned() {
            Ok(permit) => Ok(OwnedPermit::new(permit, end)),
            Err(TrySendError::Full(inner)) => Err(TrySendError::Full(Self { end, inner })),
            Err(TrySendError::Closed(inner)) => Err(TrySendError::Closed(Self { end, inner })),
        }
    }

    /// See [`tokio::sync::mpsc::Sender::capacity`].
    pub fn capacity(&self) -> usize {
        self.inner.capacity()
    }

    /// See [`tokio::sync::mpsc::Sender::max_capacity`].
    pub fn max_capacity(&self) -> usize {
        self.inner.max_capacity()
    }
}
