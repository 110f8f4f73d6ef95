//! A worker is woken before the flag is set that tells it to stop.
//!
//! The owner unparks the worker and then sets the flag. The worker wakes up, finds the flag unset, and parks again; nobody
//! will wake it a second time. The fixed form sets the flag first.
//!
//! origin: openethereum/parity-ethereum 79d996300b "possible fix for #3686" (#3702)

use gordian::sync::Arc;
use gordian::sync::atomic::{AtomicBool, Ordering};
use gordian::thread;
use gordian::unobserved::Barrier;

pub fn buggy() {
    let deleting = Arc::new(AtomicBool::new(false));
    let looked = Arc::new(Barrier::new(2));
    let worker = thread::Builder::new().name("io worker".to_owned());
    let worker = worker.spawn({
        let (deleting, looked) = (Arc::clone(&deleting), Arc::clone(&looked));
        move || {
            for turn in 0.. {
                thread::park(); //~ lost-wakeup
                let stop = deleting.load(Ordering::Acquire);
                if turn == 0 {
                    looked.wait();
                }
                if stop {
                    break;
                }
            }
        }
    });
    let worker = worker.unwrap();
    worker.thread().unpark();
    looked.wait();
    deleting.store(true, Ordering::Release);
    worker.join().unwrap(); //~ lost-wakeup
}

pub fn fixed() {
    let deleting = Arc::new(AtomicBool::new(false));
    let worker = thread::spawn({
        let deleting = Arc::clone(&deleting);
        move || {
            while !deleting.load(Ordering::Acquire) {
                thread::park();
            }
        }
    });
    deleting.store(true, Ordering::Release);
    worker.thread().unpark();
    worker.join().unwrap();
}
