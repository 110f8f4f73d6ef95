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

macro_rules! same_plain {
    ($($($path:ident)::+),+ $(,)?) => {
        $(same!(gordian::tokio::$($path)::+, tokio::$($path)::+);)+
    };
}

#[test]
fn locks() {
    same_for_all!(tokio: sync::Mutex, sync::RwLock, sync::OnceCell, sync::SetOnce);
    same_for_all!(tokio: sync::OwnedMutexGuard, sync::OwnedMappedMutexGuard);
    same_for_all!(tokio: sync::OwnedRwLockReadGuard, sync::OwnedRwLockWriteGuard, sync::OwnedRwLockMappedWriteGuard);
    same_for_all!(tokio: sync::MutexGuard<'static>, sync::MappedMutexGuard<'static>);
    same_for_all!(tokio: sync::RwLockReadGuard<'static>, sync::RwLockWriteGuard<'static>, sync::RwLockMappedWriteGuard<'static>);
    same!(gordian::tokio::sync::Mutex<dyn Send>, tokio::sync::Mutex<dyn Send>);
    same!(gordian::tokio::sync::RwLock<[u8]>, tokio::sync::RwLock<[u8]>);
    same_plain!(sync::Semaphore, sync::OwnedSemaphorePermit, sync::Notify, sync::Barrier, sync::TryLockError);
    same_plain!(sync::futures::OwnedNotified);
    same!(gordian::tokio::sync::SemaphorePermit<'static>, tokio::sync::SemaphorePermit<'static>);
    same!(gordian::tokio::sync::futures::Notified<'static>, tokio::sync::futures::Notified<'static>);
}

#[test]
fn channels() {
    same_for_all!(tokio: sync::mpsc::Sender, sync::mpsc::Receiver, sync::mpsc::WeakSender, sync::mpsc::OwnedPermit);
    same_for_all!(tokio: sync::mpsc::UnboundedSender, sync::mpsc::UnboundedReceiver, sync::mpsc::WeakUnboundedSender);
    same_for_all!(tokio: sync::mpsc::Permit<'static>, sync::mpsc::PermitIterator<'static>, sync::watch::Ref<'static>);
    same_for_all!(tokio: sync::oneshot::Sender, sync::oneshot::Receiver);
    same_for_all!(tokio: sync::broadcast::Sender, sync::broadcast::Receiver, sync::broadcast::WeakSender);
    same_for_all!(tokio: sync::watch::Sender, sync::watch::Receiver);
}

#[test]
fn tasks_and_runtimes() {
    same_for_all!(tokio: task::JoinHandle, task::JoinSet, time::Timeout);
    same_plain!(task::AbortHandle, task::LocalSet, task::LocalEnterGuard, task::JoinError, task::Id);
    same_plain!(runtime::Runtime, runtime::LocalRuntime, runtime::Handle, runtime::Builder);
    same!(gordian::tokio::runtime::EnterGuard<'static>, tokio::runtime::EnterGuard<'static>);
    same_plain!(time::Sleep, time::Interval, time::Instant);
}
