//! Several runs of scenarios at a time, with a progress bar.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use indicatif::{ProgressBar, ProgressStyle};

use super::child::{self, Ran, Request};
use super::error::Error;
use super::interrupt;

/// Runs that go on at the same time: few, so that a scenario's threads get processors.
const AT_ONCE: usize = 2;

/// What came of each request, in their order; `None` for one that was not begun because the user had enough.
pub(super) fn run_all(requests: &[Request<'_>], quiet: bool) -> Vec<Option<Result<Ran, Error>>> {
    let progress = if quiet { ProgressBar::hidden() } else { ProgressBar::new(requests.len() as u64) };
    let bar = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}").expect("the template is constant");
    progress.set_style(bar);
    let interrupted = interrupt::flag();
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<Result<Ran, Error>>>> = requests.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(requests.len()) {
            scope.spawn(|| {
                while !interrupted.load(Ordering::Relaxed) {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(request) = requests.get(place) else { break };
                    progress.set_message(request.scenario.name.clone());
                    *results[place].lock().expect("no worker panics") = Some(child::run(request));
                    progress.inc(1);
                }
            });
        }
    });
    progress.finish_and_clear();
    results.into_iter().map(|result| result.into_inner().expect("no worker panics")).collect()
}
