//! `core::sync::atomic`, watched. A file of both facades.

pub use ::core::sync::atomic::*;

#[cfg(target_has_atomic = "8")]
pub use ::gordian::sync::atomic::AtomicBool;
#[cfg(target_has_atomic = "ptr")]
pub use ::gordian::sync::atomic::AtomicPtr;
pub use ::gordian::sync::atomic::fence;
#[cfg(target_has_atomic = "8")]
pub use ::gordian::sync::atomic::{AtomicI8, AtomicU8};
#[cfg(target_has_atomic = "16")]
pub use ::gordian::sync::atomic::{AtomicI16, AtomicU16};
#[cfg(target_has_atomic = "32")]
pub use ::gordian::sync::atomic::{AtomicI32, AtomicU32};
#[cfg(target_has_atomic = "64")]
pub use ::gordian::sync::atomic::{AtomicI64, AtomicU64};
#[cfg(target_has_atomic = "ptr")]
pub use ::gordian::sync::atomic::{AtomicIsize, AtomicUsize};

#[allow(deprecated)]
#[cfg(target_has_atomic = "8")]
pub use ::gordian::sync::atomic::ATOMIC_BOOL_INIT;
#[allow(deprecated)]
#[cfg(target_has_atomic = "ptr")]
pub use ::gordian::sync::atomic::{ATOMIC_ISIZE_INIT, ATOMIC_USIZE_INIT};
