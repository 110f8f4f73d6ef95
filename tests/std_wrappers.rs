//! The wrappers of std: that they do what the originals do, and what is found through them.

#[path = "std_wrappers/channels.rs"]
mod channels;
#[path = "std_wrappers/locks.rs"]
mod locks;
#[path = "std_wrappers/memory.rs"]
mod memory;
#[path = "std_wrappers/threads.rs"]
mod threads;

#[cfg(feature = "detect")]
#[path = "std_wrappers/findings.rs"]
mod findings;
#[cfg(feature = "detect")]
#[path = "std_wrappers/queues.rs"]
mod queues;
#[cfg(feature = "detect")]
#[path = "std_wrappers/races.rs"]
mod races;
