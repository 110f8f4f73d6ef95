//! A thief reads a slot of the buffer that the owner has replaced by a larger one meanwhile, and takes what is no longer
//! there.
//!
//! origin: RUSTSEC-2021-0093, in crossbeam-deque up to 0.7.3 and in 0.8.0
//! not seen: plain memory (the slots); by chance a job that is taken twice or never

use crossbeam_deque::{Steal, Worker};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

fn main() {
    const ROUNDS: u64 = 20;
    for _ in 0..ROUNDS {
        let (worker, done) = (Worker::new_fifo(), AtomicBool::new(false));
        let thief = worker.stealer();
        let stolen = thread::scope(|scope| {
            let thief = scope.spawn(|| {
                let mut stolen = Vec::new();
                loop {
                    match thief.steal() {
                        Steal::Success(job) => stolen.push(job),
                        Steal::Retry => {}
                        Steal::Empty if done.load(Ordering::Acquire) => return stolen,
                        Steal::Empty => thread::yield_now(),
                    }
                }
            });
            let mut taken = Vec::new();
            for job in 0..1_000_u64 {
                worker.push(job);
                if job % 3 == 0 {
                    taken.extend(worker.pop());
                }
            }
            while let Some(job) = worker.pop() {
                taken.push(job);
            }
            done.store(true, Ordering::Release);
            taken.extend(thief.join().unwrap());
            taken
        });
        let mut jobs = stolen;
        jobs.sort_unstable();
        assert!(jobs.into_iter().eq(0..1_000), "a job was taken twice, or never");
    }
}
