//! [`tokio::time::Sleep`], watched: a wait that ends by itself.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use ::gordian::runtime::leaf::{Leaf, Target};
use ::gordian::runtime::timeline;
use ::tokio::time::{Duration, Instant};

/// See [`tokio::time::sleep`].
///
/// # Panics
///
/// Outside of a runtime that keeps time.
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    Sleep { leaf: Leaf::new(::tokio::time::sleep(duration), Target::timer(), Location::caller()) }
}

/// See [`tokio::time::sleep_until`].
///
/// # Panics
///
/// Outside of a runtime that keeps time.
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep { leaf: Leaf::new(::tokio::time::sleep_until(deadline), Target::timer(), Location::caller()) }
}

/// See [`tokio::time::Sleep`].
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Sleep {
    leaf: Leaf<::tokio::time::Sleep>,
}

impl Sleep {
    /// See [`tokio::time::Sleep::deadline`].
    pub fn deadline(&self) -> Instant {
        self.leaf.get_ref().deadline()
    }

    /// See [`tokio::time::Sleep::is_elapsed`].
    pub fn is_elapsed(&self) -> bool {
        self.leaf.get_ref().is_elapsed()
    }

    /// See [`tokio::time::Sleep::reset`].
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        self.leaf().get_pin_mut().reset(deadline);
    }

    fn leaf(self: Pin<&mut Self>) -> Pin<&mut Leaf<::tokio::time::Sleep>> {
        // SAFETY: `leaf` is pinned with `self` and is never moved out of it.
        unsafe { self.map_unchecked_mut(|sleep| &mut sleep.leaf) }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let woken = self.as_mut().leaf().poll(cx);
        if woken.is_pending() {
            timeline::sleeps(self.deadline().into_std());
        }
        woken
    }
}
