//! [`tokio::sync::watch`], watched.
//!
//! The value is a message that may be received again and again; and beside that it is guarded by a lock that *blocks*: a
//! [`Ref`] is a guard of it, and a sender takes it for writing.

mod lock;
mod receiver;
mod sender;

pub use ::tokio::sync::watch::*;

pub use lock::Ref;
pub use receiver::Receiver;
pub use sender::{Sender, channel};
