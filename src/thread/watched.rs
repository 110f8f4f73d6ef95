//! Threads that the detector follows.

use std::io;
use std::panic::Location;
use std::sync::Arc;

use crate::record::threads::{self, ThreadRecord};

pub use std::thread::{Result, available_parallelism, panicking, sleep, yield_now};

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

/// See [`std::thread::Builder`].
#[derive(Debug)]
pub struct Builder {
    inner: std::thread::Builder,
    name: Option<String>,
}

impl Builder {
    /// See [`std::thread::Builder::new`].
    #[must_use]
    pub fn new() -> Self {
        Self { inner: std::thread::Builder::new(), name: None }
    }

    /// See [`std::thread::Builder::name`].
    #[must_use]
    pub fn name(self, name: String) -> Self {
        Self { inner: self.inner.name(name.clone()), name: Some(name) }
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
        let child = threads::fork(self.name.as_deref(), Location::caller());
        let record = child.record();
        let inner = self.inner.spawn(move || {
            let _running = child.begin();
            f()
        })?;
        Ok(JoinHandle { inner, record })
    }
}

/// See [`std::thread::JoinHandle`].
pub struct JoinHandle<T> {
    inner: std::thread::JoinHandle<T>,
    record: Option<Arc<ThreadRecord>>,
}

impl<T> JoinHandle<T> {
    /// See [`std::thread::JoinHandle::join`].
    ///
    /// # Errors
    ///
    /// The payload of the panic that ended the thread.
    #[track_caller]
    pub fn join(self) -> Result<T> {
        let waiting = self.record.as_ref().map(|record| threads::join_request(record, Location::caller()));
        let result = self.inner.join();
        drop(waiting);
        if let Some(record) = &self.record {
            threads::joined(record, Location::caller());
        }
        result
    }
}
