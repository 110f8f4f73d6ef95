//! What the runtimes have in common: all but how they are made, and which tasks they take.

/// The runtime `$name`.
macro_rules! runtime {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name {
            handle: Handle,
            inner: ManuallyDrop<::tokio::runtime::$name>,
        }

        impl $name {
            pub(super) fn of(inner: ::tokio::runtime::$name, meta: RuntimeMeta) -> Self {
                Self { handle: Handle::new(inner.handle().clone(), meta), inner: ManuallyDrop::new(inner) }
            }

            #[doc = concat!("See [`tokio::runtime::", stringify!($name), "::handle`].")]
            pub fn handle(&self) -> &Handle {
                &self.handle
            }

            #[doc = concat!("See [`tokio::runtime::", stringify!($name), "::spawn_blocking`].")]
            #[track_caller]
            pub fn spawn_blocking<F, R>(&self, func: F) -> JoinHandle<R>
            where
                F: FnOnce() -> R + Send + 'static,
                R: Send + 'static,
            {
                self.handle.spawn_blocking(func)
            }

            #[doc = concat!("See [`tokio::runtime::", stringify!($name), "::block_on`].")]
            ///
            /// # Panics
            ///
            /// Within an asynchronous context.
            #[track_caller]
            pub fn block_on<F: Future>(&self, future: F) -> F::Output {
                let (blocking, future) = self.handle.meta().block_on(future, true, Location::caller());
                let output = self.inner.block_on(future);
                blocking.over();
                output
            }

            #[doc = concat!("See [`tokio::runtime::", stringify!($name), "::enter`].")]
            pub fn enter(&self) -> EnterGuard<'_> {
                self.handle.enter()
            }

            #[doc = concat!("See [`tokio::runtime::", stringify!($name), "::shutdown_timeout`].")]
            pub fn shutdown_timeout(self, duration: Duration) {
                let (meta, inner) = self.into_parts();
                let _blocked = meta.shutting_down(None);
                inner.shutdown_timeout(duration);
            }

            #[doc = concat!("See [`tokio::runtime::", stringify!($name), "::shutdown_background`].")]
            pub fn shutdown_background(self) {
                let (meta, inner) = self.into_parts();
                let _blocked = meta.shutting_down(None);
                inner.shutdown_background();
            }

            #[doc = concat!("See [`tokio::runtime::", stringify!($name), "::metrics`].")]
            pub fn metrics(&self) -> RuntimeMetrics {
                self.inner.metrics()
            }

            fn into_parts(mut self) -> (RuntimeMeta, ::tokio::runtime::$name) {
                let meta = self.handle.meta().clone();
                // SAFETY: it is taken once, for what is left of `self` is not dropped.
                let inner = unsafe { ManuallyDrop::take(&mut self.inner) };
                let mut rest = ManuallyDrop::new(self);
                // SAFETY: the handle is not used again.
                unsafe { std::ptr::drop_in_place(&mut rest.handle) };
                (meta, inner)
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                let meta = self.handle.meta();
                let _blocked = meta.shutting_down(Some(meta.created()));
                // SAFETY: it is not used again.
                unsafe { ManuallyDrop::drop(&mut self.inner) };
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.inner.fmt(f)
            }
        }
    };
}
pub(super) use runtime;
