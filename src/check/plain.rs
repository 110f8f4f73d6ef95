//! Nothing is watched: the closure runs, and there is nothing to report.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Outcome;
use crate::config::{Config, StartError};
use crate::finding::Finding;

/// Does nothing: without the feature `detect` nothing is watched.
///
/// # Errors
///
/// None.
pub fn start(_config: Config) -> Result<(), StartError> {
    Ok(())
}

/// Does nothing: without the feature `detect` nothing is recorded.
///
/// # Errors
///
/// None.
pub fn finish() -> io::Result<()> {
    Ok(())
}

/// Nothing: without the feature `detect` nothing is watched.
#[must_use]
pub fn findings() -> Vec<Finding> {
    Vec::new()
}

/// Runs a closure, in this thread; without the feature `detect` nothing is found.
pub fn findings_of<F, R>(f: F) -> Outcome<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    Outcome { result: Some(catch_unwind(AssertUnwindSafe(f))), findings: Vec::new() }
}
