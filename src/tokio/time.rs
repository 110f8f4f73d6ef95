//! [`tokio::time`], watched.

mod interval;
mod sleep;
mod timeout;

pub use ::tokio::time::*;

pub use interval::{Interval, interval, interval_at};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Timeout, timeout, timeout_at};
