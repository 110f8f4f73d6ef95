//! [`tokio::task`], watched.

mod abort_handle;
#[cfg(all(tokio_unstable, not(tokio_without = "tracing")))]
mod builder;
mod join_handle;
pub mod join_set;
mod local;
mod spawn;

pub use ::tokio::task::*;

pub use abort_handle::AbortHandle;
#[cfg(all(tokio_unstable, not(tokio_without = "tracing")))]
pub use builder::Builder;
pub use join_handle::JoinHandle;
pub use join_set::JoinSet;
pub use local::{LocalEnterGuard, LocalSet, spawn_local};
#[cfg(not(tokio_without = "rt-multi-thread"))]
pub use spawn::block_in_place;
pub(crate) use spawn::{Job, Spawned, current};
pub use spawn::{spawn, spawn_blocking};
