//! The budget of the task that is being polled: what it may do before it has to let others go first.

#[cfg(not(tokio_without = "time"))]
pub(crate) use time::{remains, without};

/// What comes at once, as part of the budget: exactly as much as a wait of the originals that is over at its first poll.
/// `None`, and nothing spent, if it does not come, or if the task has to let others go first.
#[cfg(not(any(tokio_without = "sync", tokio_without = "rt", tokio_before = "1.47")))]
#[inline]
pub(crate) fn spend<T>(attempt: impl FnOnce() -> Option<T>) -> Option<T> {
    use std::task::{Context, Poll, Waker};

    // The waker is for who has no budget, and the caller will ask again then.
    let turn = match ::tokio::task::coop::poll_proceed(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(turn) => turn,
        Poll::Pending => return None,
    };
    let result = attempt()?;
    // As `made_progress`, without a call: dropped, it would give back what was spent.
    std::mem::forget(turn);
    Some(result)
}

/// Without the scheduler there is no budget.
#[cfg(all(not(tokio_without = "sync"), tokio_without = "rt"))]
pub(crate) fn spend<T>(attempt: impl FnOnce() -> Option<T>) -> Option<T> {
    attempt()
}

/// Only the originals can spend it.
#[cfg(all(not(tokio_without = "sync"), not(tokio_without = "rt"), tokio_before = "1.47"))]
pub(crate) fn spend<T>(_attempt: impl FnOnce() -> Option<T>) -> Option<T> {
    None
}

#[cfg(not(tokio_without = "time"))]
mod time {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    /// Is there something left? Without the scheduler there is no budget.
    #[cfg(not(any(tokio_without = "rt", tokio_before = "1.47")))]
    pub(crate) fn remains() -> bool {
        ::tokio::task::coop::has_budget_remaining()
    }

    /// Nobody tells.
    #[cfg(any(tokio_without = "rt", tokio_before = "1.47"))]
    pub(crate) fn remains() -> bool {
        true
    }

    /// Polls as if there were no budget.
    #[cfg(not(tokio_without = "rt"))]
    pub(crate) fn without<F: Future>(future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
        Pin::new(&mut ::tokio::task::unconstrained(future)).poll(cx)
    }

    #[cfg(tokio_without = "rt")]
    pub(crate) fn without<F: Future>(future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
        future.poll(cx)
    }
}
