//! Threads that the detector follows.

use std::fmt;
use std::io;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use crate::record::tasks;
use crate::record::threads::{self, ThreadRecord};

pub use super::scoped::{Scope, ScopedJoinHandle, scope};
#[allow(deprecated, reason = "a drop-in has what the original has")]
pub use std::thread::sleep_ms;
pub use std::thread::{AccessError, LocalKey, Result, ThreadId, available_parallelism, panicking, yield_now};

/// See [`std::thread::spawn`].
///
/// # Panics
///
/// If the system refuses to start a thread.
#[track_caller]
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Builder::new().spawn(f).expect("failed to spawn thread")
}

/// See [`std::thread::sleep`]. Inside a poll it is a finding: all tasks of the thread sleep with this one.
#[track_caller]
pub fn sleep(dur: Duration) {
    tasks::sleeps(Location::caller());
    std::thread::sleep(dur);
}

/// See [`std::thread::current`].
#[must_use]
pub fn current() -> Thread {
    Thread { inner: std::thread::current(), record: threads::current() }
}

/// See [`std::thread::park`].
#[track_caller]
pub fn park() {
    threads::park(Location::caller(), None, std::thread::park);
}

/// See [`std::thread::park_timeout`].
#[track_caller]
pub fn park_timeout(dur: Duration) {
    threads::park(Location::caller(), Some(dur), || std::thread::park_timeout(dur));
}

/// See [`std::thread::park_timeout_ms`].
#[deprecated(note = "replaced by `std::thread::park_timeout`")]
#[track_caller]
pub fn park_timeout_ms(ms: u32) {
    park_timeout(Duration::from_millis(u64::from(ms)));
}

/// See [`std::thread::Thread`].
#[derive(Clone)]
pub struct Thread {
    inner: std::thread::Thread,
    record: Option<Arc<ThreadRecord>>,
}

impl Thread {
    pub(super) fn new(inner: &std::thread::Thread, record: Option<Arc<ThreadRecord>>) -> Self {
        Self { inner: inner.clone(), record }
    }

    /// See [`std::thread::Thread::unpark`].
    #[track_caller]
    pub fn unpark(&self) {
        match &self.record {
            Some(record) => threads::unpark(record, Location::caller(), || self.inner.unpark()),
            None => self.inner.unpark(),
        }
    }

    /// See [`std::thread::Thread::id`].
    #[must_use]
    pub fn id(&self) -> ThreadId {
        self.inner.id()
    }

    /// See [`std::thread::Thread::name`].
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.inner.name()
    }

    pub(super) fn record(&self) -> Option<&ThreadRecord> {
        self.record.as_deref()
    }
}

impl UnwindSafe for Thread {}
impl RefUnwindSafe for Thread {}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// See [`std::thread::Builder`].
#[derive(Debug)]
#[must_use = "must eventually spawn the thread"]
pub struct Builder {
    pub(super) inner: std::thread::Builder,
    pub(super) name: Option<String>,
}

#[allow(clippy::new_without_default, reason = "nor has the original one")]
impl Builder {
    /// See [`std::thread::Builder::new`].
    pub fn new() -> Self {
        Self { inner: std::thread::Builder::new(), name: None }
    }

    /// See [`std::thread::Builder::name`].
    pub fn name(self, name: String) -> Self {
        Self { inner: self.inner.name(name.clone()), name: Some(name) }
    }

    /// See [`std::thread::Builder::stack_size`]. There is some more, for what the detector does in the thread.
    pub fn stack_size(self, size: usize) -> Self {
        Self { inner: self.inner.stack_size(threads::stack_size(size)), ..self }
    }

    /// See [`std::thread::Builder::spawn`].
    ///
    /// # Errors
    ///
    /// If the system refuses to start a thread.
    #[track_caller]
    pub fn spawn<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        // SAFETY: everything that the thread is given lives for ever.
        unsafe { self.spawn_unchecked(f) }
    }

    /// See [`std::thread::Builder::spawn_unchecked`].
    ///
    /// # Errors
    ///
    /// If the system refuses to start a thread.
    ///
    /// # Safety
    ///
    /// As for the original: the thread is joined before anything that the closure borrows ends.
    #[track_caller]
    pub unsafe fn spawn_unchecked<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send,
        T: Send,
    {
        let child = threads::fork(self.name.as_deref(), Location::caller());
        let record = child.record();
        let run = move || {
            let _running = child.begin();
            f()
        };
        // SAFETY: the caller's promise; what is added to the closure owns all that it uses.
        let inner = unsafe { self.inner.spawn_unchecked(run) }?;
        let thread = Thread::new(inner.thread(), record);
        Ok(JoinHandle { inner, thread })
    }
}

/// See [`std::thread::JoinHandle`].
pub struct JoinHandle<T> {
    inner: std::thread::JoinHandle<T>,
    thread: Thread,
}

impl<T> JoinHandle<T> {
    /// See [`std::thread::JoinHandle::thread`].
    #[must_use]
    pub fn thread(&self) -> &Thread {
        &self.thread
    }

    /// See [`std::thread::JoinHandle::join`].
    ///
    /// # Errors
    ///
    /// The payload of the panic that ended the thread.
    #[track_caller]
    pub fn join(self) -> Result<T> {
        let Self { inner, thread } = self;
        let place = Location::caller();
        let waiting = thread.record().map(|record| threads::join_request(record, place));
        let result = inner.join();
        drop(waiting);
        if let Some(record) = thread.record() {
            threads::joined(record, place);
        }
        result
    }

    /// See [`std::thread::JoinHandle::is_finished`].
    #[must_use]
    #[track_caller]
    pub fn is_finished(&self) -> bool {
        let finished = self.inner.is_finished();
        if let Some(record) = self.thread.record().filter(|_| finished) {
            threads::seen_finished(record, Location::caller());
        }
        finished
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").finish_non_exhaustive()
    }
}

#[cfg(unix)]
impl<T> std::os::unix::thread::JoinHandleExt for JoinHandle<T> {
    fn as_pthread_t(&self) -> std::os::unix::thread::RawPthread {
        self.inner.as_pthread_t()
    }

    fn into_pthread_t(self) -> std::os::unix::thread::RawPthread {
        self.inner.into_pthread_t()
    }
}
