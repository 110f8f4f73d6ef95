//! [`futures::executor`], of which [`block_on`] is watched.

use std::panic::Location;

use ::gordian::runtime::tasks::RuntimeMeta;

pub use ::futures::executor::*;

/// See [`futures::executor::block_on`]. The future is a task.
///
/// What else there is, in the pools and on their threads, nobody knows: so a wait that anyone could end (that for a message) is
/// not said to be for ever. One for a lock is.
///
/// # Panics
///
/// As the original, inside another executor of the crate's.
#[track_caller]
pub fn block_on<F: Future>(f: F) -> F::Output {
    // In a thread that has entered a runtime, that serves the timers.
    let runtime = RuntimeMeta::current().unwrap_or_else(RuntimeMeta::foreign);
    let (waiting, watched) = runtime.block_on(f, false, Location::caller());
    let output = ::futures::executor::block_on(watched);
    waiting.over();
    output
}
