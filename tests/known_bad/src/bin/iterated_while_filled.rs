//! The iterator over all threads' values looks at a slot while its thread is still writing it.
//!
//! origin: RUSTSEC-2022-0006, Amanieu/thread_local-rs#33, in thread_local up to 1.1.3
//! not seen: plain memory (the slots, and a flag that is none)

use known_bad::Steps;
use std::thread;
use thread_local::ThreadLocal;

fn main() {
    for _ in 0..2_000 {
        let (names, steps) = (ThreadLocal::new(), Steps::new());
        thread::scope(|scope| {
            scope.spawn(|| {
                steps.meet(2);
                names.get_or(|| String::from("worker"));
            });
            steps.meet(2);
            assert!(names.iter().all(|name| name == "worker"));
        });
    }
}
