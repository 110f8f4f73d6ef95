//! [`tokio::sync::SetOnce`], watched.

use std::fmt;
use std::future::Future;
use std::panic::Location;

use ::gordian::Named;
use ::gordian::runtime::leaf::Leaf;
use ::gordian::runtime::onces::InitMeta;
use ::tokio::sync::SetOnceError;

/// See [`tokio::sync::SetOnce`].
pub struct SetOnce<T> {
    inner: ::tokio::sync::SetOnce<T>,
    meta: InitMeta,
}

impl<T> SetOnce<T> {
    /// See [`tokio::sync::SetOnce::new`].
    #[track_caller]
    pub fn new() -> Self {
        Self { inner: ::tokio::sync::SetOnce::new(), meta: InitMeta::new(Location::caller()) }
    }

    /// See [`tokio::sync::SetOnce::const_new`].
    #[track_caller]
    pub const fn const_new() -> Self {
        Self { inner: ::tokio::sync::SetOnce::const_new(), meta: InitMeta::new(Location::caller()) }
    }

    /// See [`tokio::sync::SetOnce::new_with`].
    #[track_caller]
    pub fn new_with(value: Option<T>) -> Self {
        Self { inner: ::tokio::sync::SetOnce::new_with(value), meta: InitMeta::new(Location::caller()) }
    }

    /// See [`tokio::sync::SetOnce::const_new_with`].
    #[track_caller]
    pub const fn const_new_with(value: T) -> Self {
        Self { inner: ::tokio::sync::SetOnce::const_new_with(value), meta: InitMeta::new(Location::caller()) }
    }

    /// See [`tokio::sync::SetOnce::initialized`].
    pub fn initialized(&self) -> bool {
        self.inner.initialized()
    }

    /// See [`tokio::sync::SetOnce::get`].
    pub fn get(&self) -> Option<&T> {
        let value = self.inner.get()?;
        self.meta.seen();
        Some(value)
    }

    /// See [`tokio::sync::SetOnce::set`].
    ///
    /// # Errors
    ///
    /// The value if there is one already.
    #[track_caller]
    pub fn set(&self, value: T) -> Result<(), SetOnceError<T>> {
        if !self.initialized() {
            self.meta.setting(Location::caller());
        }
        self.inner.set(value)
    }

    /// See [`tokio::sync::SetOnce::into_inner`].
    pub fn into_inner(self) -> Option<T> {
        self.inner.into_inner()
    }

    /// See [`tokio::sync::SetOnce::wait`].
    #[track_caller]
    pub fn wait(&self) -> impl Future<Output = &T> {
        let place = Location::caller();
        async move {
            let value = Leaf::new(self.inner.wait(), self.meta.wants_set(), place).await;
            self.meta.seen();
            value
        }
    }
}

impl<T> Named for SetOnce<T> {
    fn set_name(&self, name: &str) {
        self.meta.set_name(name);
    }
}

impl<T> Default for SetOnce<T> {
    #[track_caller]
    fn default() -> SetOnce<T> {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for SetOnce<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T: Clone> Clone for SetOnce<T> {
    #[track_caller]
    fn clone(&self) -> SetOnce<T> {
        SetOnce::new_with(self.get().cloned())
    }
}

impl<T: PartialEq> PartialEq for SetOnce<T> {
    fn eq(&self, other: &SetOnce<T>) -> bool {
        self.inner == other.inner
    }
}

impl<T: Eq> Eq for SetOnce<T> {}

impl<T> From<T> for SetOnce<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new_with(Some(value))
    }
}
