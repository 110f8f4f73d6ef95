//! Everybody who has one connection of a pool waits for a second one.
//!
//! The pool is a semaphore with two permits. A request takes one for its transaction, and another one, from the same pool,
//! to write the audit. Two requests at a time have one each, and wait. The fixed form writes the audit through the
//! connection that it has.
//!
//! becomes: a cycle that has a name. A condition variable does not know what its waiters have, and all that can be said
//! is that no one is left to notify them; a permit has an owner, and each owner waits for another's.
//!
//! origin: superfly/corrosion#72 (a deadlock on the acquisition of connections); the rule is in ZcashFoundation/zebra#1593

use std::sync::Arc;

use gordian::Named;
use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::Semaphore;
use gordian::tokio::task;

const CONNECTIONS: usize = 2;

fn pool() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(CONNECTIONS).named("connections"))
}

/// Goes on when the other tasks have had their turn.
async fn query() {
    task::yield_now().await;
}

async fn request(pool: Arc<Semaphore>) {
    let _transaction = pool.acquire().await.unwrap(); //~ wait-cycle
    query().await;
    let _audit = pool.acquire().await.unwrap(); //~ wait-cycle
    query().await;
}

async fn request_fixed(pool: Arc<Semaphore>) {
    let _transaction = pool.acquire().await.unwrap();
    query().await;
    query().await;
}

pub fn buggy() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let pool = pool();
        let requests = [(); CONNECTIONS].map(|()| task::spawn(request(Arc::clone(&pool))));
        for request in requests {
            request.await.unwrap(); //~ wait-cycle
        }
    });
}

pub fn fixed() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let pool = pool();
        let requests = [(); CONNECTIONS].map(|()| task::spawn(request_fixed(Arc::clone(&pool))));
        for request in requests {
            request.await.unwrap();
        }
    });
}
