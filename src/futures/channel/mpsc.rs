//! [`futures::channel::mpsc`], watched.

mod bounded;
mod error;
mod receiver;
mod unbounded;

pub use ::futures::channel::mpsc::*;

pub use bounded::{Receiver, Sender, channel};
pub use error::TrySendError;
pub use receiver::Recv;
pub use unbounded::{UnboundedReceiver, UnboundedSender, unbounded};
