//! [`tokio::sync::Notify`], watched.

use std::future::Future;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
#[cfg(not(tokio_before = "1.47"))]
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use ::gordian::Named;
use ::gordian::runtime::leaf::Leaf;
use ::gordian::runtime::notify::NotifyMeta;

type RealNotified<'a> = ::tokio::sync::futures::Notified<'a>;

/// See [`tokio::sync::Notify`].
#[derive(Debug)]
pub struct Notify {
    inner: ::tokio::sync::Notify,
    meta: NotifyMeta,
}

impl Notify {
    /// See [`tokio::sync::Notify::new`].
    #[track_caller]
    pub fn new() -> Notify {
        Self { inner: ::tokio::sync::Notify::new(), meta: NotifyMeta::new(Location::caller()) }
    }

    /// See [`tokio::sync::Notify::const_new`].
    #[track_caller]
    pub const fn const_new() -> Notify {
        Self { inner: ::tokio::sync::Notify::const_new(), meta: NotifyMeta::new(Location::caller()) }
    }

    /// See [`tokio::sync::Notify::notified`].
    #[track_caller]
    pub fn notified(&self) -> Notified<'_> {
        Notified { leaf: Leaf::new(self.inner.notified(), self.meta.wants(), Location::caller()), notify: self }
    }

    /// See [`tokio::sync::Notify::notified_owned`].
    #[cfg(not(tokio_before = "1.47"))]
    #[track_caller]
    pub fn notified_owned(self: Arc<Self>) -> OwnedNotified {
        // SAFETY: what is borrowed stays where it is as long as the count is kept, and that goes after the borrow.
        let notify: &'static Self = unsafe { &*Arc::as_ptr(&self) };
        OwnedNotified { notified: notify.notified(), _notify: self }
    }

    /// See [`tokio::sync::Notify::notify_one`].
    #[track_caller]
    pub fn notify_one(&self) {
        self.meta.notifying(Location::caller());
        self.inner.notify_one();
    }

    /// See [`tokio::sync::Notify::notify_last`].
    #[track_caller]
    pub fn notify_last(&self) {
        self.meta.notifying(Location::caller());
        self.inner.notify_last();
    }

    /// See [`tokio::sync::Notify::notify_waiters`].
    #[track_caller]
    pub fn notify_waiters(&self) {
        self.meta.notifying(Location::caller());
        self.inner.notify_waiters();
    }
}

impl Default for Notify {
    #[track_caller]
    fn default() -> Notify {
        Notify::new()
    }
}

impl Named for Notify {
    fn set_name(&self, name: &str) {
        self.meta.set_name(name);
    }
}

impl UnwindSafe for Notify {}
impl RefUnwindSafe for Notify {}

/// See [`tokio::sync::futures::Notified`].
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Notified<'a> {
    leaf: Leaf<RealNotified<'a>>,
    notify: &'a Notify,
}

impl<'a> Notified<'a> {
    fn leaf(self: Pin<&mut Self>) -> Pin<&mut Leaf<RealNotified<'a>>> {
        // SAFETY: `leaf` is pinned with `self` and is never moved out of it.
        unsafe { self.map_unchecked_mut(|notified| &mut notified.leaf) }
    }
}

impl Notified<'_> {
    /// See [`tokio::sync::futures::Notified::enable`].
    pub fn enable(self: Pin<&mut Self>) -> bool {
        self.leaf().get_pin_mut().enable()
    }
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.as_mut().leaf().poll(cx));
        self.notify.meta.notified(self.leaf.place());
        Poll::Ready(())
    }
}

/// See [`tokio::sync::futures::OwnedNotified`].
#[cfg(not(tokio_before = "1.47"))]
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct OwnedNotified {
    /// Borrows from `_notify`; dropped before it.
    notified: Notified<'static>,
    _notify: Arc<Notify>,
}

#[cfg(not(tokio_before = "1.47"))]
impl OwnedNotified {
    fn notified(self: Pin<&mut Self>) -> Pin<&mut Notified<'static>> {
        // SAFETY: `notified` is pinned with `self` and is never moved out of it.
        unsafe { self.map_unchecked_mut(|owned| &mut owned.notified) }
    }

    /// See [`tokio::sync::futures::OwnedNotified::enable`].
    pub fn enable(self: Pin<&mut Self>) -> bool {
        self.notified().enable()
    }
}

#[cfg(not(tokio_before = "1.47"))]
impl Future for OwnedNotified {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.notified().poll(cx)
    }
}
