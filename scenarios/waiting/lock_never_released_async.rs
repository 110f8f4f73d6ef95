//! A permit is given back by hand, and one path does not get there.
//!
//! A sender takes a permit, forgets it, and adds one again when it is done. A task whose sending fails ends before that,
//! and there is one permit fewer for good. After as many failures as there are permits everybody waits. The fixed form
//! moves the permit into the task and lets its end give it back.
//!
//! becomes: the same, one step further: a lock that is lost is missed at once, permits run out one by one, long after the
//! failures that took them.
//!
//! origin: anza-xyz/agave#10478 (`AsyncTaskSemaphore::release` skipped by a panic; after 2000 of them every send hangs)

use std::sync::Arc;

use gordian::Named;
use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::Semaphore;
use gordian::tokio::task;

fn slots() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(1).named("slots"))
}

fn deliver(transaction: u32) -> Result<(), String> {
    if transaction == 0 { Err("the peer is gone".to_owned()) } else { Ok(()) }
}

async fn send(slots: Arc<Semaphore>, transaction: u32) -> Result<(), String> {
    slots.acquire().await.unwrap().forget(); //~ resource-leak
    deliver(transaction)?;
    slots.add_permits(1);
    Ok(())
}

async fn send_fixed(slots: Arc<Semaphore>, transaction: u32) -> Result<(), String> {
    let _slot = slots.acquire().await.unwrap();
    deliver(transaction)
}

pub fn buggy() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let slots = slots();
        for transaction in 0..2 {
            let sending = task::spawn(send(Arc::clone(&slots), transaction));
            assert_eq!(sending.await.unwrap().is_err(), transaction == 0); //~ resource-leak
        }
    });
}

pub fn fixed() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let slots = slots();
        for transaction in 0..2 {
            let sending = task::spawn(send_fixed(Arc::clone(&slots), transaction));
            assert_eq!(sending.await.unwrap().is_err(), transaction == 0);
        }
    });
}
