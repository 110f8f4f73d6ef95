//! Drop-in replacements of the crate [`futures`], version 0.3: the same names, signatures and semantics, watched, for
//! executors of every kind.
//!
//! ```
//! use gordian::futures;
//! use futures::channel::oneshot;
//! use futures::lock::Mutex;
//!
//! let total = Mutex::new(3);
//! let (sender, receiver) = oneshot::channel();
//! futures::executor::block_on(async {
//!     *total.lock().await += 4;
//!     sender.send(*total.lock().await).unwrap();
//!     assert_eq!(receiver.await, Ok(7));
//! });
//! ```
//!
//! What is watched: [`lock::Mutex`], the channels of [`channel`], and the future of [`executor::block_on`]. All else (streams,
//! sinks, combinators, macros, the pools of `executor`) is the original, and works with these. What is spawned on a pool is
//! to be made a task by [`gordian::task::instrument`]: what a future does that is in no task is not looked at. Without the
//! feature `detect` everything is the original.
//!
//! What differs from the original:
//!
//! - [`channel::mpsc::TrySendError`] is a type of its own, with the same methods.
//! - Where a message is waited for through a trait (`receiver.next().await`, `sender.send(…).await`), the user's line is not
//!   known, and reports name the one that made the channel. That of `receiver.recv().await` is.
//!
//! What is in a pool without being a task may still send a message. So in a program (or a [`check`](crate::check())) that uses
//! [`executor::block_on`] or [`instrument`](crate::task::instrument), waits for locks are judged, and their orders; and that a
//! message never comes is not claimed.
//!
//! The original's mutex is unfair: who is woken tries again, and others may come first. So a future that was woken and that
//! its task polls no more keeps nothing from the others for certain, and no `futurelock` is claimed of it.

#[cfg(feature = "detect")]
pub mod channel;
#[cfg(feature = "detect")]
pub mod executor;
#[cfg(feature = "detect")]
pub mod lock;

pub use ::futures::*;
