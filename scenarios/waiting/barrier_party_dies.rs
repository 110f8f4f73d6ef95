//! One party of a barrier gives up before it arrives.
//!
//! Three workers prepare, meet at a barrier, and measure. The preparation of one fails and it returns; the other two wait
//! for a third that never comes. In the fixed form every worker arrives, and says what went wrong afterwards.
//!
//! origin: jonhoo/bustle#11 (the barrier moved into a guard, so that a worker that panics arrives all the same)

use gordian::Named;
use gordian::sync::{Arc, Barrier};
use gordian::thread;

const WORKERS: u32 = 3;

fn prepare(worker: u32) -> Result<u32, String> {
    if worker == 1 { Err("no memory".to_owned()) } else { Ok(worker) }
}

fn measure(worker: u32, start: &Barrier) -> Result<u32, String> {
    let prepared = prepare(worker)?;
    start.wait(); //~ resource-leak
    Ok(prepared)
}

fn measure_fixed(worker: u32, start: &Barrier) -> Result<u32, String> {
    let prepared = prepare(worker);
    start.wait();
    prepared
}

pub fn buggy() {
    assert_eq!(run(measure), 1);
}

pub fn fixed() {
    assert_eq!(run(measure_fixed), 1);
}

/// The number of workers that failed.
fn run(measure: fn(u32, &Barrier) -> Result<u32, String>) -> usize {
    let start = Arc::new(Barrier::new(WORKERS as usize).named("start"));
    let workers: Vec<_> = (0..WORKERS)
        .map(|worker| {
            let start = Arc::clone(&start);
            thread::spawn(move || measure(worker, &start))
        })
        .collect();
    workers.into_iter().filter_map(|worker| worker.join().unwrap().err()).count() //~ resource-leak
}
