//! Stopping joins the workers under the lock that they need to finish.
//!
//! origin: the join variant of rust-lang/rust#67457

use kernels::Steps;
use parking_lot::Mutex;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

#[derive(Default)]
struct Pool {
    workers: Vec<JoinHandle<()>>,
    finished: usize,
}

fn worker(pool: &Arc<Mutex<Pool>>, steps: &Arc<Steps>) -> JoinHandle<()> {
    let (pool, steps) = (Arc::clone(pool), Arc::clone(steps));
    thread::spawn(move || {
        steps.wait(1);
        pool.lock().finished += 1; //~ wait-cycle
    })
}

fn buggy() {
    let (pool, steps) = (Arc::new(Mutex::new(Pool::default())), Arc::new(Steps::new()));
    let worker = worker(&pool, &steps);
    let mut stopping = pool.lock(); //~ wait-cycle
    stopping.workers.push(worker);
    steps.reach();
    for worker in stopping.workers.drain(..) {
        worker.join().unwrap(); //~ wait-cycle
    }
}

fn fixed() {
    let (pool, steps) = (Arc::new(Mutex::new(Pool::default())), Arc::new(Steps::new()));
    let worker = worker(&pool, &steps);
    pool.lock().workers.push(worker);
    steps.reach();
    let workers = std::mem::take(&mut pool.lock().workers);
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    assert_eq!(pool.lock().finished, 1);
}

fn main() {
    kernels::choose(buggy, fixed);
}
