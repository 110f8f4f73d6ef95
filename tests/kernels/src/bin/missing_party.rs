//! One party of a barrier gives up before it arrives.
//!
//! origin: jonhoo/bustle#11

use std::sync::{Arc, Barrier};
use std::thread;

fn measure(worker: u32, start: &Barrier) -> Result<u32, String> {
    if worker == 1 {
        return Err("no memory".to_owned());
    }
    start.wait(); //~ resource-leak
    Ok(worker)
}

fn measure_after_all(worker: u32, start: &Barrier) -> Result<u32, String> {
    start.wait();
    if worker == 1 {
        Err("no memory".to_owned())
    } else {
        Ok(worker)
    }
}

fn run(measure: fn(u32, &Barrier) -> Result<u32, String>) {
    let start = Arc::new(Barrier::new(3));
    let worker = |worker| {
        let start = Arc::clone(&start);
        thread::spawn(move || measure(worker, &start))
    };
    let workers: Vec<_> = (0..3).map(worker).collect();
    let failed = workers.into_iter().filter_map(|worker| worker.join().unwrap().err()).count(); //~ resource-leak
    assert_eq!(failed, 1);
}

fn main() {
    kernels::choose(|| run(measure), || run(measure_after_all));
}
