//! Who sees the value.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use ::gordian::Named;
use ::gordian::runtime::leaf::Leaf;
use ::tokio::sync::watch;
use watch::error::RecvError;

use super::lock::{Lock, Ref};
use ::gordian::runtime::ends::{Message, ReceiverEnd};

/// See [`tokio::sync::watch::Receiver`].
pub struct Receiver<T> {
    end: ReceiverEnd,
    lock: Arc<Lock>,
    inner: watch::Receiver<Message<T>>,
}

impl<T> Receiver<T> {
    pub(super) fn new(end: ReceiverEnd, lock: Arc<Lock>, inner: watch::Receiver<Message<T>>) -> Self {
        Self { end, lock, inner }
    }

    /// See [`tokio::sync::watch::Receiver::borrow`].
    #[track_caller]
    pub fn borrow(&self) -> Ref<'_, T> {
        let value = self.lock.read(|| self.inner.borrow());
        self.end.meta().received(&value.message().stamp, Location::caller());
        value
    }

    /// See [`tokio::sync::watch::Receiver::borrow_and_update`].
    #[track_caller]
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let value = self.lock.read(|| self.inner.borrow_and_update());
        self.end.meta().received(&value.message().stamp, Location::caller());
        value
    }

    /// See [`tokio::sync::watch::Receiver::has_changed`].
    ///
    /// # Errors
    ///
    /// If all senders are gone.
    pub fn has_changed(&self) -> Result<bool, RecvError> {
        self.inner.has_changed()
    }

    /// See [`tokio::sync::watch::Receiver::is_closed`].
    #[cfg(not(tokio_before = "1.54"))]
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// See [`tokio::sync::watch::Receiver::mark_changed`].
    pub fn mark_changed(&mut self) {
        self.inner.mark_changed();
    }

    /// See [`tokio::sync::watch::Receiver::mark_unchanged`].
    pub fn mark_unchanged(&mut self) {
        self.inner.mark_unchanged();
    }

    /// See [`tokio::sync::watch::Receiver::changed`].
    ///
    /// # Errors
    ///
    /// If all senders are gone.
    #[track_caller]
    pub fn changed(&mut self) -> impl Future<Output = Result<(), RecvError>> {
        let place = Location::caller();
        async move {
            let result = Leaf::new(self.inner.changed(), self.end.meta().wants_message(), place).await;
            match result {
                // A change is a signal, too: what came before it is known from here on.
                Ok(()) => self.end.meta().received(&self.inner.borrow().stamp, place),
                Err(_) => self.end.meta().saw_closed(place),
            }
            result
        }
    }

    /// See [`tokio::sync::watch::Receiver::wait_for`].
    ///
    /// # Errors
    ///
    /// If all senders are gone.
    #[track_caller]
    pub fn wait_for(&mut self, mut f: impl FnMut(&T) -> bool) -> impl Future<Output = Result<Ref<'_, T>, RecvError>> {
        let place = Location::caller();
        async move {
            let Self { end, lock, inner } = self;
            let found = inner.wait_for(|message| f(&message.value));
            match Leaf::new(found, end.meta().wants_message(), place).await {
                Ok(value) => {
                    let value = lock.taken(value, place);
                    end.meta().received(&value.message().stamp, place);
                    Ok(value)
                }
                Err(error) => {
                    end.meta().saw_closed(place);
                    Err(error)
                }
            }
        }
    }

    /// See [`tokio::sync::watch::Receiver::same_channel`].
    pub fn same_channel(&self, other: &Self) -> bool {
        self.inner.same_channel(&other.inner)
    }
}

impl<T> Named for Receiver<T> {
    fn set_name(&self, name: &str) {
        self.end.meta().set_name(name);
        self.lock.set_name(name);
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self { end: self.end.clone(), lock: Arc::clone(&self.lock), inner: self.inner.clone() }
    }
}

impl<T: fmt::Debug> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
