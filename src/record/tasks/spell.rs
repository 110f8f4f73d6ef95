//! How long a poll computes.

use std::cell::Cell;
use std::time::Duration;

use crate::record::{config, sink};

thread_local! {
    /// A moment, and what the thread had computed then.
    static SAMPLE: Cell<(Duration, Duration)> = const { Cell::new((Duration::ZERO, Duration::ZERO)) };
}

/// A poll under way.
#[derive(Clone, Copy)]
pub(super) struct Spell {
    begun: Duration,
    reports: usize,
}

/// A poll begins.
pub(super) fn begin() -> Spell {
    let now = clock::coarse();
    // A system call: once for each tick of the coarse clock.
    if SAMPLE.get().0 != now {
        SAMPLE.set((now, clock::computed()));
    }
    Spell { begun: now, reports: sink::reports() }
}

impl Spell {
    /// The poll is over: has it computed for too long?
    pub(super) fn end(self) -> Option<Duration> {
        let limit = config::get().long_poll?;
        if limit > clock::coarse().saturating_sub(self.begun) {
            return None;
        }
        let computed = clock::computed().saturating_sub(SAMPLE.get().1);
        // Reading the symbols for a report takes long, and is our doing.
        (computed >= limit && self.reports == sink::reports()).then_some(computed)
    }
}

#[cfg(target_os = "linux")]
mod clock {
    use std::time::Duration;

    /// A clock that is read from memory, and ticks every few milliseconds.
    pub(super) fn coarse() -> Duration {
        read(libc::CLOCK_MONOTONIC_COARSE)
    }

    /// What the current thread has computed.
    pub(super) fn computed() -> Duration {
        read(libc::CLOCK_THREAD_CPUTIME_ID)
    }

    fn read(clock: libc::clockid_t) -> Duration {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the pointer is that of a place for the time.
        match unsafe { libc::clock_gettime(clock, &mut time) } {
            0 => Duration::new(time.tv_sec as u64, time.tv_nsec as u32),
            _ => Duration::ZERO,
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod clock {
    use std::time::Duration;

    pub(super) fn coarse() -> Duration {
        Duration::ZERO
    }

    pub(super) fn computed() -> Duration {
        Duration::ZERO
    }
}
