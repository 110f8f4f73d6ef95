//! Drop-in replacement of [`std::sync::mpsc`], watched.
//!
//! The channel is one of our own, so that it is known who waits for whom, and which message orders what. Its semantics are
//! the original's: a message is received or given back, nothing is lost by a time limit, and either side learns that the
//! other is gone.

mod channel;
mod receiver;
mod sender;

pub use receiver::{IntoIter, Iter, Receiver, TryIter};
pub use sender::{Sender, SyncSender};
pub use std::sync::mpsc::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};

use std::panic::Location;

use channel::Channel;

/// See [`std::sync::mpsc::channel`].
#[must_use]
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let channel = Channel::new(None, Location::caller());
    (Sender::new(channel.clone()), Receiver::new(channel))
}

/// See [`std::sync::mpsc::sync_channel`].
#[must_use]
#[track_caller]
pub fn sync_channel<T>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
    let channel = Channel::new(Some(bound), Location::caller());
    (SyncSender::new(channel.clone()), Receiver::new(channel))
}
