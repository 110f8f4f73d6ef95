//! The measured loops. Every variant is a process that runs one of them: `VARIANT ROW ITERATIONS [MODE]` prints one
//! `METRIC VALUE` per line, in nanoseconds for one turn of the loop where the metric does not say otherwise. `dense` is that of
//! another loop, which leaves nothing of the core idle: it tells whether the core was the program's own.

mod chain;
mod locks;
mod measure;
mod pairs;
mod slots;

use std::ops::DerefMut;
use std::process::exit;

/// A mutex and the threads that go with it. Implement [`lock`](Peer::lock) with `#[inline(always)]`, and with
/// `#[track_caller]` if the mutex wants to know its callers.
pub trait Peer: 'static {
    /// A mutex of a number.
    type Mutex: Send + Sync + 'static;
    /// What locking it gives.
    type Guard<'a>: DerefMut<Target = u64>;

    /// A new mutex.
    fn mutex(value: u64) -> Self::Mutex;

    /// Locks, blocking.
    fn lock(mutex: &Self::Mutex) -> Self::Guard<'_>;

    /// Starts a thread; the result joins it. It has a stack of 2 MiB unless `RUST_MIN_STACK` says otherwise.
    fn spawn<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> impl FnOnce() -> R {
        let handle = std::thread::spawn(work);
        || handle.join().expect("a measuring thread panicked")
    }
}

/// A number that threads share without a lock.
pub trait Slot: Send + Sync + 'static {
    /// A new one.
    fn slot(value: u64) -> Self;
    /// Its value.
    fn read(&self) -> u64;
    /// Replaces it.
    fn write(&self, value: u64);
    /// Adds to it, in one step if there is such a step.
    fn add(&self, value: u64);
}

/// What a process was asked to do.
struct Task {
    row: String,
    iterations: u64,
}

/// The mode on the command line: the third argument.
pub fn mode() -> Option<String> {
    std::env::args().nth(3)
}

fn task() -> Task {
    let mut args = std::env::args().skip(1);
    let row = args.next();
    let iterations = args.next().and_then(|number| number.parse().ok());
    match (row, iterations) {
        (Some(row), Some(iterations)) => Task { row, iterations },
        _ => usage(),
    }
}

fn usage() -> ! {
    eprintln!("usage: VARIANT ROW ITERATIONS [MODE]");
    exit(2)
}

fn print(metrics: &[(&str, f64)]) {
    for (metric, value) in metrics {
        println!("{metric} {value}");
    }
}

/// Runs the row of locks that the command line names.
pub fn main<P: Peer>() {
    let Task { row, iterations } = task();
    match row.as_str() {
        "pairs" => print(&pairs::run::<P>(iterations)),
        "chain" => print(&chain::run::<P>(iterations)),
        _ => match locks::run::<P>(&row, iterations) {
            Some(time) => print(&[("ns", time), ("dense", measure::dense())]),
            None => usage(),
        },
    }
}

/// Runs the row of cells or atomics that the command line names.
pub fn main_of_slots<P: Peer, S: Slot>() {
    let Task { row, iterations } = task();
    match slots::run::<P, S>(&row, iterations) {
        Some(time) => print(&[("ns", time), ("dense", measure::dense())]),
        None => usage(),
    }
}
