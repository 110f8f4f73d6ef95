//! [`futures::channel::mpsc::TrySendError`], which nobody else can make of a message and of what the channel said.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::sync::LazyLock;

use ::futures::channel::mpsc;
use ::gordian::runtime::ends::Message;
use mpsc::SendError;

/// Only the original can make these, too.
static FULL: LazyLock<SendError> = LazyLock::new(|| {
    let (mut sender, _receiver) = mpsc::channel(0);
    loop {
        if let Err(error) = sender.try_send(()) {
            return error.into_send_error();
        }
    }
});
static DISCONNECTED: LazyLock<SendError> = LazyLock::new(|| {
    let (sender, _) = mpsc::unbounded();
    loop {
        if let Err(error) = sender.unbounded_send(()) {
            return error.into_send_error();
        }
    }
});

/// See [`futures::channel::mpsc::TrySendError`].
#[derive(Clone, PartialEq, Eq)]
pub struct TrySendError<T> {
    error: SendError,
    message: T,
}

impl<T> TrySendError<T> {
    /// What the original said about the message.
    pub(super) fn of(error: mpsc::TrySendError<Message<T>>) -> Self {
        let kind = if error.is_full() { &FULL } else { &DISCONNECTED };
        Self { error: SendError::clone(kind), message: error.into_inner().refused() }
    }

    /// See [`futures::channel::mpsc::TrySendError::is_full`].
    pub fn is_full(&self) -> bool {
        self.error.is_full()
    }

    /// See [`futures::channel::mpsc::TrySendError::is_disconnected`].
    pub fn is_disconnected(&self) -> bool {
        self.error.is_disconnected()
    }

    /// See [`futures::channel::mpsc::TrySendError::into_inner`].
    pub fn into_inner(self) -> T {
        self.message
    }

    /// See [`futures::channel::mpsc::TrySendError::into_send_error`].
    pub fn into_send_error(self) -> SendError {
        self.error
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_full() { "Full" } else { "Disconnected" };
        f.debug_struct("TrySendError").field("kind", &format_args!("{kind}")).finish()
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The words are the same.
        self.error.fmt(f)
    }
}

impl<T: Any> Error for TrySendError<T> {}
