//! [`tokio::sync::Barrier`], watched.

use std::fmt;
use std::future::Future;
use std::panic::Location;

use ::gordian::Named;
use ::gordian::runtime::barriers::MeetingMeta;
use ::gordian::runtime::leaf::Leaf;
use ::tokio::sync::BarrierWaitResult;

/// See [`tokio::sync::Barrier`].
pub struct Barrier {
    inner: ::tokio::sync::Barrier,
    meta: MeetingMeta,
}

impl Barrier {
    /// See [`tokio::sync::Barrier::new`].
    #[track_caller]
    pub fn new(n: usize) -> Barrier {
        Self { inner: ::tokio::sync::Barrier::new(n), meta: MeetingMeta::new(n, Location::caller()) }
    }

    /// See [`tokio::sync::Barrier::wait`].
    #[track_caller]
    pub fn wait(&self) -> impl Future<Output = BarrierWaitResult> {
        let place = Location::caller();
        async move {
            let arrival = self.meta.arriving(place);
            let result = Leaf::new(self.inner.wait(), self.meta.wants(), place).await;
            self.meta.left(arrival, place);
            result
        }
    }
}

impl Named for Barrier {
    fn set_name(&self, name: &str) {
        self.meta.set_name(name);
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
