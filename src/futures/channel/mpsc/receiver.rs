//! What receivers of channels with a limit and without one have in common.

use std::pin::Pin;
use std::task::{Context, Poll};

use ::futures::channel::mpsc::RecvError;
use ::futures::future::FusedFuture;
use ::futures::stream::{FusedStream, Stream};

/// See [`futures::channel::mpsc::Recv`].
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Recv<'a, St: ?Sized> {
    stream: &'a mut St,
}

impl<'a, St: ?Sized + Stream + Unpin> Recv<'a, St> {
    pub(super) fn new(stream: &'a mut St) -> Self {
        Self { stream }
    }
}

impl<St: ?Sized + Unpin> Unpin for Recv<'_, St> {}

impl<St: ?Sized + FusedStream + Unpin> FusedFuture for Recv<'_, St> {
    fn is_terminated(&self) -> bool {
        self.stream.is_terminated()
    }
}

impl<St: ?Sized + Stream + Unpin> Future for Recv<'_, St> {
    type Output = Result<St::Item, RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.stream).poll_next(cx).map(|message| message.ok_or(RecvError))
    }
}

/// The receiver `$name`.
macro_rules! receiver {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name<T> {
            end: ReceiverEnd,
            /// The wait for the next message.
            wait: Leaf<()>,
            real: mpsc::$name<Message<T>>,
        }

        impl<T> $name<T> {
            fn new(end: ReceiverEnd, real: mpsc::$name<Message<T>>, created: Place) -> Self {
                let wait = Leaf::new((), end.meta().wants_message(), created);
                Self { end, wait, real }
            }

            #[doc = concat!("See [`futures::channel::mpsc::", stringify!($name), "::recv`].")]
            #[track_caller]
            pub fn recv(&mut self) -> Recv<'_, Self> {
                self.wait.awaited_at(Location::caller());
                Recv::new(self)
            }

            #[doc = concat!("See [`futures::channel::mpsc::", stringify!($name), "::close`].")]
            pub fn close(&mut self) {
                self.end.close();
                self.real.close();
            }

            #[doc = concat!("See [`futures::channel::mpsc::", stringify!($name), "::try_next`].")]
            ///
            /// # Errors
            ///
            /// If there is no message now, and the channel is open.
            #[deprecated(note = "please use `try_recv` instead")]
            #[track_caller]
            pub fn try_next(&mut self) -> Result<Option<T>, TryRecvError> {
                match self.try_recv() {
                    Ok(message) => Ok(Some(message)),
                    Err(error) if error.is_closed() => Ok(None),
                    Err(error) => Err(error),
                }
            }

            #[doc = concat!("See [`futures::channel::mpsc::", stringify!($name), "::try_recv`].")]
            ///
            /// # Errors
            ///
            /// If there is no message now, or none will come.
            #[track_caller]
            pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
                let place = Location::caller();
                match self.real.try_recv() {
                    Ok(message) => Ok(message.take(self.end.meta(), place)),
                    Err(error) => {
                        if error.is_closed() {
                            self.end.meta().saw_closed(place);
                        }
                        Err(error)
                    }
                }
            }
        }

        impl<T> Stream for $name<T> {
            type Item = T;

            #[track_caller]
            fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
                let Self { end, wait, real } = &mut *self;
                let place = here(Location::caller(), wait.place());
                let message = std::task::ready!(wait.poll_with(cx, |(), cx| Pin::new(real).poll_next(cx)));
                match &message {
                    Some(_) => {}
                    None => end.meta().saw_closed(place),
                }
                Poll::Ready(message.map(|message| message.take(end.meta(), place)))
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                self.real.size_hint()
            }
        }

        impl<T> FusedStream for $name<T> {
            fn is_terminated(&self) -> bool {
                self.real.is_terminated()
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
                self.real.fmt(f)
            }
        }
    };
}
pub(super) use receiver;
