//! Hooks of waits inside tasks.
//!
//! A *leaf* is a future that waits for one thing: a lock, a message, the end of a task. The wrapper puts its original into
//! a [`Leaf`], with a [`Target`] from the meta of what is waited for; what a ready result means it tells the meta itself,
//! right after the leaf was ready. A leaf that is ready at its first poll costs next to nothing. One that is dropped while it
//! waits is a wait that was given up.

pub use crate::record::tasks::{Leaf, Target, awaited_at, set_budget};
