//! The configuration in force. Fixed at the first hook of the process.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::log::Log;
use super::process;
pub(crate) use crate::config::{Config, OnDeadlock, StartError};

/// The switches that the hot path looks at, as one byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Modes(u8);

impl Modes {
    const ORDER: u8 = 1;
    const RACES: u8 = 2;
    const WAITS: u8 = 4;
    const RECORD: u8 = 8;
    const CLASSES: u8 = 16;

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

    /// The same, of a thread whose events are recorded.
    pub(super) const fn recorded(self) -> Self {
        Self(self.0 | Self::RECORD)
    }

    /// Orders are told to the process that gathers those of several.
    #[inline(always)]
    pub(crate) const fn classes(self) -> bool {
        self.0 & Self::CLASSES != 0
    }
}

static CONFIG: OnceLock<Config> = OnceLock::new();
static LOG: OnceLock<Log> = OnceLock::new();
/// How many traces are recorded, or kept. For hooks that have nothing else to do.
static RECORDING: AtomicUsize = AtomicUsize::new(0);

/// Is a trace recorded, as far as this thread has heard?
#[inline(always)]
pub(crate) fn is_recording() -> bool {
    RECORDING.load(Ordering::Relaxed) != 0
}

/// A trace is recorded from now on.
pub(super) fn recording_begins() {
    RECORDING.fetch_add(1, Ordering::Relaxed);
}

/// One trace less is recorded.
pub(super) fn recording_ends() {
    RECORDING.fetch_sub(1, Ordering::Relaxed);
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
        recording_begins();
    }
    CONFIG.set(config).map_err(|_| StartError::AlreadyStarted)?;
    process::begun();
    Ok(())
}

/// The configuration in force; that of the environment is fixed by the first call.
pub(crate) fn get() -> &'static Config {
    CONFIG.get_or_init(|| {
        let mut config = process::configuration();
        if let Some(path) = &config.record {
            match Log::open(path) {
                // A `start` that comes at the same time may have been faster with its own.
                Ok(log) => {
                    drop(LOG.set(log));
                    recording_begins();
                }
                Err(error) => {
                    process::cannot_record(path, &error);
                    config.record = None;
                }
            }
        }
        process::begun();
        config
    })
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
            | bit(config.record.is_some(), Modes::RECORD)
            | bit(config.lock_order && process::get().is_some(), Modes::CLASSES),
    )
}
