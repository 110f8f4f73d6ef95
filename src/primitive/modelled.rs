//! loom's primitives, behind the interface of those that they stand for.
//!
//! Not modelled: that a wait ends by its deadline, and that a bounded channel is full.

use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;
use std::time::Instant;

pub(crate) use loom::sync::atomic::AtomicU64;
pub(crate) use loom::sync::mpsc::{Receiver, Sender as SyncSender};

/// A size in a program, and in a model.
pub(crate) const fn size(_real: usize, modelled: usize) -> usize {
    modelled
}

/// See [`std::sync::mpsc::sync_channel`]; unbounded here.
pub(crate) fn sync_channel<T>(_bound: usize) -> (SyncSender<T>, Receiver<T>) {
    loom::sync::mpsc::channel()
}

/// An atomic that can be made in a constant. loom's own is made by the first use, so a model has to use it once before
/// it shares it. One in a static must not be used by a model: it would outlive the execution.
#[derive(Debug)]
pub(crate) struct AtomicU32 {
    initial: u32,
    atomic: OnceLock<loom::sync::atomic::AtomicU32>,
}

impl AtomicU32 {
    pub(crate) const fn new(initial: u32) -> Self {
        Self { initial, atomic: OnceLock::new() }
    }
}

impl Deref for AtomicU32 {
    type Target = loom::sync::atomic::AtomicU32;

    fn deref(&self) -> &Self::Target {
        self.atomic.get_or_init(|| loom::sync::atomic::AtomicU32::new(self.initial))
    }
}

/// As [`AtomicU32`].
#[derive(Debug)]
pub(crate) struct AtomicPtr<T> {
    initial: std::sync::atomic::AtomicPtr<T>,
    atomic: OnceLock<loom::sync::atomic::AtomicPtr<T>>,
}

impl<T> AtomicPtr<T> {
    pub(crate) const fn new(initial: *mut T) -> Self {
        Self { initial: std::sync::atomic::AtomicPtr::new(initial), atomic: OnceLock::new() }
    }
}

impl<T> Deref for AtomicPtr<T> {
    type Target = loom::sync::atomic::AtomicPtr<T>;

    fn deref(&self) -> &Self::Target {
        let initial = self.initial.load(std::sync::atomic::Ordering::Relaxed);
        self.atomic.get_or_init(|| loom::sync::atomic::AtomicPtr::new(initial))
    }
}

/// See [`parking_lot::Mutex`].
#[derive(Default, Debug)]
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

/// Holds the guard except during a wait.
pub(crate) struct MutexGuard<'a, T>(Option<loom::sync::MutexGuard<'a, T>>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().expect("loom's mutexes are not poisoned")))
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().expect("no wait is under way")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_deref_mut().expect("no wait is under way")
    }
}

/// See [`parking_lot::Condvar`].
#[derive(Default, Debug)]
pub(crate) struct Condvar(loom::sync::Condvar);

/// See [`parking_lot::WaitTimeoutResult`].
pub(crate) struct NotTimedOut;

impl NotTimedOut {
    pub(crate) fn timed_out(&self) -> bool {
        false
    }
}

impl Condvar {
    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let held = guard.0.take().expect("no wait is under way");
        guard.0 = Some(self.0.wait(held).expect("loom's mutexes are not poisoned"));
    }

    pub(crate) fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, _deadline: Instant) -> NotTimedOut {
        self.wait(guard);
        NotTimedOut
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }
}

/// What models use beside the primitives themselves.
#[cfg(test)]
pub(crate) mod model {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use loom::cell::UnsafeCell;
    pub(crate) use loom::thread::spawn;

    /// Preemptions in an execution: enough for all bugs of two or three threads that are known to need few.
    const PREEMPTIONS: usize = 3;

    /// Runs a model in all executions, and says how many they are.
    #[allow(clippy::print_stdout, reason = "read by the test that runs the models")]
    pub(crate) fn check(name: &str, model: impl Fn() + Send + Sync + 'static) {
        let executions = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&executions);
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(PREEMPTIONS);
        builder.max_permutations = None;
        builder.max_duration = None;
        builder.check(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            model();
        });
        println!("model: {name}: {} executions", executions.load(Ordering::Relaxed));
    }

    /// Memory without synchronisation: an execution in which accesses race fails.
    pub(crate) struct Plain<T>(UnsafeCell<T>);

    // SAFETY: loom runs the threads of a model one at a time, and ends the execution before an access that races.
    unsafe impl<T: Send> Sync for Plain<T> {}

    impl<T: Copy> Plain<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(UnsafeCell::new(value))
        }

        pub(crate) fn get(&self) -> T {
            // SAFETY: loom has checked that no write races with this read.
            self.0.with(|value| unsafe { *value })
        }

        pub(crate) fn set(&self, new: T) {
            // SAFETY: loom has checked that no access races with this write.
            self.0.with_mut(|value| unsafe { *value = new });
        }
    }
}
