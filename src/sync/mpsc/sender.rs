//! The sending ends.

use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use super::channel::{Channel, Unsent};
use super::{SendError, TrySendError};
use crate::name::Named;

/// [`std::sync::mpsc::Sender`], watched.
pub struct Sender<T> {
    channel: Arc<Channel<T>>,
}

/// [`std::sync::mpsc::SyncSender`], watched.
pub struct SyncSender<T> {
    channel: Arc<Channel<T>>,
}

impl<T> Sender<T> {
    pub(super) fn new(channel: Arc<Channel<T>>) -> Self {
        Self { channel }
    }

    /// See [`std::sync::mpsc::Sender::send`].
    ///
    /// # Errors
    ///
    /// Gives the message back if the receiver is gone.
    #[track_caller]
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        self.channel.send(t, Location::caller()).map_err(SendError)
    }
}

impl<T> SyncSender<T> {
    pub(super) fn new(channel: Arc<Channel<T>>) -> Self {
        Self { channel }
    }

    /// See [`std::sync::mpsc::SyncSender::send`].
    ///
    /// # Errors
    ///
    /// Gives the message back if the receiver is gone.
    #[track_caller]
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        self.channel.send(t, Location::caller()).map_err(SendError)
    }

    /// See [`std::sync::mpsc::SyncSender::try_send`].
    ///
    /// # Errors
    ///
    /// Gives the message back if there is no space, or the receiver is gone.
    #[track_caller]
    pub fn try_send(&self, t: T) -> Result<(), TrySendError<T>> {
        self.channel.try_send(t, Location::caller()).map_err(|unsent| match unsent {
            Unsent::Full(t) => TrySendError::Full(t),
            Unsent::Closed(t) => TrySendError::Disconnected(t),
        })
    }
}

/// What both kinds of sender have.
macro_rules! sender {
    ($name:ident) => {
        impl<T> UnwindSafe for $name<T> {}
        impl<T> RefUnwindSafe for $name<T> {}

        impl<T> Clone for $name<T> {
            fn clone(&self) -> Self {
                self.channel.add_sender();
                Self { channel: Arc::clone(&self.channel) }
            }
        }

        impl<T> Drop for $name<T> {
            fn drop(&mut self) {
                self.channel.drop_sender();
            }
        }

        impl<T> Named for $name<T> {
            /// Names the channel.
            fn set_name(&self, name: &str) {
                self.channel.set_name(name);
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}

sender!(Sender);
sender!(SyncSender);
