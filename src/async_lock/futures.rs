//! [`async_lock::futures`], watched: the futures, by their names.

pub use super::barrier::BarrierWait;
pub use super::mutex::{Lock, LockArc};
pub use super::rwlock::{Read, ReadArc, UpgradableRead, UpgradableReadArc, Upgrade, UpgradeArc, Write, WriteArc};
pub use super::semaphore::{Acquire, AcquireArc};
