//! A worker is notified before the flag is set that tells it to stop.
//!
//! The owner notifies the worker, writes a line to the log, and then sets the flag. The worker wakes up, finds the flag
//! unset, and waits again; nobody will wake it a second time. The fixed form sets the flag first.
//!
//! becomes: the same. `Notify` keeps one permit as `park` does, and keeps it for the wrong look just as well.
//!
//! origin: openethereum/parity-ethereum 79d996300b "possible fix for #3686" (#3702), told with tasks

use std::sync::Arc;

use gordian::Named;
use gordian::sync::atomic::{AtomicBool, Ordering};
use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::Notify;
use gordian::tokio::task::{self, JoinHandle};

struct Owner {
    deleting: AtomicBool,
    wake: Notify,
}

impl Owner {
    fn new() -> Arc<Self> {
        Arc::new(Self { deleting: AtomicBool::new(false), wake: Notify::new().named("wake") })
    }

    fn worker(self: &Arc<Self>) -> JoinHandle<()> {
        let owner = Arc::clone(self);
        task::spawn(async move {
            while !owner.deleting.load(Ordering::Acquire) {
                owner.wake.notified().await; //~ lost-wakeup
            }
        })
    }
}

/// Goes on when the other tasks have had their turn.
async fn log(_line: &str) {
    task::yield_now().await;
}

pub fn buggy() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let owner = Owner::new();
        let worker = owner.worker();
        owner.wake.notify_one();
        log("stopping").await;
        owner.deleting.store(true, Ordering::Release);
        worker.await.unwrap(); //~ lost-wakeup
    });
}

pub fn fixed() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let owner = Owner::new();
        let worker = owner.worker();
        log("stopping").await;
        owner.deleting.store(true, Ordering::Release);
        owner.wake.notify_one();
        worker.await.unwrap();
    });
}
