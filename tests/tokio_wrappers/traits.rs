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

/// Types of one parameter, with contents of every kind.
macro_rules! same_for_all {
    ($($($path:ident)::+),+ $(,)?) => {$({
        use gordian::tokio::$($path)::+ as Ours;
        use tokio::$($path)::+ as Real;
        same!(Ours<u8>, Real<u8>);
        same!(Ours<Cell<u8>>, Real<Cell<u8>>);
        same!(Ours<UnsafeCell<u8>>, Real<UnsafeCell<u8>>);
        same!(Ours<Rc<u8>>, Real<Rc<u8>>);
        same!(Ours<Guard>, Real<Guard>);
        same!(Ours<Unsafe>, Real<Unsafe>);
        same!(Ours<PhantomPinned>, Real<PhantomPinned>);
        same!(Ours<*mut u8>, Real<*mut u8>);
    })+};
}

/// The same, behind a lifetime.
macro_rules! same_for_all_borrowed {
    ($($($path:ident)::+),+ $(,)?) => {$({
        use gordian::tokio::$($path)::+ as Ours;
        use tokio::$($path)::+ as Real;
        same!(Ours<'static, u8>, Real<'static, u8>);
        same!(Ours<'static, Cell<u8>>, Real<'static, Cell<u8>>);
        same!(Ours<'static, Rc<u8>>, Real<'static, Rc<u8>>);
        same!(Ours<'static, Guard>, Real<'static, Guard>);
        same!(Ours<'static, Unsafe>, Real<'static, Unsafe>);
        same!(Ours<'static, PhantomPinned>, Real<'static, PhantomPinned>);
        same!(Ours<'static, *mut u8>, Real<'static, *mut u8>);
    })+};
}

macro_rules! same_plain {
    ($($($path:ident)::+),+ $(,)?) => {
        $(same!(gordian::tokio::$($path)::+, tokio::$($path)::+);)+
    };
}

#[test]
fn locks() {
    same_for_all!(sync::Mutex, sync::RwLock, sync::OnceCell, sync::SetOnce);
    same_for_all!(sync::OwnedMutexGuard, sync::OwnedMappedMutexGuard);
    same_for_all!(sync::OwnedRwLockReadGuard, sync::OwnedRwLockWriteGuard, sync::OwnedRwLockMappedWriteGuard);
    same_for_all_borrowed!(sync::MutexGuard, sync::MappedMutexGuard);
    same_for_all_borrowed!(sync::RwLockReadGuard, sync::RwLockWriteGuard, sync::RwLockMappedWriteGuard);
    same!(gordian::tokio::sync::Mutex<dyn Send>, tokio::sync::Mutex<dyn Send>);
    same!(gordian::tokio::sync::RwLock<[u8]>, tokio::sync::RwLock<[u8]>);
    same_plain!(sync::Semaphore, sync::OwnedSemaphorePermit, sync::Notify, sync::Barrier, sync::TryLockError);
    same_plain!(sync::futures::OwnedNotified);
    same!(gordian::tokio::sync::SemaphorePermit<'static>, tokio::sync::SemaphorePermit<'static>);
    same!(gordian::tokio::sync::futures::Notified<'static>, tokio::sync::futures::Notified<'static>);
}

#[test]
fn channels() {
    same_for_all!(sync::mpsc::Sender, sync::mpsc::Receiver, sync::mpsc::WeakSender, sync::mpsc::OwnedPermit);
    same_for_all!(sync::mpsc::UnboundedSender, sync::mpsc::UnboundedReceiver, sync::mpsc::WeakUnboundedSender);
    same_for_all_borrowed!(sync::mpsc::Permit, sync::mpsc::PermitIterator, sync::watch::Ref);
    same_for_all!(sync::oneshot::Sender, sync::oneshot::Receiver);
    same_for_all!(sync::broadcast::Sender, sync::broadcast::Receiver, sync::broadcast::WeakSender);
    same_for_all!(sync::watch::Sender, sync::watch::Receiver);
}

#[test]
fn tasks_and_runtimes() {
    same_for_all!(task::JoinHandle, task::JoinSet, time::Timeout);
    same_plain!(task::AbortHandle, task::LocalSet, task::LocalEnterGuard, task::JoinError, task::Id);
    same_plain!(runtime::Runtime, runtime::LocalRuntime, runtime::Handle, runtime::Builder);
    same!(gordian::tokio::runtime::EnterGuard<'static>, tokio::runtime::EnterGuard<'static>);
    same_plain!(time::Sleep, time::Interval, time::Instant);
}
