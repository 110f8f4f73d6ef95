//! Checks inside the user's own tests.

use std::panic::resume_unwind;

use crate::finding::Finding;
use crate::report;

#[cfg(feature = "detect")]
mod live;
#[cfg(feature = "detect")]
#[cfg(feature = "cli")]
pub(crate) use live::watch;
#[cfg(feature = "detect")]
pub use live::{findings, findings_of, finish, start};
#[cfg(not(feature = "detect"))]
mod plain;
#[cfg(not(feature = "detect"))]
pub use plain::{findings, findings_of, finish, start};

/// What came of a checked closure.
#[derive(Debug)]
pub struct Outcome<R> {
    /// What the closure returned, or the payload of its panic. `None` when it will wait for ever: then its threads are
    /// left behind as they are.
    pub result: Option<std::thread::Result<R>>,
    /// What was found, in the order in which it was found.
    pub findings: Vec<Finding>,
}

/// Runs a closure, and fails with the report if anything was found in it.
///
/// What other orders of the same events would have done is found, too ([`Config::predict`](crate::Config::predict)): two
/// locks taken in both orders, one after the other by luck, are a finding with the order that deadlocks.
///
/// The closure runs in a thread of its own. If it ends up in a deadlock, `check` returns all the same (by panicking
/// with the report) and leaves the stuck threads behind. Threads are to be started with [`crate::thread`]: what a plain
/// `std::thread` does inside is not seen.
///
/// ```
/// use gordian::sync::{Arc, Mutex};
/// use gordian::thread;
///
/// gordian::check(|| {
///     let total = Arc::new(Mutex::new(0));
///     let handles: Vec<_> = (0..4)
///         .map(|part| {
///             let total = Arc::clone(&total);
///             thread::spawn(move || *total.lock().unwrap() += part)
///         })
///         .collect();
///     handles.into_iter().for_each(|handle| handle.join().unwrap());
///     assert_eq!(*total.lock().unwrap(), 6);
/// });
/// ```
///
/// # Panics
///
/// With the report when there is a finding; else with the closure's own panic, if it panicked.
#[track_caller]
pub fn check<F, R>(f: F) -> R
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let Outcome { result, findings } = findings_of(f);
    if !findings.is_empty() {
        let text = report::text(&findings, report::Style::Plain);
        panic!("gordian found something\n\n{text}");
    }
    match result {
        Some(Ok(value)) => value,
        Some(Err(payload)) => resume_unwind(payload),
        None => panic!("the closure waits for ever behind a deadlock that an earlier check left in the process"),
    }
}
