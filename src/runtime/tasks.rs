//! Hooks of tasks and of the runtimes that run them.
//!
//! A wrapper of a runtime makes one [`RuntimeMeta`], tells it of its threads, and wraps every future that the runtime
//! drives: `spawn` makes a [`Task`] and gives the runtime a [`Watched`], `block_on` goes through
//! [`RuntimeMeta::block_on`], a blocking job through [`Task::run`].

pub use crate::record::tasks::{
    BlockedOn, EnteredRuntime, Flavour, InBlockOn, InPlace, RuntimeMeta, Task, TaskRecord, Watched, block_in_place,
    blocking,
};
