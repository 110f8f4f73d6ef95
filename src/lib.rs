//! Find the deadlocks and races of a Rust program, threads and async, before they happen.
//!
//! A wrapper has the name, the signatures and the semantics of its original, and tells a recorder what happens; analyses
//! judge it; findings carry their proof. Start with [`check()`] in a test, or with the command `gordian`.
//!
//! # The map
//!
//! Data runs one way:
//!
//! ```text
//! PRODUCE             CARRY                JUDGE                     TELL
//! sync, thread   ─┐   record (live)   ┐   engine ▸ analysis::*      report ▸ cli
//! parking_lot    ─┼─▶ trace  (files)  ┼─▶ (clock underneath)  ─▶
//! Shared         ─┘                   ┘   Finding
//! ```
//!
//! [`event`] is the closed vocabulary in the middle, and uses nothing of ours. A wrapper never names an analysis; an
//! analysis never prints; a report never decides. The live recorder keeps the state machines of the analyses inside the
//! objects, the [`engine`] keeps the same ones in tables: the same events give the same findings. `tests/layering.rs`
//! holds the picture to the sources.
//!
//! # What is promised
//!
//! - A finding of tier [`Observed`](finding::Tier::Observed) happened in the run. [`Possible`](finding::Tier::Possible)
//!   means that the pattern is there and that nothing which the detector knows of keeps it from happening.
//! - The program does what it would do without us: same fairness, same poisoning, and no panic of ours in a user's
//!   thread unless [`OnDeadlock::Panic`] asks for it.
//! - Without the feature `detect` the types *are* those of std and parking_lot.
//!
//! # Limits
//!
//! Only what runs is seen, and only what is instrumented: plain memory through [`Shared`] alone, threads that were not
//! started by [`thread`] from their first use of a wrapper on. Between threads of which nobody saw the start, no race is
//! claimed. A wait that any thread could end is called lost only when all threads are known and stuck.

extern crate self as gordian;

pub mod analysis;
pub mod clock;
pub mod engine;
pub mod event;
pub mod finding;
#[cfg(feature = "detect")]
mod primitive;
pub mod report;
pub mod trace;

mod allocator;
#[cfg(feature = "async-lock")]
pub mod async_lock;
#[cfg(feature = "futures")]
pub mod futures;
mod name;
pub mod parking_lot;
mod region;
mod shared;
pub mod sync;
pub mod task;
pub mod thread;
#[cfg(feature = "tokio")]
pub mod tokio;
pub mod unobserved;

pub use allocator::Allocator;
pub use name::Named;
pub use region::atomic;
pub use shared::Shared;

mod check;
mod config;
#[cfg(feature = "detect")]
mod record;
#[cfg(feature = "detect")]
#[doc(hidden)]
pub mod runtime;

pub use check::{Outcome, check, findings, findings_of, finish, start};
pub use config::{Config, OnDeadlock, Predict, StartError};

#[cfg(feature = "cli")]
pub mod cli;
