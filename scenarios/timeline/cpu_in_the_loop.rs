//! A task that computes in an event loop, beside tasks that only want to say something every now and then.
//!
//! The report is computed in one poll, and until it is done nothing else in the loop is polled: the timers of the other
//! tasks are due, and nobody looks at the clock. The fixed form computes on a thread for blocking work, and awaits it.
//!
//! origin: holochain/holochain-rust#2121 (futures that compute block every thread of the executor)

use std::time::{Duration, Instant};

use gordian::tokio::runtime::Builder;
use gordian::tokio::task::{spawn, spawn_blocking};
use gordian::tokio::time::sleep;

/// How long the report takes.
const REPORT: Duration = Duration::from_millis(150);

/// Numbers added up for as long as the report takes.
fn compute() -> u64 {
    let start = Instant::now();
    let mut sum = 0_u64;
    while start.elapsed() < REPORT {
        sum = (0..10_000).fold(sum, |sum, number| std::hint::black_box(sum.wrapping_add(number)));
    }
    sum
}

/// Says something ten times, with pauses.
async fn heartbeat(pause: Duration) {
    for _ in 0..10 {
        sleep(pause).await;
    }
}

async fn beside_heartbeats(report: impl Future<Output = u64> + Send + 'static) {
    let hearts = [10, 15, 20].map(|pause| spawn(heartbeat(Duration::from_millis(pause))));
    let reporter = spawn(async move {
        sleep(Duration::from_millis(30)).await;
        report.await
    });
    for heart in hearts {
        heart.await.unwrap();
    }
    reporter.await.unwrap();
}

pub fn buggy() {
    run(async { compute() });
}

pub fn fixed() {
    run(async { spawn_blocking(compute).await.unwrap() });
}

fn run(report: impl Future<Output = u64> + Send + 'static) {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(beside_heartbeats(report));
}
