//! `gordian::async_lock` beside the original: the same interface, the same auto traits, and what is found under executors of
//! several kinds.

#![cfg(all(feature = "async-lock", feature = "tokio"))]

#[macro_use]
#[path = "api/ask.rs"]
mod ask;
#[macro_use]
#[path = "api/contents.rs"]
mod contents;
#[cfg(feature = "detect")]
#[path = "async_lock_wrappers/everywhere.rs"]
mod everywhere;
#[cfg(feature = "detect")]
#[path = "api/executors.rs"]
mod executors;
#[cfg(feature = "detect")]
#[path = "async_lock_wrappers/findings.rs"]
mod findings;
#[cfg(feature = "detect")]
#[path = "async_lock_wrappers/marked.rs"]
mod marked;
#[cfg(feature = "detect")]
#[path = "async_lock_wrappers/rwlocks.rs"]
mod rwlocks;
#[path = "async_lock_wrappers/signatures.rs"]
mod signatures;
#[path = "async_lock_wrappers/traits.rs"]
mod traits;
