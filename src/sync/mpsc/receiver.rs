//! The receiving end.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::channel::{Channel, Nothing, Patience};
use super::{RecvError, RecvTimeoutError, TryRecvError};
use crate::name::Named;

type Place = &'static Location<'static>;

/// The place that says something to the user: where `next` was called, or, when an adapter of the standard library called
/// it (`iter().sum()`), where the iterator was made.
fn users(called: Place, made: Place) -> Place {
    let library = ["/rustc/", "/library/core/src/", "/library/alloc/src/"];
    if library.iter().any(|part| called.file().contains(part)) { made } else { called }
}

/// [`std::sync::mpsc::Receiver`], watched.
pub struct Receiver<T> {
    channel: Arc<Channel<T>>,
    /// One thread at a time: not `Sync`.
    alone: PhantomData<Cell<()>>,
}

/// [`std::sync::mpsc::Iter`], watched.
#[derive(Debug)]
pub struct Iter<'a, T: 'a> {
    receiver: &'a Receiver<T>,
    made: Place,
}

/// [`std::sync::mpsc::TryIter`], watched.
#[derive(Debug)]
pub struct TryIter<'a, T: 'a> {
    receiver: &'a Receiver<T>,
    made: Place,
}

/// [`std::sync::mpsc::IntoIter`], watched.
#[derive(Debug)]
pub struct IntoIter<T> {
    receiver: Receiver<T>,
    made: Place,
}

impl<T> Receiver<T> {
    pub(super) fn new(channel: Arc<Channel<T>>) -> Self {
        Self { channel, alone: PhantomData }
    }

    fn receive(&self, patience: Patience, place: Place) -> Option<T> {
        self.channel.receive(patience, place).ok()
    }

    /// See [`std::sync::mpsc::Receiver::try_recv`].
    ///
    /// # Errors
    ///
    /// If there is no message now, or there will be none.
    #[track_caller]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.channel.receive(Patience::None, Location::caller()).map_err(|nothing| match nothing {
            Nothing::Empty => TryRecvError::Empty,
            Nothing::Closed => TryRecvError::Disconnected,
        })
    }

    /// See [`std::sync::mpsc::Receiver::recv`].
    ///
    /// # Errors
    ///
    /// If there is no message and all senders are gone.
    #[track_caller]
    pub fn recv(&self) -> Result<T, RecvError> {
        self.channel.receive(Patience::Endless, Location::caller()).map_err(|_| RecvError)
    }

    /// See [`std::sync::mpsc::Receiver::recv_timeout`].
    ///
    /// # Errors
    ///
    /// If the time has passed without a message, or all senders are gone.
    #[track_caller]
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        let patience = Instant::now().checked_add(timeout).map_or(Patience::Ages, Patience::Until);
        self.channel.receive(patience, Location::caller()).map_err(|nothing| match nothing {
            Nothing::Empty => RecvTimeoutError::Timeout,
            Nothing::Closed => RecvTimeoutError::Disconnected,
        })
    }

    /// See [`std::sync::mpsc::Receiver::iter`].
    #[track_caller]
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { receiver: self, made: Location::caller() }
    }

    /// See [`std::sync::mpsc::Receiver::try_iter`].
    #[track_caller]
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter { receiver: self, made: Location::caller() }
    }
}

impl<T> UnwindSafe for Receiver<T> {}
impl<T> RefUnwindSafe for Receiver<T> {}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.channel.drop_receiver();
    }
}

impl<T> Named for Receiver<T> {
    /// Names the channel.
    fn set_name(&self, name: &str) {
        self.channel.set_name(name);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    #[track_caller]
    fn next(&mut self) -> Option<T> {
        self.receiver.receive(Patience::Endless, users(Location::caller(), self.made))
    }
}

impl<T> Iterator for TryIter<'_, T> {
    type Item = T;

    #[track_caller]
    fn next(&mut self) -> Option<T> {
        self.receiver.receive(Patience::None, users(Location::caller(), self.made))
    }
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    #[track_caller]
    fn next(&mut self) -> Option<T> {
        self.receiver.receive(Patience::Endless, users(Location::caller(), self.made))
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    #[track_caller]
    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    #[track_caller]
    fn into_iter(self) -> IntoIter<T> {
        IntoIter { receiver: self, made: Location::caller() }
    }
}
