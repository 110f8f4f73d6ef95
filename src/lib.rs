//! Find the deadlocks and races of a Rust program, threads and async, before they happen.
//!
//! Data runs one way:
//!
//! ```text
//! PRODUCE             CARRY                JUDGE                     TELL
//! sync, thread   ─┐   record (live)   ┐   engine ▸ analysis::*      report ▸ cli
//! parking_lot    ─┼─▶ trace  (files)  ┼─▶ (clock underneath)  ─▶
//! Shared         ─┘                   ┘   Finding
//! ```

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

mod name;
pub mod parking_lot;
mod region;
mod shared;
pub mod sync;
pub mod thread;
pub mod unobserved;

pub use name::Named;
pub use region::atomic;
pub use shared::Shared;

mod check;
mod config;
#[cfg(feature = "detect")]
mod record;

pub use check::{Outcome, check, findings, findings_of, finish, start};
pub use config::{Config, OnDeadlock, StartError};

#[cfg(feature = "cli")]
pub mod cli;
