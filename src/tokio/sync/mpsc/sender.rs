//! What senders into channels with a limit and without one have in common, and those that keep no channel open.

/// The sender `$name`, and its `$weak`.
macro_rules! sender {
    ($(#[$doc:meta])* $name:ident, $weak:ident) => {
        $(#[$doc])*
        pub struct $name<T> {
            pub(super) end: SenderEnd,
            pub(super) inner: mpsc::$name<Message<T>>,
        }

        impl<T> $name<T> {
            #[doc = concat!("See [`tokio::sync::mpsc::", stringify!($name), "::closed`].")]
            #[track_caller]
            pub fn closed(&self) -> impl Future<Output = ()> {
                let place = Location::caller();
                async move {
                    Leaf::new(self.inner.closed(), self.end.meta().wants_close(), place).await;
                    self.end.meta().saw_closed(place);
                }
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", stringify!($name), "::is_closed`].")]
            pub fn is_closed(&self) -> bool {
                self.inner.is_closed()
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", stringify!($name), "::same_channel`].")]
            pub fn same_channel(&self, other: &Self) -> bool {
                self.inner.same_channel(&other.inner)
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", stringify!($name), "::downgrade`].")]
            pub fn downgrade(&self) -> $weak<T> {
                $weak { inner: self.inner.downgrade(), meta: Arc::clone(self.end.meta()) }
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", stringify!($name), "::strong_count`].")]
            pub fn strong_count(&self) -> usize {
                self.inner.strong_count()
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", stringify!($name), "::weak_count`].")]
            pub fn weak_count(&self) -> usize {
                self.inner.weak_count()
            }
        }

        impl<T> Named for $name<T> {
            fn set_name(&self, name: &str) {
                self.end.meta().set_name(name);
            }
        }

        impl<T> Clone for $name<T> {
            fn clone(&self) -> Self {
                Self { end: self.end.clone(), inner: self.inner.clone() }
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.inner.fmt(f)
            }
        }

        #[doc = concat!("See [`tokio::sync::mpsc::", stringify!($weak), "`].")]
        pub struct $weak<T> {
            inner: mpsc::$weak<Message<T>>,
            meta: Arc<MessagesMeta>,
        }

        impl<T> $weak<T> {
            #[doc = concat!("See [`tokio::sync::mpsc::", stringify!($weak), "::upgrade`].")]
            pub fn upgrade(&self) -> Option<$name<T>> {
                let inner = self.inner.upgrade()?;
                Some($name { end: SenderEnd::upgraded(&self.meta), inner })
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", stringify!($weak), "::strong_count`].")]
            pub fn strong_count(&self) -> usize {
                self.inner.strong_count()
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", stringify!($weak), "::weak_count`].")]
            pub fn weak_count(&self) -> usize {
                self.inner.weak_count()
            }
        }

        impl<T> Clone for $weak<T> {
            fn clone(&self) -> Self {
                Self { inner: self.inner.clone(), meta: Arc::clone(&self.meta) }
            }
        }

        impl<T> fmt::Debug for $weak<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.inner.fmt(f)
            }
        }
    };
}
pub(super) use sender;
