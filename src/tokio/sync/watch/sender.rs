//! Who sets the value.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use ::gordian::Named;
use ::gordian::runtime::Place;
use ::gordian::runtime::leaf::Leaf;
use ::tokio::sync::watch;
use watch::error::SendError;

use super::lock::{Lock, Ref};
use super::receiver::Receiver;
use ::gordian::runtime::ends::{Message, ReceiverEnd, SenderEnd, ends};

/// See [`tokio::sync::watch::channel`].
#[track_caller]
pub fn channel<T>(init: T) -> (Sender<T>, Receiver<T>) {
    let place = Location::caller();
    let (sender_end, receiver_end) = ends(place);
    let (sender, receiver) = watch::channel(sender_end.message(init, place));
    let lock = Lock::new(place);
    let receiver = Receiver::new(receiver_end, Arc::clone(&lock), receiver);
    (Sender { end: sender_end, lock, inner: sender }, receiver)
}

/// See [`tokio::sync::watch::Sender`].
pub struct Sender<T> {
    end: SenderEnd,
    lock: Arc<Lock>,
    inner: watch::Sender<Message<T>>,
}

impl<T> Sender<T> {
    /// See [`tokio::sync::watch::Sender::new`].
    #[track_caller]
    pub fn new(init: T) -> Self {
        channel(init).0
    }

    /// See [`tokio::sync::watch::Sender::send`].
    ///
    /// # Errors
    ///
    /// The value if nobody receives.
    #[track_caller]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.receiver_count() == 0 {
            return Err(SendError(value));
        }
        self.send_replace(value);
        Ok(())
    }

    /// See [`tokio::sync::watch::Sender::send_modify`].
    #[track_caller]
    pub fn send_modify<F>(&self, modify: F)
    where
        F: FnOnce(&mut T),
    {
        let modify = |value: &mut T| {
            modify(value);
            true
        };
        self.modify(Location::caller(), modify);
    }

    /// See [`tokio::sync::watch::Sender::send_if_modified`].
    #[track_caller]
    pub fn send_if_modified<F>(&self, modify: F) -> bool
    where
        F: FnOnce(&mut T) -> bool,
    {
        self.modify(Location::caller(), modify)
    }

    fn modify(&self, place: Place, modify: impl FnOnce(&mut T) -> bool) -> bool {
        self.lock.write(place, |enter| {
            self.inner.send_if_modified(|message| {
                let _writing = enter();
                let modified = modify(&mut message.value);
                if modified {
                    message.stamp = self.end.meta().sending(place);
                }
                modified
            })
        })
    }

    /// See [`tokio::sync::watch::Sender::send_replace`].
    #[track_caller]
    pub fn send_replace(&self, mut value: T) -> T {
        let replace = |old: &mut T| {
            std::mem::swap(old, &mut value);
            true
        };
        self.modify(Location::caller(), replace);
        value
    }

    /// See [`tokio::sync::watch::Sender::borrow`].
    #[track_caller]
    pub fn borrow(&self) -> Ref<'_, T> {
        self.lock.read(|| self.inner.borrow())
    }

    /// See [`tokio::sync::watch::Sender::is_closed`].
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// See [`tokio::sync::watch::Sender::closed`].
    #[track_caller]
    pub fn closed(&self) -> impl Future<Output = ()> {
        let place = Location::caller();
        async move {
            Leaf::new(self.inner.closed(), self.end.meta().wants_close(), place).await;
            self.end.meta().saw_closed(place);
        }
    }

    /// See [`tokio::sync::watch::Sender::subscribe`].
    pub fn subscribe(&self) -> Receiver<T> {
        let end = ReceiverEnd::subscribed(self.end.meta());
        Receiver::new(end, Arc::clone(&self.lock), self.inner.subscribe())
    }

    /// See [`tokio::sync::watch::Sender::receiver_count`].
    pub fn receiver_count(&self) -> usize {
        self.inner.receiver_count()
    }

    /// See [`tokio::sync::watch::Sender::sender_count`].
    pub fn sender_count(&self) -> usize {
        self.inner.sender_count()
    }

    /// See [`tokio::sync::watch::Sender::same_channel`].
    pub fn same_channel(&self, other: &Self) -> bool {
        self.inner.same_channel(&other.inner)
    }
}

impl<T> Named for Sender<T> {
    fn set_name(&self, name: &str) {
        self.end.meta().set_name(name);
        self.lock.set_name(name);
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { end: self.end.clone(), lock: Arc::clone(&self.lock), inner: self.inner.clone() }
    }
}

impl<T: Default> Default for Sender<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
