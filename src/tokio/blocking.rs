//! How a thread waits for a future of ours, as tokio does in its `blocking_…` methods.

use std::future::Future;

/// Waits for the future on this thread.
///
/// # Panics
///
/// As tokio's own methods, and with their words, where a thread must not block because it drives tasks.
#[track_caller]
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    // Takes a lock that is free: that never waits, but asks first if it may.
    drop(::tokio::sync::Mutex::new(()).blocking_lock());
    ::gordian::runtime::blocking::block_on(future)
}
