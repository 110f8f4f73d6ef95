//! A task looks at a flag and then begins to wait; the notification falls in between.
//!
//! `notify_waiters` wakes who waits at that moment and stores nothing. The task has looked at the flag, goes to the log for
//! a line, and creates its `Notified` afterwards. The fixed form creates it before it looks.
//!
//! becomes: the same. Here it needs no unlucky thread: the await between the look and the wait is in the source, and
//! everything else may happen in it.
//!
//! origin: octos-org/octos#927 (three places; the fix creates and pins `notified()` before the second look)

use std::pin::pin;
use std::sync::Arc;

use gordian::Named;
use gordian::sync::atomic::{AtomicBool, Ordering};
use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::Notify;
use gordian::tokio::task::{self, JoinHandle};

struct Shutdown {
    done: AtomicBool,
    changed: Notify,
}

impl Shutdown {
    fn new() -> Arc<Self> {
        Arc::new(Self { done: AtomicBool::new(false), changed: Notify::new().named("changed") })
    }

    fn finish(self: &Arc<Self>) -> JoinHandle<()> {
        let shutdown = Arc::clone(self);
        task::spawn(async move {
            shutdown.done.store(true, Ordering::Release);
            shutdown.changed.notify_waiters();
        })
    }
}

/// Goes on when the other tasks have had their turn.
async fn log(_line: &str) {
    task::yield_now().await;
}

pub fn buggy() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let shutdown = Shutdown::new();
        let finishing = shutdown.finish();
        while !shutdown.done.load(Ordering::Acquire) {
            log("not done yet").await;
            shutdown.changed.notified().await; //~ lost-wakeup
        }
        finishing.await.unwrap();
    });
}

pub fn fixed() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let shutdown = Shutdown::new();
        let finishing = shutdown.finish();
        loop {
            let changed = pin!(shutdown.changed.notified());
            if shutdown.done.load(Ordering::Acquire) {
                break;
            }
            log("not done yet").await;
            changed.await;
        }
        finishing.await.unwrap();
    });
}
