//! Hooks of channels between tasks: bounded, unbounded, oneshot, broadcast, watch.

pub use crate::record::messages::{MessagesMeta, Stamp};
