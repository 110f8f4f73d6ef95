//! An inner wait takes the wake-up that was meant for the outer one.
//!
//! `park` knows one token, whoever it is for. The owner unparks the worker to give it its job. The worker flushes its log
//! first, and the flush parks until it is done: it takes the owner's token, sees that it is not done, and parks again.
//! Then the worker parks for the job, and the token for that is gone. The fixed form looks for the job before it parks.
//!
//! origin: the lost notifications of launchbadge/sqlx#1211, told with `park`

use gordian::sync::Arc;
use gordian::sync::atomic::{AtomicBool, Ordering};
use gordian::thread::{self, Thread};
use gordian::unobserved::Barrier;

#[derive(Default)]
struct State {
    job: AtomicBool,
    flushed: AtomicBool,
}

fn flush(state: &Arc<State>, waits_again: &Arc<Barrier>) {
    let worker: Thread = thread::current();
    let flusher = thread::spawn({
        let (state, waits_again) = (Arc::clone(state), Arc::clone(waits_again));
        move || {
            waits_again.wait();
            state.flushed.store(true, Ordering::Release);
            worker.unpark();
        }
    });
    loop {
        thread::park();
        if state.flushed.load(Ordering::Acquire) {
            break;
        }
        waits_again.wait();
    }
    flusher.join().unwrap();
}

pub fn buggy() {
    run(|_| thread::park()); //~ lost-wakeup
}

pub fn fixed() {
    run(|state| {
        while !state.job.load(Ordering::Acquire) {
            thread::park();
        }
    });
}

fn run(wait_for_job: fn(&State)) {
    let state = Arc::new(State::default());
    let worker = thread::Builder::new().name("worker".to_owned());
    let worker = worker.spawn({
        let state = Arc::clone(&state);
        move || {
            flush(&state, &Arc::new(Barrier::new(2)));
            wait_for_job(&state);
        }
    });
    let worker = worker.unwrap();
    state.job.store(true, Ordering::Release);
    worker.thread().unpark();
    worker.join().unwrap(); //~ lost-wakeup
}
