//! The blocking jobs of a runtime wait for jobs that are queued behind them.
//!
//! Each of two jobs on the runtime's pool for blocking work gives a part of its work to the same pool and blocks until it
//! is done. The pool may have two threads, both wait, and the parts stay in the queue. In the fixed form a job does its
//! part itself.
//!
//! becomes: the same. The limit of tokio's pool is 512, so that it takes 512 such jobs at a time, on the worst day of the
//! year.
//!
//! origin: async-rs/async-std#644 (recursive `block_on` on a shared pool)

use std::sync::Arc;

use gordian::tokio::runtime::{Builder, Handle, Runtime};
use gordian::tokio::task;
use gordian::unobserved::Barrier;

const THREADS: usize = 2;

fn runtime() -> Runtime {
    Builder::new_current_thread().max_blocking_threads(THREADS).build().unwrap()
}

pub fn buggy() {
    runtime().block_on(async {
        let both_run = Arc::new(Barrier::new(THREADS));
        let job = |number: usize| {
            let (runtime, both_run) = (Handle::current(), Arc::clone(&both_run));
            task::spawn_blocking(move || {
                both_run.wait();
                let part = task::spawn_blocking(move || number);
                runtime.block_on(part).unwrap() + 1 //~ pool-starvation
            })
        };
        let (first, second) = (job(0), job(1));
        let total = first.await.unwrap() + second.await.unwrap();
        assert_eq!(total, 3);
    });
}

pub fn fixed() {
    runtime().block_on(async {
        let job = |number: usize| task::spawn_blocking(move || number + 1);
        let (first, second) = (job(0), job(1));
        assert_eq!(first.await.unwrap() + second.await.unwrap(), 3);
    });
}
