//! CARRY: the live recorder behind the wrappers.
//!
//! A wrapper calls a *hook* for every operation; the hook keeps what concerns only its own thread in thread-local memory
//! and goes to shared state only for what is new: a chain of locks not seen before, a wait, a race. The order of the
//! layers is `context` (the thread's own state) → hooks (`locks`, `cells`, `threads`, `waits`) → the analyses, each
//! behind one mutex → `sink`.
//!
//! *The tool never sees itself*: a hook marks its thread as busy, and a hook that finds the mark does nothing. What runs
//! under the mark (allocation, printing, the recorder's own locks) is invisible, so a hook can't recurse.

pub(crate) mod barriers;
pub(crate) mod cells;
pub(crate) mod channels;
pub(crate) mod condvars;
pub(crate) mod config;
pub(crate) mod context;
pub(crate) mod inits;
pub(crate) mod kept;
pub(crate) mod locks;
pub(crate) mod log;
pub(crate) mod meetings;
pub(crate) mod memory;
pub(crate) mod messages;
pub(crate) mod notify;
pub(crate) mod onces;
pub(crate) mod orders;
mod outside;
pub(crate) mod process;
pub(crate) mod queue;
pub(crate) mod registry;
pub(crate) mod scopes;
pub(crate) mod semaphores;
pub(crate) mod sink;
mod spin;
pub(crate) mod stacks;
mod statics;
pub(crate) mod strangers;
pub(crate) mod tasks;
pub(crate) mod threads;
pub(crate) mod waits;

/// A place in the user's source, as `#[track_caller]` gives it.
pub(crate) type Place = &'static std::panic::Location<'static>;
