//! [`tokio::task::JoinHandle`], watched.

use std::fmt;
use std::future::Future;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::gordian::runtime::leaf::Leaf;
use ::gordian::runtime::tasks::TaskRecord;
use ::tokio::task::{Id, JoinError};

use super::AbortHandle;

/// See [`tokio::task::JoinHandle`].
pub struct JoinHandle<T> {
    leaf: Leaf<::tokio::task::JoinHandle<T>>,
    record: TaskRecord,
}

impl<T> JoinHandle<T> {
    pub(crate) fn new(inner: ::tokio::task::JoinHandle<T>, record: TaskRecord) -> Self {
        Self { leaf: Leaf::new(inner, record.target(), record.spawned()), record }
    }

    /// See [`tokio::task::JoinHandle::abort`].
    #[track_caller]
    pub fn abort(&self) {
        self.record.abort(Location::caller());
        self.leaf.get_ref().abort();
    }

    /// See [`tokio::task::JoinHandle::is_finished`].
    pub fn is_finished(&self) -> bool {
        self.leaf.get_ref().is_finished()
    }

    /// See [`tokio::task::JoinHandle::abort_handle`].
    #[must_use = "abort handles do nothing unless `.abort` is called"]
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle::new(self.leaf.get_ref().abort_handle(), self.record.clone())
    }

    /// See [`tokio::task::JoinHandle::id`].
    pub fn id(&self) -> Id {
        self.leaf.get_ref().id()
    }
}

impl<T> Unpin for JoinHandle<T> {}
impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.leaf.awaited_at(Location::caller());
        let result = ready!(Pin::new(&mut self.leaf).poll(cx));
        self.record.joined(self.leaf.place());
        Poll::Ready(result)
    }
}

impl<T: fmt::Debug> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.leaf.get_ref().fmt(f)
    }
}
