//! Waits of which most are over at once.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use ::gordian::runtime::Place;
use ::gordian::runtime::leaf::{Leaf, Target};

/// Waits for `future`; for what, is asked only if it does not come at once.
///
/// The first poll has a waker that wakes nobody. If that was not the last one, there is a second at once, with the leaf's:
/// the originals keep the waker that they were given last, and what was granted in between is found by it.
///
/// The future stays where it is: to move it costs more than to poll it.
pub(crate) async fn wait<F: Future>(
    mut future: Pin<&mut F>,
    target: impl FnOnce() -> Target,
    place: Place,
) -> F::Output {
    let first = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    match first {
        Poll::Ready(output) => output,
        Poll::Pending => Leaf::new(future, target(), place).await,
    }
}
