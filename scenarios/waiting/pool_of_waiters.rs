//! The jobs of a pool wait for jobs that are queued behind them.
//!
//! Each of two jobs splits off a part, gives it to the same pool, and waits for its result. The pool has two threads, both
//! wait, and the parts stay in the queue. With one thread more, or one job less, all would go well. In the fixed form a
//! job does its part itself.
//!
//! origin: async-rs/async-std#644 (recursive `block_on` on a shared pool), told with threads

use gordian::Named;
use gordian::sync::mpsc::{self, Sender};
use gordian::sync::{Arc, Mutex};
use gordian::thread::{self, JoinHandle};
use gordian::unobserved::Barrier;

type Job = Box<dyn FnOnce() + Send>;

const THREADS: usize = 2;

fn pool() -> (Sender<Job>, Vec<JoinHandle<()>>) {
    let (jobs, queue) = mpsc::channel::<Job>();
    queue.set_name("jobs");
    let queue = Arc::new(Mutex::new(queue).named("queue"));
    let worker = |number| {
        let queue = Arc::clone(&queue);
        let worker = thread::Builder::new().name(format!("worker {number}"));
        let work = move || {
            loop {
                let next = queue.lock().unwrap().recv();
                let Ok(job) = next else { break };
                job();
            }
        };
        worker.spawn(work).unwrap()
    };
    (jobs, (0..THREADS).map(worker).collect())
}

pub fn buggy() {
    let (jobs, workers) = pool();
    let (result, results) = mpsc::channel();
    results.set_name("results");
    let both_run = Arc::new(Barrier::new(THREADS));
    for number in 0..THREADS {
        let (jobs_of_job, result, both_run) = (jobs.clone(), result.clone(), Arc::clone(&both_run));
        let job = move || {
            both_run.wait();
            let (answer, part) = mpsc::channel();
            part.set_name("part");
            jobs_of_job.send(Box::new(move || answer.send(number).unwrap())).unwrap();
            result.send(part.recv().unwrap() + 1).unwrap(); //~ pool-starvation
        };
        jobs.send(Box::new(job)).unwrap();
    }
    drop((jobs, result));
    let total: usize = results.iter().sum(); //~ pool-starvation
    assert_eq!(total, 3);
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

pub fn fixed() {
    let (jobs, workers) = pool();
    let (result, results) = mpsc::channel();
    for number in 0..THREADS {
        let result = result.clone();
        let job = move || result.send(number + 1).unwrap();
        jobs.send(Box::new(job)).unwrap();
    }
    drop((jobs, result));
    let total: usize = results.iter().sum();
    assert_eq!(total, 3);
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}
