//! Timing.

use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
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

/// What the processor can do beside a part. Of a loop that leaves no unit of it idle, another thread on the same core takes half;
/// of one that waits for locked instructions, hardly anything: so it would make us look bad beside a bare lock.
static DENSE: Mutex<Vec<f64>> = Mutex::new(Vec::new());

/// Nanoseconds for a turn of a loop that is as dense as can be, about the parts that counted.
pub(crate) fn dense() -> f64 {
    median(DENSE.lock().map(|dense| dense.clone()).unwrap_or_default())
}

/// Nanoseconds for a turn of that loop now. Takes about two microseconds.
pub(crate) fn measure_dense() -> f64 {
    const TURNS: u32 = 1_000;
    let mut states = [1_u64, 2, 3, 4, 5, 6];
    let start = Instant::now();
    for _ in 0..TURNS {
        for state in &mut states {
            *state = state.rotate_left(7).wrapping_add(*state);
        }
        states = black_box(states);
    }
    start.elapsed().as_nanos() as f64 / f64::from(TURNS)
}

/// Of the times of parts, each with what was dense before and after it, those that count: the core was the program's own. All, if
/// that was next to never so.
fn undisturbed(times: Vec<(f64, f64)>) -> Vec<f64> {
    let least = times.iter().map(|&(_, dense)| dense).fold(f64::INFINITY, f64::min);
    let (calm, busy): (Vec<_>, Vec<_>) = times.into_iter().partition(|&(_, dense)| dense <= least * TOLERATED);
    let counted = if calm.len() >= FEW { calm } else { [calm, busy].concat() };
    let (times, dense): (Vec<f64>, Vec<f64>) = counted.into_iter().unzip();
    if let Ok(mut all) = DENSE.lock() {
        all.extend(dense);
    }
    times
}

/// The spread of what is dense on a calm machine.
const TOLERATED: f64 = 1.05;
/// So many parts give a median.
const FEW: usize = 5;

/// Nanoseconds for one turn of `turn`, one thread.
pub(crate) fn alone(iterations: u64, mut turn: impl FnMut()) -> f64 {
    let part = (iterations / PARTS).max(1);
    let mut before = measure_dense();
    // The first part only warms up.
    let parts = (0..=PARTS).map(|_| {
        let start = Instant::now();
        for _ in 0..part {
            turn();
        }
        let time = start.elapsed().as_nanos() as f64 / part as f64;
        let after = measure_dense();
        let dense = before.max(after);
        before = after;
        (time, dense)
    });
    median(undisturbed(parts.skip(1).collect()))
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
    if *spins < 200 { spin_loop() } else { yield_now() }
}

/// What two threads took for a part of the loop.
pub(crate) enum Time {
    /// Each for its own turns: the mean of the two threads.
    PerThread,
    /// From the first start to the last end, over the turns of both.
    Together,
}

/// When a thread did each part, and what was dense about it.
type Parts = Vec<((Instant, Instant), f64)>;

/// Nanoseconds for one turn, two threads. `work(thread, turns)` does so many turns. Of the parts only those count in which
/// the two ran side by side, if there are any: on a busy machine they may run one after the other.
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
    // The first part only warms up.
    let parts: Vec<_> = first.into_iter().zip(second).skip(1).collect();
    let beside: Vec<_> = parts.iter().copied().filter(|&((one, _), (other, _))| beside(one, other)).collect();
    let nanos = |(start, end): (Instant, Instant)| (end - start).as_nanos() as f64;
    let times = if beside.is_empty() { parts } else { beside }.into_iter().map(|((one, a), (other, b))| {
        let taken = match time {
            Time::PerThread => f64::midpoint(nanos(one), nanos(other)) / part as f64,
            Time::Together => nanos((one.0.min(other.0), one.1.max(other.1))) / (2 * part) as f64,
        };
        (taken, a.max(b))
    });
    median(undisturbed(times.collect()))
}

/// Did the two overlap for most of the time?
fn beside(one: (Instant, Instant), other: (Instant, Instant)) -> bool {
    let common = one.1.min(other.1).saturating_duration_since(one.0.max(other.0));
    let whole = one.1.max(other.1) - one.0.min(other.0);
    2 * common > whole
}

fn in_parts(thread: u64, part: u64, meeting: &Meeting, work: &impl Fn(u64, u64)) -> Parts {
    let part = |round| {
        let before = measure_dense();
        meeting.wait(round + 1);
        let start = Instant::now();
        work(thread, part);
        let end = Instant::now();
        ((start, end), before.max(measure_dense()))
    };
    (0..=PARTS).map(part).collect()
}

/// The middle value. Zero of nothing.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
