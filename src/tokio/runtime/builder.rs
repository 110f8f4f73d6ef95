//! [`tokio::runtime::Builder`], watched.

use std::fmt;
use std::io;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use ::gordian::runtime::tasks::{Flavour, RuntimeMeta};
use ::gordian::runtime::{Place, stack_size};

use super::Runtime;

/// What the user has run at the start or the end of each thread.
type Hook = Arc<dyn Fn() + Send + Sync>;

/// See [`tokio::runtime::Builder`].
pub struct Builder {
    inner: ::tokio::runtime::Builder,
    flavour: Flavour,
    workers: Option<usize>,
    blocking: usize,
    started: Option<Hook>,
    stopped: Option<Hook>,
}

/// Threads for blocking jobs, unless the user says how many.
const BLOCKING: usize = 512;

/// Settings that are handed on.
macro_rules! settings {
    ($($(#[$attribute:meta])* $name:ident($($argument:ident: $type:ty),*);)+) => {$(
        #[doc = concat!("See [`tokio::runtime::Builder::", stringify!($name), "`].")]
        $(#[$attribute])*
        pub fn $name(&mut self, $($argument: $type),*) -> &mut Self {
            self.inner.$name($($argument),*);
            self
        }
    )+};
}

impl Builder {
    /// See [`tokio::runtime::Builder::new_current_thread`].
    pub fn new_current_thread() -> Builder {
        Self::of(::tokio::runtime::Builder::new_current_thread(), Flavour::CurrentThread)
    }

    /// See [`tokio::runtime::Builder::new_multi_thread`].
    #[cfg(not(tokio_without = "rt-multi-thread"))]
    pub fn new_multi_thread() -> Builder {
        Self::of(::tokio::runtime::Builder::new_multi_thread(), Flavour::MultiThread)
    }

    fn of(inner: ::tokio::runtime::Builder, flavour: Flavour) -> Self {
        Self { inner, flavour, workers: None, blocking: BLOCKING, started: None, stopped: None }
    }

    /// See [`tokio::runtime::Builder::worker_threads`].
    ///
    /// # Panics
    ///
    /// If there are none.
    #[track_caller]
    pub fn worker_threads(&mut self, val: usize) -> &mut Self {
        self.inner.worker_threads(val);
        self.workers = Some(val);
        self
    }

    /// See [`tokio::runtime::Builder::max_blocking_threads`].
    ///
    /// # Panics
    ///
    /// If there are none.
    #[track_caller]
    pub fn max_blocking_threads(&mut self, val: usize) -> &mut Self {
        self.inner.max_blocking_threads(val);
        self.blocking = val;
        self
    }

    /// See [`tokio::runtime::Builder::thread_name_fn`].
    pub fn thread_name_fn<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn() -> String + Send + Sync + 'static,
    {
        self.inner.thread_name_fn(f);
        self
    }

    /// See [`tokio::runtime::Builder::on_thread_start`].
    pub fn on_thread_start<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn() + Send + Sync + 'static,
    {
        self.started = Some(Arc::new(f));
        self
    }

    /// See [`tokio::runtime::Builder::on_thread_stop`].
    pub fn on_thread_stop<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn() + Send + Sync + 'static,
    {
        self.stopped = Some(Arc::new(f));
        self
    }

    /// See [`tokio::runtime::Builder::on_thread_park`].
    pub fn on_thread_park<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn() + Send + Sync + 'static,
    {
        self.inner.on_thread_park(f);
        self
    }

    /// See [`tokio::runtime::Builder::on_thread_unpark`].
    pub fn on_thread_unpark<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn() + Send + Sync + 'static,
    {
        self.inner.on_thread_unpark(f);
        self
    }

    settings! {
        enable_all();
        #[cfg(not(all(tokio_without = "net", tokio_without = "process", tokio_without = "signal")))]
        enable_io();
        #[cfg(not(all(tokio_without = "net", tokio_without = "process", tokio_without = "signal")))]
        #[track_caller]
        max_io_events_per_tick(capacity: usize);
        #[cfg(all(
            not(tokio_before = "1.54"),
            not(all(tokio_without = "net", tokio_without = "process", tokio_without = "signal"))
        ))]
        #[track_caller]
        max_io_events_per_busy_tick(capacity: usize);
        #[cfg(not(tokio_without = "time"))]
        enable_time();
        #[cfg(not(tokio_without = "test-util"))]
        start_paused(start_paused: bool);
        thread_name(val: impl Into<String>);
        #[cfg(not(tokio_before = "1.51"))]
        #[track_caller]
        name(val: impl Into<String>);
        thread_keep_alive(duration: Duration);
        #[track_caller]
        global_queue_interval(val: u32);
        #[track_caller]
        event_interval(val: u32);
        #[cfg(tokio_unstable)]
        unhandled_panic(behavior: ::tokio::runtime::UnhandledPanic);
        #[cfg(tokio_unstable)]
        disable_lifo_slot();
        #[cfg(tokio_unstable)]
        rng_seed(seed: ::tokio::runtime::RngSeed);
        #[cfg(tokio_unstable)]
        enable_metrics_poll_time_histogram();
    }

    /// See [`tokio::runtime::Builder::thread_stack_size`]. There is some more, for what the detector does in the thread.
    pub fn thread_stack_size(&mut self, val: usize) -> &mut Self {
        self.inner.thread_stack_size(stack_size(val));
        self
    }

    /// See [`tokio::runtime::Builder::build`].
    ///
    /// # Errors
    ///
    /// If the system refuses what the runtime needs.
    #[track_caller]
    pub fn build(&mut self) -> io::Result<Runtime> {
        let meta = self.meta(Location::caller());
        let inner = self.inner.build()?;
        watch(&meta, inner.handle());
        Ok(Runtime::of(inner, meta))
    }

    /// See [`tokio::runtime::Builder::build_local`].
    ///
    /// # Errors
    ///
    /// If the system refuses what the runtime needs.
    #[cfg(not(tokio_before = "1.51"))]
    #[track_caller]
    pub fn build_local(&mut self, options: ::tokio::runtime::LocalOptions) -> io::Result<super::LocalRuntime> {
        let meta = self.meta(Location::caller());
        let inner = self.inner.build_local(options)?;
        watch(&meta, inner.handle());
        Ok(super::LocalRuntime::of(inner, meta))
    }

    /// Of the next runtime; its threads will tell of themselves.
    fn meta(&mut self, place: Place) -> RuntimeMeta {
        let workers = match self.flavour {
            Flavour::MultiThread => self.workers.unwrap_or_else(default_workers),
            _ => 1,
        };
        let meta = RuntimeMeta::new(self.flavour, workers, self.blocking, place);
        let (starting, started) = (meta.clone(), self.started.clone());
        self.inner.on_thread_start(move || {
            starting.thread_started();
            if let Some(started) = &started {
                started();
            }
        });
        let (stopping, stopped) = (meta.clone(), self.stopped.clone());
        self.inner.on_thread_stop(move || {
            if let Some(stopped) = &stopped {
                stopped();
            }
            stopping.thread_stopped();
        });
        meta
    }
}

/// Says how to see what only tokio knows of a runtime: its tasks, and whether it has a task wait to let others go first.
fn watch(meta: &RuntimeMeta, handle: &::tokio::runtime::Handle) {
    let handle = handle.clone();
    meta.set_census(move || handle.metrics().num_alive_tasks());
    #[cfg(not(tokio_before = "1.44"))]
    ::gordian::runtime::leaf::set_budget(::tokio::task::coop::has_budget_remaining);
}

/// As many workers as tokio takes where the user does not say.
fn default_workers() -> usize {
    let named = std::env::var("TOKIO_WORKER_THREADS").ok().and_then(|text| text.parse().ok());
    named.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
