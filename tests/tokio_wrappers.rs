//! `gordian::tokio` beside the original: the same interface, the same auto traits, the same behaviour.
//!
//! What a test does it does twice, with the original and with the wrappers.

#![cfg(feature = "tokio")]

#[macro_use]
#[path = "api/ask.rs"]
mod ask;
#[macro_use]
#[path = "api/contents.rs"]
mod contents;
#[path = "tokio_wrappers/behaviour.rs"]
mod behaviour;
#[path = "tokio_wrappers/runtimes.rs"]
mod runtimes;
#[path = "tokio_wrappers/signatures.rs"]
mod signatures;
#[path = "tokio_wrappers/traits.rs"]
mod traits;
