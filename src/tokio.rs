//! Drop-in replacements of the crate [`tokio`], version 1: the same names, signatures and semantics, watched.
//!
//! ```
//! use gordian::tokio;
//! use tokio::sync::Mutex;
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() {
//!     let account = std::sync::Arc::new(Mutex::new(3));
//!     let depositor = account.clone();
//!     let task = tokio::spawn(async move { *depositor.lock().await += 4 });
//!     let (deposited, seen) = tokio::join!(task, async { *account.lock().await });
//!     assert!(deposited.is_ok() && (seen == 3 || seen == 7));
//! }
//! ```
//!
//! `use gordian::tokio;` is all that it takes, for the attributes and the macros, too. Where both names are to be known,
//! the attributes are told: `#[tokio::main(crate = "gordian::tokio")]`.
//!
//! What is watched: the locks, channels, `Notify`, barriers and onces of [`sync`], the tasks of [`task`], the runtimes of
//! [`runtime`], and the waits of [`time`]. All else (`io`, `net`, `fs`, `process`, `signal`, the macros) is the original.
//! Without the feature `detect` everything is.
//!
//! What differs from the original:
//!
//! - A method that the original declares as `async fn` is one that returns a future here, so that the future knows the
//!   user's line. As there, nothing happens before the first poll.
//! - The locks are made of tokio's [`Semaphore`](::tokio::sync::Semaphore), as tokio's own are; with `tokio_unstable` and
//!   tracing, tokio-console sees that semaphore.
//! - The future of [`time::timeout`] looks at its deadline through a second future of tokio's, so it is somewhat larger.

#[cfg(all(feature = "detect", not(tokio_without = "sync")))]
mod blocking;
#[cfg(all(feature = "detect", not(all(tokio_without = "sync", tokio_without = "time"))))]
mod budget;
#[cfg(all(feature = "detect", not(tokio_without = "rt")))]
pub mod runtime;
#[cfg(all(feature = "detect", not(tokio_without = "sync")))]
pub mod sync;
#[cfg(all(feature = "detect", not(tokio_without = "rt")))]
pub mod task;
#[cfg(all(feature = "detect", not(tokio_without = "time")))]
pub mod time;
#[cfg(all(feature = "detect", not(tokio_without = "sync")))]
mod wait;

pub use ::tokio::*;

#[cfg(all(feature = "detect", not(tokio_without = "rt")))]
pub use task::spawn;
