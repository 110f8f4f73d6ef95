//! What is watched, and what happens after a deadlock.

use std::path::PathBuf;
use std::time::Duration;

/// What to do when threads are found to wait for one another for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnDeadlock {
    /// Report it and let the program go on (that is: hang). Nothing is destroyed.
    #[default]
    Continue,
    /// Report it and end the process: with exit code 1, or with 86 where `cargo gordian` has started it, to be told from a
    /// failed test.
    Abort,
    /// Report it and panic in the thread whose wait closed the knot; its guards are dropped by the unwinding.
    Panic,
}

/// What is watched in this process; see [`crate::start`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// Lock-order cycles and recursive reads (potential deadlocks).
    pub lock_order: bool,
    /// Data races by happens-before.
    pub races: bool,
    /// Deadlocks and lost wake-ups when they happen.
    pub waits: bool,
    /// What to do after an observed deadlock.
    pub on_deadlock: OnDeadlock,
    /// A poll that computes for so long is a finding: all other tasks of the thread wait meanwhile. Counted is what the
    /// thread itself has computed. `None`: none is. (On systems that cannot tell, none is.)
    pub long_poll: Option<Duration>,
    /// Write every event to this file.
    pub record: Option<PathBuf>,
    /// Print each finding to standard error when it is made, outside [`check`](crate::check()).
    pub print: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            lock_order: true,
            races: true,
            waits: true,
            on_deadlock: OnDeadlock::Continue,
            long_poll: Some(Duration::from_millis(100)),
            record: None,
            print: true,
        }
    }
}

/// Why [`crate::start`] could not do what it was asked for.
#[derive(Debug)]
pub enum StartError {
    /// A configuration is in force already: `start` was called before, or a wrapper was used.
    AlreadyStarted,
    /// The trace can't be written.
    Record(PathBuf, std::io::Error),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AlreadyStarted => {
                f.write_str("gordian is configured already: call `start` before any wrapper is used")
            }
            Self::Record(path, error) => write!(f, "cannot record to {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::AlreadyStarted => None,
            Self::Record(_, error) => Some(error),
        }
    }
}
