//! How long a poll computes.

use std::cell::Cell;
use std::time::Duration;

use crate::record::{config, sink};

thread_local! {
    /// A moment, and what the thread had computed then.
    static SAMPLE: Cell<(Duration, Duration)> = const { Cell::new((Duration::ZERO, Duration::ZERO)) };
    /// How often watching has cost the thread something that a poll would notice.
    static WORKED: Cell<u64> = const { Cell::new(0) };
}

/// What one of those is allowed to cost: a few allocations and tables, on a machine that has much else to do.
const WORK: Duration = Duration::from_micros(10);

/// The thread has spawned or ended a task, begun, looked at or given up a wait, or made a channel. Tens of thousands of those
/// in one poll take long, and that is our doing.
pub(crate) fn works() {
    let _ = WORKED.try_with(|worked| worked.set(worked.get() + 1));
}

/// What a poll may compute with a limit like this, in which watching had so much to do.
fn allowed(limit: Duration, worked: u64) -> Duration {
    limit.saturating_add(WORK.saturating_mul(worked.try_into().unwrap_or(u32::MAX)))
}

/// A poll under way.
#[derive(Clone, Copy)]
pub(super) struct Spell {
    begun: Duration,
    worked: u64,
    reports: usize,
}

/// A poll begins.
pub(super) fn begin() -> Spell {
    let now = clock::coarse();
    // A system call: once for each tick of the coarse clock.
    if SAMPLE.get().0 != now {
        SAMPLE.set((now, clock::computed()));
    }
    Spell { begun: now, worked: WORKED.get(), reports: sink::reports() }
}

impl Spell {
    /// The poll is over: has it computed for too long?
    pub(super) fn end(self) -> Option<Duration> {
        let limit = allowed(config::get().long_poll?, WORKED.get().wrapping_sub(self.worked));
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

#[cfg(test)]
mod tests {
    use super::{WORKED, allowed, begin, works};
    use std::time::Duration;

    const LIMIT: Duration = Duration::from_millis(100);

    #[test]
    fn what_watching_does_is_not_the_polls_own() {
        assert_eq!(allowed(LIMIT, 0), LIMIT);
        assert_eq!(allowed(LIMIT, 1_000), Duration::from_millis(110));
        assert_eq!(allowed(LIMIT, 50_000), Duration::from_millis(600));
        assert!(allowed(LIMIT, u64::MAX) > LIMIT);
        assert_eq!(allowed(Duration::MAX, 1), Duration::MAX);
    }

    /// What was done before a poll does not excuse it, and what is done in a poll inside excuses the outer one, too.
    #[test]
    fn each_poll_counts_from_where_it_began() {
        works();
        let outer = begin();
        works();
        let inner = begin();
        works();
        works();
        assert_eq!(WORKED.get() - inner.worked, 2);
        assert_eq!(WORKED.get() - outer.worked, 3);
    }
}
