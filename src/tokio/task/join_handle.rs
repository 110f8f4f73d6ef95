//! [`tokio::task::JoinHandle`], watched.

use std::fmt;
use std::future::Future;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use ::gordian::runtime::leaf::{Leaf, awaited_at};
use ::gordian::runtime::tasks::TaskRecord;
use ::tokio::task::{Id, JoinError};

use super::AbortHandle;

/// See [`tokio::task::JoinHandle`].
pub struct JoinHandle<T> {
    inner: ::tokio::task::JoinHandle<T>,
    record: TaskRecord,
    /// The wait, once it is one.
    wait: Option<Box<Leaf<()>>>,
}

impl<T> JoinHandle<T> {
    pub(crate) fn new(inner: ::tokio::task::JoinHandle<T>, record: TaskRecord) -> Self {
        Self { inner, record, wait: None }
    }

    /// See [`tokio::task::JoinHandle::abort`].
    pub fn abort(&self) {
        self.record.abort();
        self.inner.abort();
    }

    /// See [`tokio::task::JoinHandle::is_finished`].
    pub fn is_finished(&self) -> bool {
        self.inner.is_finished()
    }

    /// See [`tokio::task::JoinHandle::abort_handle`].
    #[must_use = "abort handles do nothing unless `.abort` is called"]
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle::new(self.inner.abort_handle(), self.record.clone())
    }

    /// See [`tokio::task::JoinHandle::id`].
    pub fn id(&self) -> Id {
        self.inner.id()
    }
}

impl<T> Unpin for JoinHandle<T> {}
impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { inner, record, wait } = &mut *self;
        // Who is joined late has ended: then nothing is waited for, unless the budget is used up.
        if wait.is_none()
            && inner.is_finished()
            && let Poll::Ready(result) = Pin::new(&mut *inner).poll(&mut Context::from_waker(Waker::noop()))
        {
            record.joined(awaited_at(Location::caller(), record.spawned()));
            return Poll::Ready(result);
        }
        let leaf = wait.get_or_insert_with(|| Box::new(Leaf::new((), record.target(), record.spawned())));
        leaf.awaited_at(Location::caller());
        let result = ready!(leaf.poll_with(cx, |(), cx| Pin::new(inner).poll(cx)));
        record.joined(leaf.place());
        *wait = None;
        Poll::Ready(result)
    }
}

impl<T: fmt::Debug> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
