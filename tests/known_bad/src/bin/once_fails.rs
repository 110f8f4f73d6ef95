//! A thread that waits for the initialiser of another takes its failure for impossible: undefined behaviour in a release
//! build, a panic in this one.
//!
//! origin: RUSTSEC-2023-0031, in spin 0.9.3 to 0.9.7
//! not seen: a wrong conclusion from an atomic that is used rightly; it panics

use known_bad::Steps;
use spin::once::Once;
use spin::RelaxStrategy;
use std::thread;

static STEPS: Steps = Steps::new();

/// Tells that a thread waits.
struct Announced;

impl RelaxStrategy for Announced {
    fn relax() {
        STEPS.reach();
    }
}

fn main() {
    let config = Once::<&str, Announced>::new();
    let outcome = thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            STEPS.wait(1);
            config.try_call_once(|| Ok::<_, ()>("second")).copied()
        });
        let failed = config.try_call_once(|| {
            STEPS.reach();
            STEPS.wait(3);
            Err(())
        });
        assert_eq!(failed, Err(()));
        waiting.join()
    });
    outcome.expect("nobody panics").expect("the second initialiser runs");
}
