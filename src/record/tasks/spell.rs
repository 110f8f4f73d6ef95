//! How long a poll computes.

use std::cell::Cell;
use std::time::Duration;

use crate::record::{config, sink};

thread_local! {
    /// A moment, and what the thread had computed then.
    static SAMPLE: Cell<(Moment, Moment)> = const { Cell::new((0, 0)) };
    /// How often watching has cost the thread something that a poll would notice.
    static WORKED: Cell<u32> = const { Cell::new(0) };
}

/// What one of those is allowed to cost: a few allocations and tables, on a machine that has much else to do.
const WORK: Duration = Duration::from_micros(10);

/// What an [entry](crate::record::context::Context::entries) into the tool is allowed to cost; without optimisation, ten times
/// as much.
const ENTRY: Duration = Duration::from_nanos(if cfg!(debug_assertions) { 5_000 } else { 500 });

/// The thread has spawned or ended a task, begun, looked at or given up a wait, or made a channel. Tens of thousands of those
/// in one poll take long, and that is our doing.
pub(crate) fn works() {
    let _ = WORKED.try_with(|worked| worked.set(worked.get().wrapping_add(1)));
}

/// What watching has done on the thread: how often it had much to do, and how often little.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Done {
    worked: u32,
    entered: u32,
}

impl Done {
    fn until_now(entered: u32) -> Self {
        Self { worked: WORKED.get(), entered }
    }

    fn since(self, entered: u32) -> Self {
        let now = Self::until_now(entered);
        Self { worked: now.worked.wrapping_sub(self.worked), entered: now.entered.wrapping_sub(self.entered) }
    }

    /// What a poll may compute with a limit like this, in which this was done.
    fn allows(self, limit: Duration) -> Duration {
        let more = WORK.saturating_mul(self.worked).saturating_add(ENTRY.saturating_mul(self.entered));
        limit.saturating_add(more)
    }
}

/// A poll under way.
#[derive(Clone, Copy)]
pub(super) struct Spell {
    /// On the coarse clock.
    begun: Moment,
    done: Done,
    reports: u32,
}

/// A poll begins, on a thread that has entered the tool so often.
#[inline]
pub(super) fn begin(entered: u32) -> Spell {
    let now = clock::coarse();
    // A system call: once for each tick of the coarse clock.
    if SAMPLE.get().0 != now {
        SAMPLE.set((now, clock::computed()));
    }
    Spell { begun: now, done: Done::until_now(entered), reports: reports() }
}

impl Spell {
    /// The poll is over, and the thread has entered the tool so often: has it computed for too long?
    #[inline]
    pub(super) fn end(self, entered: u32) -> Option<Duration> {
        let limit = config::get().long_poll?;
        let passed = Duration::from_nanos(clock::coarse().saturating_sub(self.begun));
        if limit > passed { None } else { self.end_late(limit, passed, entered) }
    }

    /// It has taken that long.
    #[cold]
    fn end_late(self, limit: Duration, passed: Duration, entered: u32) -> Option<Duration> {
        let limit = self.done.since(entered).allows(limit);
        if limit > passed {
            return None;
        }
        let computed = Duration::from_nanos(clock::computed().saturating_sub(SAMPLE.get().1));
        // Reading the symbols for a report takes long, and is our doing.
        (computed >= limit && self.reports == reports()).then_some(computed)
    }
}

/// As many as matter: whether there were any meanwhile.
fn reports() -> u32 {
    sink::reports() as u32
}

/// Nanoseconds since some moment.
type Moment = u64;

#[cfg(target_os = "linux")]
mod clock {
    use super::Moment;

    /// A clock that is read from memory, and ticks every few milliseconds.
    #[inline]
    pub(super) fn coarse() -> Moment {
        read(libc::CLOCK_MONOTONIC_COARSE)
    }

    /// What the current thread has computed.
    pub(super) fn computed() -> Moment {
        read(libc::CLOCK_THREAD_CPUTIME_ID)
    }

    #[inline]
    fn read(clock: libc::clockid_t) -> Moment {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the pointer is that of a place for the time.
        match unsafe { libc::clock_gettime(clock, &mut time) } {
            0 => time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64,
            _ => 0,
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod clock {
    use super::Moment;

    pub(super) fn coarse() -> Moment {
        0
    }

    pub(super) fn computed() -> Moment {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::{Done, begin, works};
    use std::time::Duration;

    const LIMIT: Duration = Duration::from_millis(100);

    #[test]
    fn what_watching_does_is_not_the_polls_own() {
        let allowed = |limit, worked, entered| Done { worked, entered }.allows(limit);
        assert_eq!(allowed(LIMIT, 0, 0), LIMIT);
        assert_eq!(allowed(LIMIT, 1_000, 0), Duration::from_millis(110));
        assert_eq!(allowed(LIMIT, 50_000, 0), Duration::from_millis(600));
        assert_eq!(allowed(LIMIT, 0, 1_000), LIMIT + 1_000 * super::ENTRY);
        assert!(allowed(LIMIT, u32::MAX, u32::MAX) > LIMIT);
        assert_eq!(allowed(Duration::MAX, 1, 1), Duration::MAX);
    }

    /// What was done before a poll does not excuse it, and what is done in a poll inside excuses the outer one, too.
    #[test]
    fn each_poll_counts_from_where_it_began() {
        works();
        let outer = begin(u32::MAX);
        works();
        let inner = begin(0);
        works();
        works();
        assert_eq!(inner.done.since(0), Done { worked: 2, entered: 0 });
        assert_eq!(outer.done.since(0), Done { worked: 3, entered: 1 });
    }
}
