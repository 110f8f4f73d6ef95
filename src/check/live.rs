//! The closure is watched.

use std::panic::Location;
use std::time::{Duration, Instant};

use super::Outcome;
use crate::config::{Config, StartError};
use crate::finding::Finding;
use crate::record::kept::Kept;
use crate::record::{config, sink, threads, waits};

/// Fixes what is watched in this process. Has to come before the first use of any wrapper; without it the
/// [default](Config::default) holds.
///
/// # Errors
///
/// If a configuration is in force already, or the trace can't be written.
pub fn start(config: Config) -> Result<(), StartError> {
    config::fix(config)
}

/// Completes the trace that [`Config::record`] asked for: what happened so far is in the file, with its end mark. Events
/// after this are not recorded. Does nothing when nothing is recorded. On Unix a process that ends without it, by the end of
/// `main` or [`std::process::exit`], completes the trace by itself, but tells no one of errors.
///
/// # Errors
///
/// The first error that writing the trace met.
pub fn finish() -> std::io::Result<()> {
    config::log().map_or(Ok(()), |log| log.close())
}

/// What was found in this process so far, outside any [`check`](crate::check()).
#[must_use]
pub fn findings() -> Vec<Finding> {
    sink::findings(crate::analysis::wait_for::SessionId::default())
}

/// Runs a closure as [`check`](crate::check()) does, and returns the findings as values.
///
/// # Panics
///
/// If the system refuses to start a thread.
#[track_caller]
pub fn findings_of<F, R>(f: F) -> Outcome<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    watch(f, Duration::ZERO, &mut |_| {})
}

/// Runs a closure as [`findings_of`] does. `told` gets all findings so far whenever there is a new one. Threads that the
/// closure leaves behind get the time `linger` to end or to get stuck, and what they do in it counts.
#[track_caller]
pub(crate) fn watch<F, R>(f: F, linger: Duration, told: &mut dyn FnMut(&[Finding])) -> Outcome<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let name = std::thread::current().name().unwrap_or("main").to_owned();
    let kept = Kept::begin();
    let child = threads::fork_session(Some(&name), Location::caller(), kept.clone());
    let record = child.record();
    let session = record.as_ref().map(|record| record.session).unwrap_or_default();
    if let Some(record) = &record {
        sink::open(session, record.thread);
    }
    let handle = std::thread::Builder::new()
        .name(name)
        .spawn(move || {
            let _done = Done(session);
            let _running = child.begin();
            f()
        })
        .expect("failed to spawn thread");
    let ended = sink::wait_for_root(session, told);
    let result = ended.then(|| handle.join());
    if let Some(record) = &record
        && ended
    {
        threads::joined(record, Location::caller());
    }
    let mut end = Instant::now() + linger;
    loop {
        // Quiet first: what a waiting thread has found is on its way already.
        let quiet = waits::is_quiet(session) || Instant::now() >= end;
        if sink::is_reporting() {
            // The time that reports take is ours, not the threads'.
            end = Instant::now() + linger;
        } else if quiet {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut findings = sink::close(session);
    if let Some(kept) = kept {
        kept.end(&mut findings);
    }
    Outcome { result, findings }
}

/// Says that the session's root has ended, however it ended.
struct Done(crate::analysis::wait_for::SessionId);

impl Drop for Done {
    fn drop(&mut self) {
        sink::done(self.0);
    }
}
