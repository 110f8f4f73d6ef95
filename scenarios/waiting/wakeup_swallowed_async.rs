//! A future that has taken the wake-up is dropped before it has done its job.
//!
//! A job is queued and one notification sent. The worker takes the notification, connects to the database, and then takes
//! the job; but connecting takes too long, and the timeout drops all of it. The job is still queued, its notification is
//! gone, and the next round waits for one. The fixed form looks for a job before it waits.
//!
//! becomes: the same by another way. `notified()` that is dropped while it waits passes its notification on; a future
//! that goes on after it, and is dropped then, cannot.
//!
//! origin: launchbadge/sqlx#1211 (fixes #622 and #1210: a waiter that was woken and then cancelled)

use std::sync::Mutex;
use std::time::Duration;

use gordian::Named;
use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::Notify;
use gordian::tokio::time::{sleep, timeout};

struct Queue {
    jobs: Mutex<Vec<u32>>,
    filled: Notify,
}

impl Queue {
    /// With one job.
    fn new() -> Self {
        let queue = Self { jobs: Mutex::new(vec![7]), filled: Notify::new().named("filled") };
        queue.filled.notify_one();
        queue
    }

    fn pop(&self) -> Option<u32> {
        self.jobs.lock().unwrap().pop()
    }

    async fn next(&self, connect: Duration) -> u32 {
        loop {
            self.filled.notified().await; //~ lost-wakeup
            sleep(connect).await;
            if let Some(job) = self.pop() {
                return job;
            }
        }
    }

    async fn next_fixed(&self, connect: Duration) -> u32 {
        loop {
            sleep(connect).await;
            if let Some(job) = self.pop() {
                return job;
            }
            self.filled.notified().await;
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(1);
const SLOW: Duration = Duration::from_secs(60);

pub fn buggy() {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
        let queue = Queue::new();
        assert!(timeout(PATIENCE, queue.next(SLOW)).await.is_err());
        assert_eq!(queue.next(Duration::ZERO).await, 7);
    });
}

pub fn fixed() {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
        let queue = Queue::new();
        assert!(timeout(PATIENCE, queue.next_fixed(SLOW)).await.is_err());
        assert_eq!(queue.next_fixed(Duration::ZERO).await, 7);
    });
}
