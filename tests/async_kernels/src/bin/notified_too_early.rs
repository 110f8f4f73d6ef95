//! All waiters are notified before the one that matters waits.
//!
//! origin: octos-org/octos#927

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use tokio::sync::Notify;

#[derive(Default)]
struct Shutdown {
    asked: AtomicBool,
    notify: Notify,
}

impl Shutdown {
    fn ask(&self) {
        self.asked.store(true, Ordering::SeqCst);
        self.notify.notify_waiters();
    }

    async fn buggy(&self) {
        if !self.asked.load(Ordering::SeqCst) {
            // Here the other one comes.
            tokio::task::yield_now().await;
            self.notify.notified().await; //~ lost-wakeup
        }
    }

    async fn fixed(&self) {
        let notified = self.notify.notified();
        if !self.asked.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
            notified.await;
        }
    }
}

async fn ask_while<F: std::future::Future<Output = ()>>(wait: impl FnOnce(Arc<Shutdown>) -> F) {
    let shutdown = Arc::new(Shutdown::default());
    let asks = Arc::clone(&shutdown);
    tokio::spawn(async move { asks.ask() });
    wait(shutdown).await;
}

fn main() {
    let buggy = || async_kernels::one_thread(ask_while(|shutdown| async move { shutdown.buggy().await }));
    let fixed = || async_kernels::one_thread(ask_while(|shutdown| async move { shutdown.fixed().await }));
    async_kernels::choose(buggy, fixed);
}
