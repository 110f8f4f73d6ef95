//! Data races by happens-before.

mod atomic;
mod lock;
mod sync;
mod thread;
mod var;

pub use atomic::AtomicClock;
pub use lock::LockClock;
pub use sync::SyncClock;
pub use thread::{SlotTable, ThreadClock};
pub use var::{AccessInfo, VarState};
