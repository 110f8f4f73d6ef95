//! [`tokio::task::AbortHandle`], watched.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

use ::gordian::runtime::tasks::TaskRecord;
use ::tokio::task::Id;

/// See [`tokio::task::AbortHandle`].
#[derive(Clone)]
pub struct AbortHandle {
    inner: ::tokio::task::AbortHandle,
    record: TaskRecord,
}

impl AbortHandle {
    pub(crate) fn new(inner: ::tokio::task::AbortHandle, record: TaskRecord) -> Self {
        Self { inner, record }
    }

    /// See [`tokio::task::AbortHandle::abort`].
    pub fn abort(&self) {
        self.record.abort();
        self.inner.abort();
    }

    /// See [`tokio::task::AbortHandle::is_finished`].
    pub fn is_finished(&self) -> bool {
        self.inner.is_finished()
    }

    /// See [`tokio::task::AbortHandle::id`].
    pub fn id(&self) -> Id {
        self.inner.id()
    }
}

impl UnwindSafe for AbortHandle {}
impl RefUnwindSafe for AbortHandle {}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
