//! Stopping joins the workers while it holds the lock that they need to finish.
//!
//! Stopping locks the pool and joins its workers under the lock. A worker that is about to count itself out waits for the
//! lock, and the stop waits for the worker. The fixed form takes the handles out under the lock and joins without it.
//!
//! origin: the join variant of rust-lang/rust#67457; cockroach#1055 of timmyyuan/gobench

use gordian::Named;
use gordian::sync::{Arc, Mutex};
use gordian::thread;
use gordian::unobserved::Barrier;

#[derive(Default)]
struct Pool {
    workers: Vec<thread::JoinHandle<()>>,
    finished: usize,
}

fn worker(pool: &Arc<Mutex<Pool>>, start: impl Fn() + Send + 'static) -> thread::JoinHandle<()> {
    let pool = Arc::clone(pool);
    let worker = thread::Builder::new().name("worker".to_owned());
    worker
        .spawn(move || {
            start();
            pool.lock().unwrap().finished += 1; //~ wait-cycle
        })
        .unwrap()
}

pub fn buggy() {
    let pool = Arc::new(Mutex::new(Pool::default()).named("pool"));
    let stopping = Arc::new(Barrier::new(2));
    let start = Arc::clone(&stopping);
    let worker = worker(&pool, move || { start.wait(); });
    let mut stopped = pool.lock().unwrap(); //~ wait-cycle
    stopping.wait();
    stopped.workers.push(worker);
    for worker in stopped.workers.drain(..) {
        worker.join().unwrap(); //~ wait-cycle
    }
}

pub fn fixed() {
    let pool = Arc::new(Mutex::new(Pool::default()).named("pool"));
    let worker = worker(&pool, || ());
    pool.lock().unwrap().workers.push(worker);
    let workers = std::mem::take(&mut pool.lock().unwrap().workers);
    for worker in workers {
        worker.join().unwrap();
    }
    assert_eq!(pool.lock().unwrap().finished, 1);
}
