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
    ($($path:ident)::+) => {{
        use gordian::$($path)::+ as Ours;
        use std::$($path)::+ as Real;
        same!(Ours<u8>, Real<u8>);
        same!(Ours<Cell<u8>>, Real<Cell<u8>>);
        same!(Ours<UnsafeCell<u8>>, Real<UnsafeCell<u8>>);
        same!(Ours<Rc<u8>>, Real<Rc<u8>>);
        same!(Ours<Guard>, Real<Guard>);
        same!(Ours<Unsafe>, Real<Unsafe>);
        same!(Ours<PhantomPinned>, Real<PhantomPinned>);
        same!(Ours<*mut u8>, Real<*mut u8>);
    }};
}

/// The same, behind a lifetime.
macro_rules! same_for_all_borrowed {
    ($($path:ident)::+) => {{
        use gordian::$($path)::+ as Ours;
        use std::$($path)::+ as Real;
        same!(Ours<'static, u8>, Real<'static, u8>);
        same!(Ours<'static, Cell<u8>>, Real<'static, Cell<u8>>);
        same!(Ours<'static, Rc<u8>>, Real<'static, Rc<u8>>);
        same!(Ours<'static, Guard>, Real<'static, Guard>);
        same!(Ours<'static, Unsafe>, Real<'static, Unsafe>);
        same!(Ours<'static, PhantomPinned>, Real<'static, PhantomPinned>);
        same!(Ours<'static, *mut u8>, Real<'static, *mut u8>);
    }};
}

macro_rules! same_plain {
    ($($($path:ident)::+),+ $(,)?) => {
        $(same!(gordian::$($path)::+, std::$($path)::+);)+
    };
}

#[test]
fn the_question_can_be_answered_both_ways() {
    assert!(has!(u8: Send) && !has!(Rc<u8>: Send) && has!(Guard: Sync) && !has!(Guard: Send));
    assert!(!has!(Unsafe: UnwindSafe) && !has!(PhantomPinned: Unpin) && !has!(UnsafeCell<u8>: RefUnwindSafe));
}

#[test]
fn locks() {
    same_for_all!(sync::Mutex);
    same_for_all!(sync::RwLock);
    same_for_all_borrowed!(sync::MutexGuard);
    same_for_all_borrowed!(sync::RwLockReadGuard);
    same_for_all_borrowed!(sync::RwLockWriteGuard);
    same!(gordian::sync::Mutex<dyn Send>, std::sync::Mutex<dyn Send>);
    same!(gordian::sync::RwLock<[u8]>, std::sync::RwLock<[u8]>);
}

#[test]
fn signals_and_onces() {
    same_plain!(
        sync::Condvar,
        sync::WaitTimeoutResult,
        sync::Barrier,
        sync::BarrierWaitResult,
        sync::Once,
        sync::OnceState,
    );
    same_for_all!(sync::OnceLock);
    same_for_all!(sync::LazyLock);
    type Loose = gordian::sync::LazyLock<u8, Rc<u8>>;
    same!(Loose, std::sync::LazyLock<u8, Rc<u8>>);
    same!(gordian::sync::LazyLock<u8, Unsafe>, std::sync::LazyLock<u8, Unsafe>);
}

#[test]
fn channels() {
    same_for_all!(sync::mpsc::Sender);
    same_for_all!(sync::mpsc::SyncSender);
    same_for_all!(sync::mpsc::Receiver);
    same_for_all!(sync::mpsc::IntoIter);
    same_for_all_borrowed!(sync::mpsc::Iter);
    same_for_all_borrowed!(sync::mpsc::TryIter);
}

#[test]
fn atomics() {
    same_plain!(
        sync::atomic::AtomicBool,
        sync::atomic::AtomicI8,
        sync::atomic::AtomicU8,
        sync::atomic::AtomicI16,
        sync::atomic::AtomicU16,
        sync::atomic::AtomicI32,
        sync::atomic::AtomicU32,
        sync::atomic::AtomicI64,
        sync::atomic::AtomicU64,
        sync::atomic::AtomicIsize,
        sync::atomic::AtomicUsize,
        sync::atomic::Ordering,
    );
    same_for_all!(sync::atomic::AtomicPtr);
}

#[test]
fn threads() {
    same_plain!(thread::Builder, thread::Thread, thread::ThreadId, thread::AccessError);
    same_for_all!(thread::JoinHandle);
    same_for_all_borrowed!(thread::ScopedJoinHandle);
    same!(gordian::thread::Scope<'static, 'static>, std::thread::Scope<'static, 'static>);
}

/// `Shared` has no original: any content may be shared that may be sent.
#[test]
fn shared() {
    assert!(has!(gordian::Shared<Cell<u8>>: Sync) && has!(gordian::Shared<Cell<u8>>: Send));
    assert!(!has!(gordian::Shared<Rc<u8>>: Sync) && !has!(gordian::Shared<Rc<u8>>: Send));
    assert!(!has!(gordian::Shared<Guard>: Sync), "a shared value can be taken out elsewhere");
    assert!(has!(gordian::unobserved::Barrier: Sync) && has!(gordian::unobserved::Barrier: UnwindSafe));
}
