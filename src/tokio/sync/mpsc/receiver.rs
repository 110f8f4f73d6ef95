//! What receivers of channels with a limit and without one have in common.

/// The receiver `$name`.
macro_rules! receiver {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name<T> {
            end: ReceiverEnd,
            /// The wait in `poll_recv` and `poll_recv_many`.
            wait: Leaf<()>,
            pub(super) inner: mpsc::$name<Message<T>>,
        }

        impl<T> $name<T> {
            fn new(end: ReceiverEnd, inner: mpsc::$name<Message<T>>, created: Place) -> Self {
                let wait = Leaf::new((), end.meta().wants_message(), created);
                Self { end, wait, inner }
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", stringify!($name), "::recv`].")]
            #[track_caller]
            pub fn recv(&mut self) -> impl Future<Output = Option<T>> {
                let place = Location::caller();
                async move {
                    let message = {
                        let receive = pin!(self.inner.recv());
                        wait(receive, || self.end.meta().wants_message(), place).await
                    };
                    self.received(message, place)
                }
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", stringify!($name), "::recv_many`].")]
            #[track_caller]
            pub fn recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> impl Future<Output = usize> {
                let place = Location::caller();
                async move {
                    let mut batch = Vec::new();
                    let receive = self.inner.recv_many(&mut batch, limit);
                    Leaf::new(receive, self.end.meta().wants_message(), place).await;
                    self.received_many(batch, buffer, limit, place)
                }
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", stringify!($name), "::try_recv`].")]
            ///
            /// # Errors
            ///
            /// If there is no message now, or none will come.
            #[track_caller]
            pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
                match self.inner.try_recv() {
                    Ok(message) => Ok(message.take(self.end.meta(), Location::caller())),
                    Err(error) => {
                        if error == TryRecvError::Disconnected {
                            self.end.meta().saw_closed(Location::caller());
                        }
                        Err(error)
                    }
                }
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", stringify!($name), "::blocking_recv`].")]
            ///
            /// # Panics
            ///
            /// Within an asynchronous context.
            #[track_caller]
            pub fn blocking_recv(&mut self) -> Option<T> {
                block_on(self.recv())
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", stringify!($name), "::blocking_recv_many`].")]
            ///
            /// # Panics
            ///
            /// Within an asynchronous context.
            #[track_caller]
            pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
                block_on(self.recv_many(buffer, limit))
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", stringify!($name), "::close`].")]
            pub fn close(&mut self) {
                self.end.close();
                self.inner.close();
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", stringify!($name), "::is_closed`].")]
            pub fn is_closed(&self) -> bool {
                self.inner.is_closed()
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", stringify!($name), "::is_empty`].")]
            pub fn is_empty(&self) -> bool {
                self.inner.is_empty()
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", stringify!($name), "::len`].")]
            pub fn len(&self) -> usize {
                self.inner.len()
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", stringify!($name), "::poll_recv`].")]
            #[track_caller]
            pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
                let inner = &mut self.inner;
                let message = std::task::ready!(self.wait.poll_with(cx, |(), cx| inner.poll_recv(cx)));
                Poll::Ready(self.received(message, Location::caller()))
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", stringify!($name), "::poll_recv_many`].")]
            #[track_caller]
            pub fn poll_recv_many(
                &mut self,
                cx: &mut Context<'_>,
                buffer: &mut Vec<T>,
                limit: usize,
            ) -> Poll<usize> {
                let (inner, mut batch) = (&mut self.inner, Vec::new());
                let receive = |(): &mut (), cx: &mut Context<'_>| inner.poll_recv_many(cx, &mut batch, limit);
                std::task::ready!(self.wait.poll_with(cx, receive));
                Poll::Ready(self.received_many(batch, buffer, limit, Location::caller()))
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", stringify!($name), "::sender_strong_count`].")]
            pub fn sender_strong_count(&self) -> usize {
                self.inner.sender_strong_count()
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", stringify!($name), "::sender_weak_count`].")]
            pub fn sender_weak_count(&self) -> usize {
                self.inner.sender_weak_count()
            }

            fn received(&self, message: Option<Message<T>>, place: Place) -> Option<T> {
                let message = message.map(|message| message.take(self.end.meta(), place));
                if message.is_none() {
                    self.end.meta().saw_closed(place);
                }
                message
            }

            fn received_many(&self, batch: Vec<Message<T>>, buffer: &mut Vec<T>, limit: usize, place: Place) -> usize {
                let (meta, count) = (self.end.meta(), batch.len());
                if count == 0 && limit > 0 {
                    meta.saw_closed(place);
                }
                buffer.extend(batch.into_iter().map(|message| message.take(meta, place)));
                count
            }
        }

        impl<T> Unpin for $name<T> {}

        impl<T> Named for $name<T> {
            fn set_name(&self, name: &str) {
                self.end.meta().set_name(name);
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.inner.fmt(f)
            }
        }
    };
}
pub(super) use receiver;
