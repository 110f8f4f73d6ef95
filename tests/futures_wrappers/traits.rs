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

#[test]
fn locks() {
    same_for_all!(futures: lock::Mutex, lock::OwnedMutexGuard, lock::OwnedMutexLockFuture);
    same_for_all!(futures: lock::MutexGuard<'static>, lock::MutexLockFuture<'static>);
    same!(gordian::futures::lock::Mutex<dyn Send>, futures::lock::Mutex<dyn Send>);
    same!(gordian::futures::lock::Mutex<[u8]>, futures::lock::Mutex<[u8]>);
    type Mapped<T, U> = gordian::futures::lock::MappedMutexGuard<'static, T, U>;
    type Real<T, U> = futures::lock::MappedMutexGuard<'static, T, U>;
    same!(Mapped<u8, u8>, Real<u8, u8>);
    same!(Mapped<Cell<u8>, u8>, Real<Cell<u8>, u8>);
    same!(Mapped<u8, Cell<u8>>, Real<u8, Cell<u8>>);
    same!(Mapped<Guard, u8>, Real<Guard, u8>);
    same!(Mapped<u8, Rc<u8>>, Real<u8, Rc<u8>>);
    same!(Mapped<u8, PhantomPinned>, Real<u8, PhantomPinned>);
}

#[test]
fn channels() {
    same_for_all!(futures: channel::oneshot::Sender, channel::oneshot::Receiver, channel::oneshot::Cancellation<'static>);
    same_for_all!(futures: channel::mpsc::Sender, channel::mpsc::Receiver, channel::mpsc::TrySendError);
    same_for_all!(futures: channel::mpsc::UnboundedSender, channel::mpsc::UnboundedReceiver);
    type Ours<S> = gordian::futures::channel::mpsc::Recv<'static, S>;
    type Real<S> = futures::channel::mpsc::Recv<'static, S>;
    same!(Ours<futures::stream::Empty<u8>>, Real<futures::stream::Empty<u8>>);
    same!(Ours<futures::stream::Empty<Rc<u8>>>, Real<futures::stream::Empty<Rc<u8>>>);
}
