//! A task waits for a notification and keeps a lock, which the notifier needs.
//!
//! The verifier awaits `ready` with the lock of `queue` in its hand. The task that would notify it takes `queue` first. The
//! fixed form lets go of `queue` before it waits.
//!
//! becomes: the same. A condition variable gives back one lock while it waits, and the bug is in the second; a `Notify`
//! gives back none, so one lock is enough for it.
//!
//! origin: openethereum/parity-ethereum 0d593199d0 (#9932), a row "Condvar + mutex" of system-pclub/rust-study, told with
//! tasks

use std::sync::Arc;

use gordian::Named;
use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::{Mutex, Notify};
use gordian::tokio::task::{self, JoinHandle};

struct Verifier {
    queue: Mutex<Vec<u32>>,
    ready: Notify,
}

impl Verifier {
    fn new() -> Arc<Self> {
        Arc::new(Self { queue: Mutex::new(Vec::new()).named("queue"), ready: Notify::new().named("ready") })
    }

    async fn submit(&self, block: u32) {
        let mut queue = self.queue.lock().await; //~ wait-cycle
        queue.push(block);
        self.ready.notify_one();
    }
}

fn submitter(verifier: &Arc<Verifier>) -> JoinHandle<()> {
    let verifier = Arc::clone(verifier);
    task::spawn(async move { verifier.submit(1).await })
}

pub fn buggy() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let verifier = Verifier::new();
        let submitter = submitter(&verifier);
        let mut queue = verifier.queue.lock().await; //~ wait-cycle
        if queue.is_empty() {
            verifier.ready.notified().await; //~ wait-cycle
        }
        queue.pop();
        drop(queue);
        submitter.await.unwrap();
    });
}

pub fn fixed() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let verifier = Verifier::new();
        let submitter = submitter(&verifier);
        while verifier.queue.lock().await.pop().is_none() {
            verifier.ready.notified().await;
        }
        submitter.await.unwrap();
    });
}
