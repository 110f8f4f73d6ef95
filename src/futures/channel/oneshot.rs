//! [`futures::channel::oneshot`], watched.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::futures::channel::oneshot;
pub use ::futures::channel::oneshot::*;
use ::futures::future::FusedFuture;
use ::gordian::Named;
use ::gordian::runtime::Place;
use ::gordian::runtime::ends::{Message, ReceiverEnd, SenderEnd, ends};
use ::gordian::runtime::leaf::Leaf;

/// See [`futures::channel::oneshot::channel`].
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let place = Location::caller();
    let (sender, receiver) = oneshot::channel();
    let (sender_end, receiver_end) = ends(place);
    let leaf = Leaf::new(receiver, receiver_end.meta().wants_message(), place);
    let canceled = Leaf::new((), sender_end.meta().wants_close(), place);
    (Sender { end: sender_end, canceled, real: sender }, Receiver { end: receiver_end, leaf })
}

/// See [`futures::channel::oneshot::Sender`].
pub struct Sender<T> {
    end: SenderEnd,
    /// The wait in [`poll_canceled`](Self::poll_canceled).
    canceled: Leaf<()>,
    real: oneshot::Sender<Message<T>>,
}

impl<T> Sender<T> {
    /// See [`futures::channel::oneshot::Sender::send`].
    ///
    /// # Errors
    ///
    /// The value if nobody will receive it.
    #[track_caller]
    pub fn send(self, t: T) -> Result<(), T> {
        let Self { end, real, .. } = self;
        let message = end.message(t, Location::caller());
        real.send(message).map_err(Message::refused)
    }

    /// See [`futures::channel::oneshot::Sender::poll_canceled`].
    #[track_caller]
    pub fn poll_canceled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let real = &mut self.real;
        ready!(self.canceled.poll_with(cx, |(), cx| real.poll_canceled(cx)));
        self.end.meta().saw_closed(Location::caller());
        Poll::Ready(())
    }

    /// See [`futures::channel::oneshot::Sender::cancellation`].
    #[track_caller]
    pub fn cancellation(&mut self) -> Cancellation<'_, T> {
        self.canceled.awaited_at(Location::caller());
        Cancellation { sender: self }
    }

    /// See [`futures::channel::oneshot::Sender::is_canceled`].
    pub fn is_canceled(&self) -> bool {
        self.real.is_canceled()
    }

    /// See [`futures::channel::oneshot::Sender::is_connected_to`].
    pub fn is_connected_to(&self, receiver: &Receiver<T>) -> bool {
        self.real.is_connected_to(receiver.leaf.get_ref())
    }
}

impl<T> Unpin for Sender<T> {}

impl<T> Named for Sender<T> {
    fn set_name(&self, name: &str) {
        self.end.meta().set_name(name);
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.real.fmt(f)
    }
}

/// See [`futures::channel::oneshot::Cancellation`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
#[derive(Debug)]
pub struct Cancellation<'a, T> {
    sender: &'a mut Sender<T>,
}

impl<T> Future for Cancellation<'_, T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.sender.poll_canceled(cx)
    }
}

/// See [`futures::channel::oneshot::Receiver`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Receiver<T> {
    end: ReceiverEnd,
    leaf: Leaf<oneshot::Receiver<Message<T>>>,
}

impl<T> Receiver<T> {
    /// See [`futures::channel::oneshot::Receiver::close`].
    pub fn close(&mut self) {
        self.end.close();
        self.leaf.get_mut().close();
    }

    /// See [`futures::channel::oneshot::Receiver::try_recv`].
    ///
    /// # Errors
    ///
    /// If no value will come.
    #[track_caller]
    pub fn try_recv(&mut self) -> Result<Option<T>, Canceled> {
        let place = Location::caller();
        match self.leaf.get_mut().try_recv().transpose() {
            Some(result) => self.received(result, place).map(Some),
            None => Ok(None),
        }
    }

    fn received(&self, result: Result<Message<T>, Canceled>, place: Place) -> Result<T, Canceled> {
        match result {
            Ok(message) => Ok(message.receive(self.end.meta(), place)),
            Err(canceled) => {
                self.end.meta().saw_closed(place);
                Err(canceled)
            }
        }
    }
}

impl<T> Unpin for Receiver<T> {}

impl<T> Future for Receiver<T> {
    type Output = Result<T, Canceled>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, Canceled>> {
        let place = super::here(Location::caller(), self.leaf.place());
        self.leaf.awaited_at(place);
        let result = ready!(Pin::new(&mut self.leaf).poll(cx));
        Poll::Ready(self.received(result, self.leaf.place()))
    }
}

impl<T> FusedFuture for Receiver<T> {
    fn is_terminated(&self) -> bool {
        self.leaf.get_ref().is_terminated()
    }
}

impl<T> Named for Receiver<T> {
    fn set_name(&self, name: &str) {
        self.end.meta().set_name(name);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.leaf.get_ref().fmt(f)
    }
}
