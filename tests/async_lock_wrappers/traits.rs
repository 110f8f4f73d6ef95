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

macro_rules! same_for_all {
    ($($($path:ident)::+ $(<$lifetime:lifetime>)?),+ $(,)?) => {$({
        use async_lock::$($path)::+ as Real;
        use gordian::async_lock::$($path)::+ as Ours;
        same!(Ours<$($lifetime,)? u8>, Real<$($lifetime,)? u8>);
        same!(Ours<$($lifetime,)? Cell<u8>>, Real<$($lifetime,)? Cell<u8>>);
        same!(Ours<$($lifetime,)? UnsafeCell<u8>>, Real<$($lifetime,)? UnsafeCell<u8>>);
        same!(Ours<$($lifetime,)? Rc<u8>>, Real<$($lifetime,)? Rc<u8>>);
        same!(Ours<$($lifetime,)? Guard>, Real<$($lifetime,)? Guard>);
        same!(Ours<$($lifetime,)? Unsafe>, Real<$($lifetime,)? Unsafe>);
        same!(Ours<$($lifetime,)? PhantomPinned>, Real<$($lifetime,)? PhantomPinned>);
        same!(Ours<$($lifetime,)? *mut u8>, Real<$($lifetime,)? *mut u8>);
    })+};
}

macro_rules! same_as_they_are {
    ($($($path:ident)::+ $(<$lifetime:lifetime>)?),+ $(,)?) => {$({
        use async_lock::$($path)::+ as Real;
        use gordian::async_lock::$($path)::+ as Ours;
        same!(Ours $(<$lifetime>)?, Real $(<$lifetime>)?);
    })+};
}

#[test]
fn locks() {
    same_for_all!(Mutex, MutexGuard<'static>, MutexGuardArc, RwLock, OnceCell);
    same_for_all!(RwLockReadGuard<'static>, RwLockUpgradableReadGuard<'static>, RwLockWriteGuard<'static>);
    same_for_all!(RwLockReadGuardArc, RwLockUpgradableReadGuardArc, RwLockWriteGuardArc);
    same!(gordian::async_lock::Mutex<dyn Send>, async_lock::Mutex<dyn Send>);
    same!(gordian::async_lock::RwLock<[u8]>, async_lock::RwLock<[u8]>);
    same!(gordian::async_lock::RwLock<dyn Send + Sync>, async_lock::RwLock<dyn Send + Sync>);
    same_as_they_are!(Semaphore, SemaphoreGuard<'static>, SemaphoreGuardArc, Barrier, BarrierWaitResult);
}

#[test]
fn futures() {
    same_for_all!(futures::Lock<'static>, futures::LockArc);
    same_for_all!(futures::Read<'static>, futures::UpgradableRead<'static>, futures::Write<'static>);
    same_for_all!(futures::ReadArc<'static>, futures::UpgradableReadArc<'static>, futures::WriteArc<'static>);
    same_for_all!(futures::Upgrade<'static>, futures::UpgradeArc);
    same_as_they_are!(futures::Acquire<'static>, futures::AcquireArc, futures::BarrierWait<'static>);
}
