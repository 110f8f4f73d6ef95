//! A blocking job holds a mutex while it waits for the runtime's timer, and the thread that drives the timers wants it.
//!
//! The job locks the state and blocks on the runtime's `sleep`. The runtime has one thread, and that one, in a task, locks
//! the state, too: it blocks, so nobody drives the timers, so the sleep never ends, so the lock is never released. The
//! fixed form has an async mutex, for which the task waits without blocking its thread.
//!
//! becomes: the same cycle, but one of its parties is invisible. Nobody wrote the thread that drives the timers; it is
//! whichever worker is idle, and here the last one blocks.
//!
//! origin: "How to deadlock Tokio application in Rust with just a single mutex" (Turso); tokio-rs/tokio#5024

use std::sync::Arc;
use std::time::Duration;

use gordian::Named;
use gordian::tokio::runtime::{Builder, Handle, Runtime};
use gordian::tokio::{sync, task, time};
use gordian::unobserved::Barrier;

const TICK: Duration = Duration::from_millis(1);

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

pub fn buggy() {
    runtime().block_on(async {
        let state = Arc::new(gordian::sync::Mutex::new(0).named("state"));
        let overlap = Arc::new(Barrier::new(2));
        let job = task::spawn_blocking({
            let (state, overlap, runtime) = (Arc::clone(&state), Arc::clone(&overlap), Handle::current());
            move || {
                let mut state = state.lock().unwrap(); //~ wait-cycle
                runtime.block_on(async { //~ wait-cycle
                    overlap.wait();
                    time::sleep(TICK).await; //~ wait-cycle
                });
                *state += 1;
            }
        });
        overlap.wait();
        *state.lock().unwrap() += 1; //~ wait-cycle, blocking-in-async
        job.await.unwrap();
    });
}

pub fn fixed() {
    runtime().block_on(async {
        let state = Arc::new(sync::Mutex::new(0).named("state"));
        let overlap = Arc::new(Barrier::new(2));
        let job = task::spawn_blocking({
            let (state, overlap, runtime) = (Arc::clone(&state), Arc::clone(&overlap), Handle::current());
            move || {
                let mut state = state.blocking_lock();
                runtime.block_on(async {
                    overlap.wait();
                    time::sleep(TICK).await;
                });
                *state += 1;
            }
        });
        overlap.wait();
        *state.lock().await += 1;
        job.await.unwrap();
        assert_eq!(*state.lock().await, 2);
    });
}
