//! Hooks of notifications.

pub use crate::record::notify::NotifyMeta;
