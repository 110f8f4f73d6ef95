//! Timing.

use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::yield_now;
use std::time::Instant;

use crate::Peer;

/// Parts that a loop is timed in. Their median counts: a machine that does something else meanwhile takes away a part as a
/// whole, not a little of each. So many that a part of a usual run is shorter than the time that a scheduler gives
/// another process.
const PARTS: u64 = 50;

/// A value on a cache line (and its prefetched neighbour) of its own.
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);

/// Nanoseconds for one turn of `turn`, one thread.
pub(crate) fn alone(iterations: u64, mut turn: impl FnMut()) -> f64 {
    let part = (iterations / PARTS).max(1);
    // The first part only warms up.
    let parts = (0..=PARTS).map(|_| {
        let start = Instant::now();
        for _ in 0..part {
            turn();
        }
        start.elapsed().as_nanos() as f64 / part as f64
    });
    median(parts.skip(1).collect())
}

/// A barrier that does not sleep: a woken thread may be put where its waker is, and then the two run in turns.
#[derive(Default)]
struct Meeting(AtomicU64);

impl Meeting {
    /// Waits until both threads have come `times` times.
    fn wait(&self, times: u64) {
        self.0.fetch_add(1, Ordering::AcqRel);
        let mut spins = 0;
        while self.0.load(Ordering::Acquire) < 2 * times {
            wait_a_little(&mut spins);
        }
    }
}

/// Spins, and lets others run when that takes long.
pub(crate) fn wait_a_little(spins: &mut u32) {
    *spins += 1;
    if *spins < 10_000 { spin_loop() } else { yield_now() }
}

/// What two threads took for a part of the loop.
pub(crate) enum Time {
    /// Each for its own turns: the mean of the two threads.
    PerThread,
    /// From the start together to the end of the later one, over the turns of both.
    Together,
}

/// Nanoseconds for one turn, two threads. `work(thread, turns)` does so many turns.
pub(crate) fn both<P: Peer>(iterations: u64, time: Time, work: impl Fn(u64, u64) + Send + Sync + 'static) -> f64 {
    let part = (iterations / PARTS).max(1);
    let shared = Arc::new((Meeting::default(), work));
    let threads = [0, 1].map(|thread| {
        let shared = Arc::clone(&shared);
        P::spawn(move || {
            let (meeting, work) = &*shared;
            in_parts(thread, part, meeting, work)
        })
    });
    let [first, second] = threads.map(|join| join());
    match time {
        Time::PerThread => f64::midpoint(first.0, second.0),
        Time::Together => first.1,
    }
}

/// A thread's own time for a turn, and that from the common start to the common end.
fn in_parts(thread: u64, part: u64, meeting: &Meeting, work: &impl Fn(u64, u64)) -> (f64, f64) {
    let (mut own, mut together) = (Vec::new(), Vec::new());
    for round in 0..=PARTS {
        meeting.wait(2 * round + 1);
        let start = Instant::now();
        work(thread, part);
        own.push(start.elapsed().as_nanos() as f64 / part as f64);
        meeting.wait(2 * round + 2);
        together.push(start.elapsed().as_nanos() as f64 / (2 * part) as f64);
    }
    // The first part only warms up.
    (median(own.split_off(1)), median(together.split_off(1)))
}

/// The middle value. Zero of nothing.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
