//! Tasks: who is polled, what each waits for, and who wakes it.
//!
//! A [`Watched`] future is a task. Its `poll` makes the task the *owner* of what the thread does until it returns; polls
//! nest. A [`Leaf`] is a wait inside a task: it belongs to the task that polled it last. Wakers are seen, for the task hands
//! out a waker of ours, and so does each leaf.

mod hazards;
pub(crate) mod holders;
mod leaf;
mod losses;
mod poll;
mod runtimes;
mod spell;
mod states;
mod task;
pub mod timeline;
mod watched;
mod word;

pub(crate) use hazards::{blocks, blocks_until, called_from, released, sleeps};
pub(crate) use leaf::last_ticket;
pub use leaf::{Leaf, Target, awaited_at, set_budget};
pub(crate) use losses::took;
pub(crate) use poll::Frame;
pub(crate) use runtimes::have_strangers;
pub use runtimes::{BlockedOn, EnteredRuntime, Flavour, InBlockOn, InPlace, RuntimeMeta, block_in_place, blocking};
pub(crate) use spell::works;
pub(crate) use states::StateRef;
pub(crate) use task::{State, flags};
pub use task::{Task, TaskRecord};
pub use watched::Watched;
