//! Workers, slots for jobs and permits that run out.

use std::sync::Arc;

use gordian::finding::{Kind, Tier};
use gordian::tokio;
use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::{Barrier, Notify, Semaphore};
use gordian::tokio::task::{spawn_blocking, yield_now};

use super::{assert_found, on_one_thread};

/// Workers that have nothing to do are nobody who could help.
#[test]
fn a_notification_that_nobody_gives_on_workers() {
    let outcome = gordian::findings_of(|| {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let notify = Arc::new(Notify::new());
            notify.notify_waiters();
            tokio::spawn(async move { notify.notified().await }).await.unwrap();
        });
    });
    assert_found(&outcome.findings, &[(Kind::LostWakeup, Tier::Observed)]);
}

#[test]
fn a_permit_thrown_away() {
    let found = on_one_thread(|| async {
        let semaphore = Semaphore::new(1);
        semaphore.acquire().await.unwrap().forget();
        let _ = semaphore.acquire().await;
    });
    assert_found(&found, &[(Kind::ResourceLeak, Tier::Observed)]);

    let found = on_one_thread(|| async {
        let semaphore = Semaphore::new(1);
        semaphore.acquire().await.unwrap().forget();
        semaphore.add_permits(1);
        let _ = semaphore.acquire().await;
    });
    assert_found(&found, &[]);
}

/// The party that was cancelled is counted, so the next meeting comes too early, and the one after that never.
#[test]
fn a_party_that_has_gone() {
    let found = on_one_thread(|| async {
        let barrier = Arc::new(Barrier::new(2));
        let own = Arc::clone(&barrier);
        let gone = tokio::spawn(async move { own.wait().await.is_leader() });
        yield_now().await;
        gone.abort();
        let _ = gone.await;
        barrier.wait().await;
        barrier.wait().await;
    });
    assert_found(&found, &[(Kind::ResourceLeak, Tier::Observed)]);
}

/// The only slot for jobs is taken by one that waits for another.
#[test]
fn a_job_that_waits_for_a_job() {
    let outcome = gordian::findings_of(|| {
        let runtime = Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        let handle = runtime.handle().clone();
        runtime.block_on(async {
            let outer = spawn_blocking(move || {
                let (sender, receiver) = gordian::sync::mpsc::channel();
                let _entered = handle.enter();
                drop(spawn_blocking(move || sender.send(1)));
                receiver.recv()
            });
            let _ = outer.await;
        });
    });
    assert!(!outcome.findings.is_empty());
    assert!(outcome.findings.iter().all(|finding| finding.tier == Tier::Observed), "{:#?}", outcome.findings);
}
