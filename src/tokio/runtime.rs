//! [`tokio::runtime`], watched.

mod builder;
mod common;
mod handle;
#[cfg(not(tokio_before = "1.51"))]
mod local_runtime;
#[allow(clippy::module_inception, reason = "as the original")]
mod runtime;

pub use ::tokio::runtime::*;

pub use builder::Builder;
pub use handle::{EnterGuard, Handle};
#[cfg(not(tokio_before = "1.51"))]
pub use local_runtime::LocalRuntime;
pub use runtime::Runtime;
