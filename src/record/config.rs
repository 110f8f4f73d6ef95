//! What is watched, and what happens after a deadlock. Fixed at the first hook of the process.

use std::path::PathBuf;
use std::sync::OnceLock;

use super::log::Log;

/// What to do when threads are found to wait for one another for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnDeadlock {
    /// Report it and let the program go on (that is: hang). Nothing is destroyed.
    #[default]
    Continue,
    /// Report it and end the process with exit code 1.
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
    /// Write every event to this file.
    pub record: Option<PathBuf>,
    /// Print each finding to standard error when it is made, outside [`crate::check`].
    pub print: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            lock_order: true,
            races: true,
            waits: true,
            on_deadlock: OnDeadlock::Continue,
            record: None,
            print: true,
        }
    }
}

/// The switches that the hot path looks at, as one byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Modes(u8);

impl Modes {
    const ORDER: u8 = 1;
    const RACES: u8 = 2;
    const WAITS: u8 = 4;
    const RECORD: u8 = 8;

    pub(crate) const fn nothing(self) -> bool {
        self.0 == 0
    }

    #[inline(always)]
    pub(crate) const fn order(self) -> bool {
        self.0 & Self::ORDER != 0
    }

    #[inline(always)]
    pub(crate) const fn races(self) -> bool {
        self.0 & Self::RACES != 0
    }

    #[inline(always)]
    pub(crate) const fn waits(self) -> bool {
        self.0 & Self::WAITS != 0
    }

    #[inline(always)]
    pub(crate) const fn record(self) -> bool {
        self.0 & Self::RECORD != 0
    }
}

static CONFIG: OnceLock<Config> = OnceLock::new();
static LOG: OnceLock<Log> = OnceLock::new();

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

/// Fixes the configuration, and opens the trace.
pub(crate) fn fix(config: Config) -> Result<(), StartError> {
    // The trace first: once the configuration is there, hooks on other threads rely on it. Only one of two racing calls
    // can win below; the loser's file is left empty.
    let log = match (&config.record, CONFIG.get()) {
        (_, Some(_)) => return Err(StartError::AlreadyStarted),
        (Some(path), None) => Some(Log::open(path).map_err(|error| StartError::Record(path.clone(), error))?),
        (None, None) => None,
    };
    if let Some(log) = log {
        LOG.set(log).map_err(|_| StartError::AlreadyStarted)?;
    }
    CONFIG.set(config).map_err(|_| StartError::AlreadyStarted)
}

/// The configuration in force; the default is fixed by the first call.
pub(crate) fn get() -> &'static Config {
    CONFIG.get_or_init(Config::default)
}

/// The trace that is being recorded.
pub(crate) fn log() -> Option<&'static Log> {
    LOG.get()
}

pub(crate) fn modes() -> Modes {
    let config = get();
    let bit = |on: bool, bit: u8| if on { bit } else { 0 };
    Modes(
        bit(config.lock_order, Modes::ORDER)
            | bit(config.races, Modes::RACES)
            | bit(config.waits, Modes::WAITS)
            | bit(config.record.is_some(), Modes::RECORD),
    )
}
