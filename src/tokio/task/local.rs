//! [`tokio::task::LocalSet`], watched.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use ::gordian::runtime::Place;
use ::gordian::runtime::tasks::{Flavour, RuntimeMeta};

use super::{JoinHandle, Spawned, spawn};
use crate::tokio::runtime::Runtime;

thread_local! {
    /// The set that is being polled on this thread, or was entered.
    static CURRENT: RefCell<Option<RuntimeMeta>> = const { RefCell::new(None) };
}

/// Where [`spawn_local`] puts its tasks: into the current set, or the current runtime.
pub(super) fn current(place: Place) -> RuntimeMeta {
    let set = CURRENT.try_with(|current| current.try_borrow().ok()?.clone()).ok().flatten();
    set.unwrap_or_else(|| spawn::current(place))
}

/// A set is the current one until this is dropped.
#[derive(Debug)]
struct Entered(Option<RuntimeMeta>);

impl Entered {
    fn new(meta: &RuntimeMeta) -> Self {
        Self(CURRENT.try_with(|current| current.replace(Some(meta.clone()))).ok().flatten())
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let _ = CURRENT.try_with(|current| current.replace(self.0.take()));
    }
}

/// See [`tokio::task::spawn_local`].
///
/// # Panics
///
/// Outside of a [`LocalSet`].
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let place = Location::caller();
    let Spawned { future, record } = Spawned::new(current(place), None, future, place);
    JoinHandle::new(::tokio::task::spawn_local(future), record)
}

/// See [`tokio::task::LocalSet`].
pub struct LocalSet {
    meta: RuntimeMeta,
    inner: ::tokio::task::LocalSet,
}

/// See [`tokio::task::LocalEnterGuard`].
pub struct LocalEnterGuard {
    #[allow(dead_code, reason = "it is the drop that counts")]
    entered: Entered,
    inner: ::tokio::task::LocalEnterGuard,
}

impl fmt::Debug for LocalEnterGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl LocalSet {
    /// See [`tokio::task::LocalSet::new`].
    #[track_caller]
    pub fn new() -> LocalSet {
        let meta = RuntimeMeta::new(Flavour::Local, 1, 0, Location::caller());
        Self { meta, inner: ::tokio::task::LocalSet::new() }
    }

    /// See [`tokio::task::LocalSet::enter`].
    pub fn enter(&self) -> LocalEnterGuard {
        LocalEnterGuard { entered: Entered::new(&self.meta), inner: self.inner.enter() }
    }

    /// See [`tokio::task::LocalSet::spawn_local`].
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let Spawned { future, record } = Spawned::new(self.meta.clone(), None, future, Location::caller());
        JoinHandle::new(self.inner.spawn_local(future), record)
    }

    /// See [`tokio::task::LocalSet::block_on`].
    #[track_caller]
    pub fn block_on<F>(&self, rt: &Runtime, future: F) -> F::Output
    where
        F: Future,
    {
        rt.block_on(self.run_until(future))
    }

    /// See [`tokio::task::LocalSet::run_until`].
    pub async fn run_until<F>(&self, future: F) -> F::Output
    where
        F: Future,
    {
        Inside { meta: &self.meta, future: self.inner.run_until(future) }.await
    }

    /// See [`tokio::task::LocalSet::id`].
    #[cfg(not(tokio_before = "1.49"))]
    pub fn id(&self) -> ::tokio::runtime::Id {
        self.inner.id()
    }

    /// See [`tokio::task::LocalSet::unhandled_panic`].
    #[cfg(tokio_unstable)]
    pub fn unhandled_panic(&mut self, behavior: ::tokio::runtime::UnhandledPanic) -> &mut Self {
        self.inner.unhandled_panic(behavior);
        self
    }

    pub(super) fn meta(&self) -> &RuntimeMeta {
        &self.meta
    }

    pub(super) fn inner(&self) -> &::tokio::task::LocalSet {
        &self.inner
    }
}

impl Default for LocalSet {
    #[track_caller]
    fn default() -> LocalSet {
        Self::new()
    }
}

impl fmt::Debug for LocalSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl Future for LocalSet {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let _entered = Entered::new(&self.meta);
        Pin::new(&mut self.inner).poll(cx)
    }
}

/// A future whose polls are inside a set.
struct Inside<'a, F> {
    meta: &'a RuntimeMeta,
    future: F,
}

impl<F: Future> Future for Inside<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _entered = Entered::new(self.meta);
        // SAFETY: `future` is pinned with `self` and is never moved out of it.
        unsafe { self.map_unchecked_mut(|inside| &mut inside.future) }.poll(cx)
    }
}
