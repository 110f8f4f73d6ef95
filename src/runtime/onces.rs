//! Hooks of one-time initialisation by a task.

pub use crate::record::inits::{InitMeta, Initialising};
