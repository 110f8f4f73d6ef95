//! [`tokio::sync::oneshot`], watched.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::gordian::Named;
use ::gordian::runtime::Place;
use ::gordian::runtime::leaf::Leaf;
use ::tokio::sync::oneshot;
pub use ::tokio::sync::oneshot::*;
use oneshot::error::{RecvError, TryRecvError};

use super::super::blocking::block_on;
use ::gordian::runtime::ends::{Message, ReceiverEnd, SenderEnd, ends};

/// See [`tokio::sync::oneshot::channel`].
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let place = Location::caller();
    let (sender, receiver) = oneshot::channel();
    let (sender_end, receiver_end) = ends(place);
    let leaf = Leaf::new(receiver, receiver_end.meta().wants_message(), place);
    let closed = Leaf::new((), sender_end.meta().wants_close(), place);
    (Sender { end: sender_end, closed, inner: sender }, Receiver { end: receiver_end, leaf })
}

/// See [`tokio::sync::oneshot::Sender`].
pub struct Sender<T> {
    end: SenderEnd,
    /// The wait in [`poll_closed`](Self::poll_closed).
    closed: Leaf<()>,
    inner: oneshot::Sender<Message<T>>,
}

impl<T> Sender<T> {
    /// See [`tokio::sync::oneshot::Sender::send`].
    ///
    /// # Errors
    ///
    /// The value if nobody will receive it.
    #[track_caller]
    pub fn send(self, t: T) -> Result<(), T> {
        let Self { end, inner, .. } = self;
        let message = end.message(t, Location::caller());
        inner.send(message).map_err(|message| message.refused())
    }

    /// See [`tokio::sync::oneshot::Sender::closed`].
    #[track_caller]
    pub fn closed(&mut self) -> impl Future<Output = ()> {
        let place = Location::caller();
        async move {
            Leaf::new(self.inner.closed(), self.end.meta().wants_close(), place).await;
            self.end.meta().saw_closed(place);
        }
    }

    /// See [`tokio::sync::oneshot::Sender::is_closed`].
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// See [`tokio::sync::oneshot::Sender::poll_closed`].
    #[track_caller]
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let inner = &mut self.inner;
        ready!(self.closed.poll_with(cx, |(), cx| inner.poll_closed(cx)));
        self.end.meta().saw_closed(Location::caller());
        Poll::Ready(())
    }
}

impl<T> Named for Sender<T> {
    fn set_name(&self, name: &str) {
        self.end.meta().set_name(name);
    }
}

impl<T: fmt::Debug> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// See [`tokio::sync::oneshot::Receiver`].
pub struct Receiver<T> {
    end: ReceiverEnd,
    leaf: Leaf<oneshot::Receiver<Message<T>>>,
}

impl<T> Receiver<T> {
    /// See [`tokio::sync::oneshot::Receiver::close`].
    pub fn close(&mut self) {
        self.end.close();
        self.leaf.get_mut().close();
    }

    /// See [`tokio::sync::oneshot::Receiver::is_terminated`].
    #[cfg(not(tokio_before = "1.44"))]
    pub fn is_terminated(&self) -> bool {
        self.leaf.get_ref().is_terminated()
    }

    /// See [`tokio::sync::oneshot::Receiver::is_empty`].
    #[cfg(not(tokio_before = "1.44"))]
    pub fn is_empty(&self) -> bool {
        self.leaf.get_ref().is_empty()
    }

    /// See [`tokio::sync::oneshot::Receiver::try_recv`].
    ///
    /// # Errors
    ///
    /// If there is no value yet, or none will come.
    #[track_caller]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let result = self.leaf.get_mut().try_recv();
        if matches!(result, Err(TryRecvError::Empty)) {
            return Err(TryRecvError::Empty);
        }
        self.received(result, Location::caller())
    }

    /// See [`tokio::sync::oneshot::Receiver::blocking_recv`].
    ///
    /// # Errors
    ///
    /// If no value will come.
    ///
    /// # Panics
    ///
    /// Within an asynchronous context.
    #[track_caller]
    pub fn blocking_recv(mut self) -> Result<T, RecvError> {
        let place = Location::caller();
        let receiver = self.leaf.get_mut();
        let result = block_on(Leaf::new(receiver, self.end.meta().wants_message(), place));
        self.received(result, place)
    }

    fn received<E>(&self, result: Result<Message<T>, E>, place: Place) -> Result<T, E> {
        match result {
            Ok(message) => Ok(message.receive(self.end.meta(), place)),
            Err(error) => {
                self.end.meta().saw_closed(place);
                Err(error)
            }
        }
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, RecvError>> {
        self.leaf.awaited_at(Location::caller());
        let result = ready!(Pin::new(&mut self.leaf).poll(cx));
        Poll::Ready(self.received(result, self.leaf.place()))
    }
}

impl<T> Named for Receiver<T> {
    fn set_name(&self, name: &str) {
        self.end.meta().set_name(name);
    }
}

impl<T: fmt::Debug> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.leaf.get_ref().fmt(f)
    }
}
