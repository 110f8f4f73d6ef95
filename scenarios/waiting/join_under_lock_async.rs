//! Stopping awaits the workers while it holds the async lock that they need to finish.
//!
//! Stopping locks the pool and awaits its workers under the lock; an async guard may well live across an await. But a
//! worker that is about to count itself out waits for that lock. The fixed form takes the handles out under the lock and
//! awaits them without it.
//!
//! becomes: the same. The guard across the await is legal here, so no lint and no compiler objects.
//!
//! origin: the join variant of rust-lang/rust#67457, told with tasks; cockroach#1055 of timmyyuan/gobench

use std::sync::Arc;

use gordian::Named;
use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::Mutex;
use gordian::tokio::task::{self, JoinHandle};

#[derive(Default)]
struct Pool {
    workers: Vec<JoinHandle<()>>,
    finished: usize,
}

fn worker(pool: &Arc<Mutex<Pool>>) -> JoinHandle<()> {
    let pool = Arc::clone(pool);
    task::spawn(async move {
        pool.lock().await.finished += 1; //~ wait-cycle
    })
}

pub fn buggy() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let pool = Arc::new(Mutex::new(Pool::default()).named("pool"));
        let worker = worker(&pool);
        let mut stopped = pool.lock().await; //~ wait-cycle
        stopped.workers.push(worker);
        for worker in stopped.workers.drain(..) {
            worker.await.unwrap(); //~ wait-cycle
        }
    });
}

pub fn fixed() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let pool = Arc::new(Mutex::new(Pool::default()).named("pool"));
        let worker = worker(&pool);
        pool.lock().await.workers.push(worker);
        let workers = std::mem::take(&mut pool.lock().await.workers);
        for worker in workers {
            worker.await.unwrap();
        }
        assert_eq!(pool.lock().await.finished, 1);
    });
}
