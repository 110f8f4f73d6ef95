//! Scopes of threads.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};

use super::watched::{Builder, Result, Thread};
use crate::record::scopes::{self, Returned};
use crate::record::threads;

/// See [`std::thread::Scope`].
#[repr(transparent)]
pub struct Scope<'scope, 'env: 'scope> {
    inner: std::thread::Scope<'scope, 'env>,
}

/// See [`std::thread::ScopedJoinHandle`].
pub struct ScopedJoinHandle<'scope, T> {
    inner: std::thread::ScopedJoinHandle<'scope, Returned<T>>,
    thread: Thread,
}

/// See [`std::thread::scope`].
///
/// # Panics
///
/// With `f`; and if a thread of the scope panicked that was not joined.
#[track_caller]
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let place = Location::caller();
    let mut watched = None;
    // The real scope ends only after its threads, also when `f` panics.
    let result = std::thread::scope(|inner| {
        let scope = Scope::of(inner);
        let children = scopes::open(scope.address());
        let result = catch_unwind(AssertUnwindSafe(|| f(scope)));
        // What the real scope will wait for at its end is waited for here, where it is seen.
        children.wait(place);
        scopes::close(scope.address());
        watched = Some(children);
        result
    });
    if let Some(children) = watched {
        children.joined(place);
    }
    result.unwrap_or_else(|payload| resume_unwind(payload))
}

impl<'scope, 'env> Scope<'scope, 'env> {
    fn of(inner: &'scope std::thread::Scope<'scope, 'env>) -> &'scope Self {
        // SAFETY: transparent over the real one, with the same lifetimes.
        unsafe { &*std::ptr::from_ref(inner).cast() }
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// See [`std::thread::Scope::spawn`].
    ///
    /// # Panics
    ///
    /// If the system refuses to start a thread.
    #[track_caller]
    pub fn spawn<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        Builder::new().spawn_scoped(self, f).expect("failed to spawn thread")
    }
}

impl Builder {
    /// See [`std::thread::Builder::spawn_scoped`].
    ///
    /// # Errors
    ///
    /// If the system refuses to start a thread.
    #[track_caller]
    pub fn spawn_scoped<'scope, 'env, F, T>(
        self,
        scope: &'scope Scope<'scope, 'env>,
        f: F,
    ) -> io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let child = threads::fork(self.name.as_deref(), Location::caller());
        let record = child.record();
        let member =
            scopes::find(scope.address()).zip(record.as_ref()).map(|(children, record)| children.enrol(record));
        let id = record.as_ref().map(|record| record.thread);
        let run = move || {
            // Dropped last: the scope hears of the end when the clocks of the end are there.
            let _member = member;
            let _running = child.begin();
            Returned::new(f(), id)
        };
        let inner = self.inner.spawn_scoped(&scope.inner, run)?;
        let thread = Thread::new(inner.thread(), record);
        Ok(ScopedJoinHandle { inner, thread })
    }
}

impl<T> ScopedJoinHandle<'_, T> {
    /// See [`std::thread::ScopedJoinHandle::thread`].
    #[must_use]
    pub fn thread(&self) -> &Thread {
        &self.thread
    }

    /// See [`std::thread::ScopedJoinHandle::join`].
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
        result.map(Returned::take)
    }

    /// See [`std::thread::ScopedJoinHandle::is_finished`].
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

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJoinHandle").finish_non_exhaustive()
    }
}
