//! The lock of the value.

use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::gordian::event::{Attempt, Mode, ObjectKind};
use ::gordian::runtime::Place;
use ::gordian::runtime::locks::RwMeta;
use ::tokio::sync::watch;

use ::gordian::runtime::ends::Message;

/// What both ends share beside the channel itself.
pub(super) struct Lock {
    meta: RwMeta,
    /// [`Ref`]s that live.
    readers: AtomicUsize,
    /// Senders on their way into the lock, or in it.
    writers: AtomicUsize,
}

impl Lock {
    pub(super) fn new(created: Place) -> Arc<Self> {
        let meta = RwMeta::new(ObjectKind::RwLock, created);
        Arc::new(Self { meta, readers: AtomicUsize::new(0), writers: AtomicUsize::new(0) })
    }

    pub(super) fn set_name(&self, name: &str) {
        self.meta.set_name(name);
    }

    /// Reads: `borrow` takes the real lock. That it waits is told only if it may.
    #[track_caller]
    pub(super) fn read<'a, T>(&'a self, borrow: impl FnOnce() -> watch::Ref<'a, Message<T>>) -> Ref<'a, T> {
        let place = Location::caller();
        let contended = self.writers.load(Ordering::Relaxed) > 0;
        let waiting = if contended { self.meta.request(Mode::Shared, false, place) } else { None };
        let inner = borrow();
        drop(waiting);
        self.taken(inner, place)
    }

    /// The guard of a lock that was taken for reading.
    pub(super) fn taken<'a, T>(&'a self, inner: watch::Ref<'a, Message<T>>, place: Place) -> Ref<'a, T> {
        self.readers.fetch_add(1, Ordering::Relaxed);
        self.meta.acquired(Mode::Shared, Attempt::Blocking, place);
        Ref { reading: Reading(self), inner }
    }

    /// Writes: `send` takes the real lock and calls what it is given inside.
    pub(super) fn write<'a, R>(&'a self, place: Place, send: impl FnOnce(&dyn Fn() -> Writing<'a>) -> R) -> R {
        let _coming = Coming::new(&self.writers);
        let contended = self.readers.load(Ordering::Relaxed) > 0 || self.writers.load(Ordering::Relaxed) > 1;
        let waiting = if contended { self.meta.request(Mode::Exclusive, false, place) } else { None };
        let waiting = std::cell::Cell::new(waiting);
        send(&|| {
            drop(waiting.take());
            self.meta.acquired(Mode::Exclusive, Attempt::Blocking, place);
            Writing(self)
        })
    }
}

/// A sender on its way.
struct Coming<'a>(&'a AtomicUsize);

impl<'a> Coming<'a> {
    fn new(writers: &'a AtomicUsize) -> Self {
        writers.fetch_add(1, Ordering::Relaxed);
        Self(writers)
    }
}

impl Drop for Coming<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A sender inside the lock.
pub(super) struct Writing<'a>(&'a Lock);

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.0.meta.released(Mode::Exclusive);
    }
}

/// A reader inside the lock.
struct Reading<'a>(&'a Lock);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.meta.released(Mode::Shared);
        self.0.readers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// See [`tokio::sync::watch::Ref`].
pub struct Ref<'a, T> {
    /// Told before the real lock is released.
    #[allow(dead_code, reason = "it is the drop that counts")]
    reading: Reading<'a>,
    inner: watch::Ref<'a, Message<T>>,
}

impl<T> Ref<'_, T> {
    /// See [`tokio::sync::watch::Ref::has_changed`].
    pub fn has_changed(&self) -> bool {
        self.inner.has_changed()
    }

    pub(super) fn message(&self) -> &Message<T> {
        &self.inner
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
