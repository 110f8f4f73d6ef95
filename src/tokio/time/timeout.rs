//! [`tokio::time::Timeout`], watched.
//!
//! Two waits: that of the user's future, of which we know nothing, and that for the deadline. In the original they are
//! one future; here the deadline is a time limit of the original's on a future that never ends, which gives the error, too.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, IntoFuture, Pending, pending};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use ::gordian::runtime::Place;
use ::gordian::runtime::leaf::{Leaf, Target};
use ::tokio::time::error::Elapsed;
use ::tokio::time::{Duration, Instant};

use super::super::budget;

type Deadline = ::tokio::time::Timeout<Pending<Infallible>>;

/// See [`tokio::time::timeout`].
///
/// # Panics
///
/// Outside of a runtime that keeps time.
#[track_caller]
pub fn timeout<F>(duration: Duration, future: F) -> Timeout<F::IntoFuture>
where
    F: IntoFuture,
{
    let deadline = ::tokio::time::timeout(duration, pending());
    Timeout::of(future.into_future(), deadline, Location::caller())
}

/// See [`tokio::time::timeout_at`].
///
/// # Panics
///
/// Outside of a runtime that keeps time.
#[track_caller]
pub fn timeout_at<F>(deadline: Instant, future: F) -> Timeout<F::IntoFuture>
where
    F: IntoFuture,
{
    let deadline = ::tokio::time::timeout_at(deadline, pending());
    Timeout::of(future.into_future(), deadline, Location::caller())
}

/// See [`tokio::time::Timeout`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Timeout<T> {
    value: T,
    deadline: Leaf<Deadline>,
}

impl<T> Timeout<T> {
    fn of(value: T, deadline: Deadline, place: Place) -> Self {
        Self { value, deadline: Leaf::new(deadline, Target::time_limit(), place) }
    }

    /// See [`tokio::time::Timeout::get_ref`].
    pub fn get_ref(&self) -> &T {
        &self.value
    }

    /// See [`tokio::time::Timeout::get_mut`].
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.value
    }

    /// See [`tokio::time::Timeout::into_inner`].
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T: Future> Future for Timeout<T> {
    type Output = Result<T::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: both are pinned with `self` and are never moved out of it.
        let (value, deadline) = unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut this.value), Pin::new_unchecked(&mut this.deadline))
        };
        let before = budget::remains();
        if let Poll::Ready(output) = value.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        // As in the original: a future that uses up the budget does not keep the deadline from being seen.
        let late = if before && !budget::remains() { budget::without(deadline, cx) } else { deadline.poll(cx) };
        late.map(|late| late.map(|never| match never {}))
    }
}

impl<T: fmt::Debug> fmt::Debug for Timeout<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout").field("value", &self.value).field("delay", self.deadline.get_ref()).finish()
    }
}
