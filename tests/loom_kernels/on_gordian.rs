//! The same kernels over the watched primitives.

pub(crate) use gordian::sync::{Arc, Mutex};
pub(crate) use gordian::thread;

#[path = "ab_ba.rs"]
pub(crate) mod ab_ba;
