//! Hooks of what is held by tasks: semaphores, and the locks that are made of them.

pub use crate::record::semaphores::{Hold, SemaphoreMeta};
