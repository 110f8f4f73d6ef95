//! Which findings count, and the forms of report that other programs read.
#![cfg(feature = "cli")]

#[path = "gate/command.rs"]
mod command;
#[path = "gate/formats.rs"]
mod formats;
#[path = "gate/schema.rs"]
mod schema;
