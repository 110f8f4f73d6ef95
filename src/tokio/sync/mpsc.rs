//! [`tokio::sync::mpsc`], watched.

mod bounded;
mod permits;
mod receiver;
mod sender;
mod unbounded;

pub use ::tokio::sync::mpsc::*;

pub use bounded::{Receiver, Sender, WeakSender, channel};
pub use permits::{OwnedPermit, Permit, PermitIterator};
pub use unbounded::{UnboundedReceiver, UnboundedSender, WeakUnboundedSender, unbounded_channel};
