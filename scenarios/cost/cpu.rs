//! Work that only computes, and what else has to be done meanwhile.
//!
//! Threads share the cores: on two cores the work is done in half the time, and a heartbeat beside it goes on. In an event
//! loop a task that computes is not suspended until it awaits, and so everything else in the loop stands still: the mistake
//! is called `blocking-in-async`. The cure is to compute elsewhere, on the runtime's threads for blocking work or in a pool
//! such as rayon's, and to await the result.
//!
//! latency: how late a heartbeat came that was due every millisecond

use std::cell::Cell;
use std::hint::black_box;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rayon::prelude::*;

const BEAT: Duration = Duration::from_millis(1);

/// A tenth of a second or two of computing: how many primes there are in a range, by trial division.
fn compute(job: usize) -> usize {
    let first = 1_000_000 + job % 16;
    let mut primes = 0;
    for number in first..black_box(first + 800_000) {
        let mut factor = 2;
        while factor * factor <= number && number % factor != 0 {
            factor += 1;
        }
        primes += usize::from(factor * factor > number);
    }
    primes
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, |cores| cores.get())
}

/// Computes on one thread.
pub fn one_thread(jobs: usize, _: &dyn Fn()) -> io::Result<Vec<Duration>> {
    beside_a_heartbeat(|| Ok((0..jobs).map(compute).sum()))
}

/// Computes on as many threads as there are cores.
pub fn threads(jobs: usize, all_started: &dyn Fn()) -> io::Result<Vec<Duration>> {
    let next = AtomicUsize::new(0);
    beside_a_heartbeat(|| {
        thread::scope(|scope| {
            let mut workers = Vec::new();
            for _ in 0..cores() {
                workers.push(thread::Builder::new().spawn_scoped(scope, || {
                    let mut primes = 0;
                    loop {
                        let job = next.fetch_add(1, Ordering::Relaxed);
                        if job >= jobs {
                            return primes;
                        }
                        primes += compute(job);
                    }
                })?);
            }
            all_started();
            Ok(workers.into_iter().map(|worker| worker.join().unwrap()).sum())
        })
    })
}

/// Computes on rayon's threads, as many as there are cores.
pub fn rayon_pool(jobs: usize, all_started: &dyn Fn()) -> io::Result<Vec<Duration>> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(cores()).build().map_err(io::Error::other)?;
    beside_a_heartbeat(|| {
        all_started();
        Ok(pool.install(|| (0..jobs).into_par_iter().map(compute).sum()))
    })
}

/// How late each beat came of a thread that has nothing else to do.
fn beside_a_heartbeat(work: impl FnOnce() -> io::Result<usize>) -> io::Result<Vec<Duration>> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let heart = thread::Builder::new().spawn_scoped(scope, || {
            let mut late = Vec::new();
            loop {
                let due = Instant::now() + BEAT;
                thread::sleep(BEAT);
                late.push(due.elapsed());
                if done.load(Ordering::Relaxed) {
                    return late;
                }
            }
        })?;
        let worked = work();
        done.store(true, Ordering::Relaxed);
        let late = heart.join().unwrap();
        worked.map(|_| late)
    })
}

/// Computes in the tasks of an event loop: the mistake.
pub fn event_loop(jobs: usize, all_started: &dyn Fn()) -> io::Result<Vec<Duration>> {
    in_an_event_loop(async || {
        let working: Vec<_> = (0..jobs).map(|job| tokio::spawn(async move { compute(job) })).collect();
        all_started();
        let mut primes = 0;
        for task in working {
            primes += task.await.unwrap();
        }
        primes
    })
}

/// Computes on the runtime's threads for blocking work.
pub fn spawn_blocking(jobs: usize, all_started: &dyn Fn()) -> io::Result<Vec<Duration>> {
    in_an_event_loop(async || {
        let working: Vec<_> = (0..jobs).map(|job| tokio::task::spawn_blocking(move || compute(job))).collect();
        all_started();
        let mut primes = 0;
        for task in working {
            primes += task.await.unwrap();
        }
        primes
    })
}

/// Computes on rayon's threads, and awaits the result.
pub fn rayon_and_await(jobs: usize, all_started: &dyn Fn()) -> io::Result<Vec<Duration>> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(cores()).build().map_err(io::Error::other)?;
    in_an_event_loop(async || {
        let (answer, result) = tokio::sync::oneshot::channel();
        pool.spawn(move || {
            let primes: usize = (0..jobs).into_par_iter().map(compute).sum();
            let _ = answer.send(primes);
        });
        all_started();
        result.await.unwrap()
    })
}

/// How late each beat came of a task that shares the event loop with the work.
fn in_an_event_loop(work: impl AsyncFnOnce() -> usize) -> io::Result<Vec<Duration>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().max_blocking_threads(cores()).build()?;
    let done = Cell::new(false);
    let heart = async {
        let mut late = Vec::new();
        loop {
            let due = Instant::now() + BEAT;
            tokio::time::sleep(BEAT).await;
            late.push(due.elapsed());
            if done.get() {
                return late;
            }
        }
    };
    let work = async {
        work().await;
        done.set(true);
    };
    let (late, ()) = runtime.block_on(async { tokio::join!(heart, work) });
    Ok(late)
}
