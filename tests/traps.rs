//! Fifteen traps: programs that look like bugs and are none, as threads and as tasks. Each has to be silent.
//!
//! They come from the fixed forms of real bugs, and from false alarms that were taken back.
#![cfg(all(feature = "detect", feature = "tokio"))]

#[path = "traps/tasks.rs"]
mod tasks;
#[path = "traps/threads.rs"]
mod threads;
