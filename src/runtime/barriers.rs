//! Hooks of barriers of tasks.

pub use crate::record::meetings::{Arrival, MeetingMeta};
