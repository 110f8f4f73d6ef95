//! Traits: for each type, and each kind of content, the wrapper has exactly those of the original.

use std::cell::{Cell, UnsafeCell};
use std::fmt::{Debug, Display, Pointer};
use std::marker::{PhantomData, PhantomPinned};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;

/// Sync and not Send.
type Guard = std::sync::MutexGuard<'static, u8>;
/// Not unwind-safe.
type Unsafe = &'static mut u8;

macro_rules! same_as_they_are {
    ($($($path:ident)::+ $(<$lifetime:lifetime>)?),+ $(,)?) => {$({
        use async_lock::$($path)::+ as Real;
        use gordian::async_lock::$($path)::+ as Ours;
        same!(Ours $(<$lifetime>)?, Real $(<$lifetime>)?);
    })+};
}

#[test]
fn locks() {
    same_for_all!(async_lock: Mutex, MutexGuard<'static>, MutexGuardArc, RwLock, OnceCell);
    same_for_all!(async_lock: RwLockReadGuard<'static>, RwLockUpgradableReadGuard<'static>, RwLockWriteGuard<'static>);
    same_for_all!(async_lock: RwLockReadGuardArc, RwLockUpgradableReadGuardArc, RwLockWriteGuardArc);
    same!(gordian::async_lock::Mutex<dyn Send>, async_lock::Mutex<dyn Send>);
    same!(gordian::async_lock::RwLock<[u8]>, async_lock::RwLock<[u8]>);
    same!(gordian::async_lock::RwLock<dyn Send + Sync>, async_lock::RwLock<dyn Send + Sync>);
    same_as_they_are!(Semaphore, SemaphoreGuard<'static>, SemaphoreGuardArc, Barrier, BarrierWaitResult);
}

#[test]
fn futures() {
    same_for_all!(async_lock: futures::Lock<'static>, futures::LockArc);
    same_for_all!(async_lock: futures::Read<'static>, futures::UpgradableRead<'static>, futures::Write<'static>);
    same_for_all!(async_lock: futures::ReadArc<'static>, futures::UpgradableReadArc<'static>, futures::WriteArc<'static>);
    same_for_all!(async_lock: futures::Upgrade<'static>, futures::UpgradeArc);
    same_as_they_are!(futures::Acquire<'static>, futures::AcquireArc, futures::BarrierWait<'static>);
}
