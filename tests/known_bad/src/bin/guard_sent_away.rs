//! A guard that was mapped to a part can be used from another thread though the part must not leave its own.
//!
//! origin: RUSTSEC-2020-0059, in futures-util 0.3.2 to 0.3.6; with the fix this program is refused by the compiler
//! not seen: plain memory (the count)

use futures_util::lock::{Mutex, MutexGuard};
use known_bad::{poll_to_end, Steps};
use std::rc::Rc;
use std::thread;

fn main() {
    let shared = Box::leak(Box::new(Rc::new(0)));
    let (kept, steps) = (Rc::clone(shared), Steps::new());
    let lock = Mutex::new(());
    let guard = MutexGuard::map(poll_to_end(lock.lock()), |()| shared);
    thread::scope(|scope| {
        scope.spawn(|| {
            let guard = guard;
            steps.meet(2);
            (0..10_000).for_each(|_| drop(Rc::clone(&guard)));
        });
        steps.meet(2);
        (0..10_000).for_each(|_| drop(Rc::clone(&kept)));
    });
}
