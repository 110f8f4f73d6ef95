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
    /// What [`check`](crate::check()) does beyond what it saw: from the events of the closure's threads, kept in memory, it
    /// tells what other orders of them would have done. Under `cargo gordian` it only takes back, of each test or
    /// else of the program, the lock-order cycles and recursive reads that no order runs into. `None`: nothing. Needs [`races`](Self::races); nothing is told of
    /// async tasks, of a closure that leaves threads behind or learns something from threads outside, and nothing when
    /// [`record`](Self::record) has the events (`gordian analyze` tells of those).
    pub predict: Option<Predict>,
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
            predict: Some(Predict::default()),
            record: None,
            print: true,
        }
    }
}

/// How far [`check`](crate::check()) predicts. Both bounds are counts, so that the same run gives the same findings however
/// busy the machine is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Predict {
    /// A closure of about so many events is predicted; of a longer one nothing is. An event takes up to 60 bytes while it is
    /// predicted.
    pub events: u32,
    /// States that the searches for other orders may reach together. 0: only what keeps the order of critical sections.
    pub states: u64,
}

impl Default for Predict {
    fn default() -> Self {
        Self { events: 50_000, states: 20_000 }
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
