//! `gordian::futures` beside the original: the same interface, the same auto traits, and what is found under executors of every
//! kind.

#![cfg(feature = "futures")]

#[macro_use]
#[path = "api/ask.rs"]
mod ask;
#[macro_use]
#[path = "api/contents.rs"]
mod contents;
#[cfg(feature = "detect")]
#[path = "api/executors.rs"]
mod executors;
#[cfg(feature = "detect")]
#[path = "futures_wrappers/findings.rs"]
mod findings;
#[path = "futures_wrappers/signatures.rs"]
mod signatures;
#[path = "futures_wrappers/traits.rs"]
mod traits;
