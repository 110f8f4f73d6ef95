//! [`tokio::time::Interval`], watched: waits that end by themselves.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::task::{Context, Poll};

use ::gordian::runtime::Place;
use ::gordian::runtime::leaf::{Leaf, Target};
use ::tokio::time::{Duration, Instant, MissedTickBehavior};

/// See [`tokio::time::interval`].
///
/// # Panics
///
/// If the period is zero.
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    Interval::of(::tokio::time::interval(period), Location::caller())
}

/// See [`tokio::time::interval_at`].
///
/// # Panics
///
/// If the period is zero.
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    Interval::of(::tokio::time::interval_at(start, period), Location::caller())
}

/// See [`tokio::time::Interval`].
pub struct Interval {
    inner: ::tokio::time::Interval,
    /// The wait in `poll_tick`.
    wait: Leaf<()>,
}

impl Interval {
    fn of(inner: ::tokio::time::Interval, place: Place) -> Self {
        Self { inner, wait: Leaf::new((), Target::timer(), place) }
    }

    /// See [`tokio::time::Interval::tick`].
    #[track_caller]
    pub fn tick(&mut self) -> impl Future<Output = Instant> {
        let place = Location::caller();
        async move { Leaf::new(poll_fn(|cx| self.inner.poll_tick(cx)), Target::timer(), place).await }
    }

    /// See [`tokio::time::Interval::poll_tick`].
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        let inner = &mut self.inner;
        self.wait.poll_with(cx, |(), cx| inner.poll_tick(cx))
    }

    /// See [`tokio::time::Interval::reset`].
    pub fn reset(&mut self) {
        self.inner.reset();
    }

    /// See [`tokio::time::Interval::reset_immediately`].
    pub fn reset_immediately(&mut self) {
        self.inner.reset_immediately();
    }

    /// See [`tokio::time::Interval::reset_after`].
    pub fn reset_after(&mut self, after: Duration) {
        self.inner.reset_after(after);
    }

    /// See [`tokio::time::Interval::reset_at`].
    pub fn reset_at(&mut self, deadline: Instant) {
        self.inner.reset_at(deadline);
    }

    /// See [`tokio::time::Interval::missed_tick_behavior`].
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.inner.missed_tick_behavior()
    }

    /// See [`tokio::time::Interval::set_missed_tick_behavior`].
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.inner.set_missed_tick_behavior(behavior);
    }

    /// See [`tokio::time::Interval::period`].
    pub fn period(&self) -> Duration {
        self.inner.period()
    }
}

impl fmt::Debug for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
