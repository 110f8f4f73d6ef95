//! [`async_lock::Barrier`], watched.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::async_lock as real;
use ::gordian::Named;
use ::gordian::runtime::Place;
use ::gordian::runtime::barriers::{Arrival, MeetingMeta};
use ::gordian::runtime::blocking::block_on;
use ::gordian::runtime::leaf::Leaf;
use real::BarrierWaitResult;

use super::macros::opaque;

/// See [`async_lock::Barrier`].
pub struct Barrier {
    real: real::Barrier,
    meta: MeetingMeta,
}

impl Barrier {
    /// See [`async_lock::Barrier::new`].
    #[track_caller]
    pub const fn new(n: usize) -> Barrier {
        Self { real: real::Barrier::new(n), meta: MeetingMeta::new(n, Location::caller()) }
    }

    /// See [`async_lock::Barrier::wait`].
    #[track_caller]
    pub fn wait(&self) -> BarrierWait<'_> {
        BarrierWait { barrier: self, arrival: None, wait: None, place: Location::caller() }
    }

    /// See [`async_lock::Barrier::wait_blocking`].
    #[track_caller]
    pub fn wait_blocking(&self) -> BarrierWaitResult {
        block_on(self.wait())
    }
}

impl Named for Barrier {
    fn set_name(&self, name: &str) {
        self.meta.set_name(name);
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.real.fmt(f)
    }
}

/// See [`async_lock::futures::BarrierWait`].
pub struct BarrierWait<'a> {
    barrier: &'a Barrier,
    arrival: Option<Arrival>,
    wait: Option<Leaf<real::futures::BarrierWait<'a>>>,
    place: Place,
}

impl Future for BarrierWait<'_> {
    type Output = BarrierWaitResult;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<BarrierWaitResult> {
        // SAFETY: `wait` is pinned with `self`: it is never moved, only made in its place. The rest does not care.
        let this = unsafe { self.get_unchecked_mut() };
        let Barrier { real, meta } = this.barrier;
        let (arrival, place) = (&mut this.arrival, this.place);
        let wait = this.wait.get_or_insert_with(|| {
            *arrival = Some(meta.arriving(place));
            Leaf::new(real.wait(), meta.wants(), place)
        });
        // SAFETY: as above.
        let result = ready!(unsafe { Pin::new_unchecked(wait) }.poll(cx));
        if let Some(arrival) = this.arrival.take() {
            meta.left(arrival, this.place);
        }
        Poll::Ready(result)
    }
}

opaque! {
    [] BarrierWait<'_> = "BarrierWait { .. }";
}
