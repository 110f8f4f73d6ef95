//! Tasks: who is polled, what each waits for, and who wakes it.
//!
//! A [`Watched`] future is a task. Its `poll` makes the task the *owner* of what the thread does until it returns; polls
//! nest. A [`Leaf`] is a wait inside a task: it belongs to the task that polled it last. Wakers are seen, for the task hands
//! out a waker of ours, and so does each leaf.

mod leaf;
mod runtimes;
mod task;
mod watched;

pub use leaf::{Leaf, Target};
pub use runtimes::{BlockedOn, EnteredRuntime, Flavour, RuntimeMeta, block_in_place};
pub use task::{Task, TaskRecord};
pub use watched::Watched;
