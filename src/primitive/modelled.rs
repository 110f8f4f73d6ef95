//! loom's primitives, behind the interface of those that they stand for.
//!
//! Not modelled: that a wait ends by its deadline, and that a bounded channel is full.

use std::cell::UnsafeCell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize as Count, Ordering};
use std::time::Instant;

pub(crate) use loom::sync::atomic::{AtomicU64, fence};
pub(crate) use loom::sync::mpsc::{Receiver, Sender as SyncSender};

/// A size in a program, and in a model.
pub(crate) const fn size(_real: usize, modelled: usize) -> usize {
    modelled
}

/// See [`std::sync::mpsc::sync_channel`]; unbounded here.
pub(crate) fn sync_channel<T>(_bound: usize) -> (SyncSender<T>, Receiver<T>) {
    loom::sync::mpsc::channel()
}

/// See `values` of the real primitives. That all was stored before is what the models have to show of what they read so.
///
/// # Safety
///
/// None here.
pub(crate) unsafe fn values(words: &[AtomicU64]) -> Vec<u64> {
    // SAFETY: loom sees to it that there is no store at the same time.
    words.iter().map(|word| unsafe { word.unsync_load() }).collect()
}

/// Between two looks of who waits for a few steps of another thread.
pub(crate) fn pause(_rounds: &mut u32) {
    loom::thread::yield_now();
}

/// The number of the execution that is under way: what an earlier one made is of no use to it.
static EXECUTION: Count = Count::new(0);

/// What loom has for a primitive that can be made in a constant, or in a static: made at its first use in an execution,
/// and leaked, for there is no end of an execution that a static could see. What uses an atomic must come after its
/// making, so a model uses each once before it starts threads.
struct Lazy<T: 'static>(std::sync::Mutex<Option<(usize, &'static T)>>);

impl<T> Lazy<T> {
    const fn new() -> Self {
        Self(std::sync::Mutex::new(None))
    }

    fn get(&self, make: impl FnOnce() -> T) -> &'static T {
        let now = EXECUTION.load(Ordering::Relaxed);
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *made {
            Some((execution, made)) if execution == now => made,
            _ => made.insert((now, Box::leak(Box::new(make())))).1,
        }
    }
}

/// Atomics that can be made in a constant.
macro_rules! atomics {
    ($($name:ident: $value:ty,)*) => {$(
        #[doc = concat!("See [`std::sync::atomic::", stringify!($name), "`].")]
        pub(crate) struct $name {
            initial: $value,
            atomic: Lazy<loom::sync::atomic::$name>,
        }

        impl $name {
            pub(crate) const fn new(initial: $value) -> Self {
                Self { initial, atomic: Lazy::new() }
            }
        }

        impl Deref for $name {
            type Target = loom::sync::atomic::$name;

            fn deref(&self) -> &Self::Target {
                self.atomic.get(|| loom::sync::atomic::$name::new(self.initial))
            }
        }
    )*};
}

atomics! {
    AtomicBool: bool,
    AtomicU32: u32,
    AtomicUsize: usize,
}

impl AtomicU32 {
    pub(crate) fn get_mut(&mut self) -> &mut u32 {
        // SAFETY: nobody else has the atomic, which is made anew from the value when it is used again.
        self.initial = unsafe { self.unsync_load() };
        self.atomic = Lazy::new();
        &mut self.initial
    }
}

impl Default for AtomicU32 {
    fn default() -> Self {
        Self::new(0)
    }
}

impl fmt::Debug for AtomicU32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AtomicU32").finish_non_exhaustive()
    }
}

/// See [`parking_lot::Mutex`].
pub(crate) struct Mutex<T> {
    lock: Lazy<loom::sync::Mutex<()>>,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only through a guard, which holds the lock.
unsafe impl<T: Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self { lock: Lazy::new(), value: UnsafeCell::new(value) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        let lock = self.lock.get(|| loom::sync::Mutex::new(()));
        MutexGuard { value: &self.value, held: Some(lock.lock().expect(UNPOISONED)) }
    }

    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let lock = self.lock.get(|| loom::sync::Mutex::new(()));
        lock.try_lock().ok().map(|held| MutexGuard { value: &self.value, held: Some(held) })
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.try_lock().is_none()
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").finish_non_exhaustive()
    }
}

const UNPOISONED: &str = "loom's mutexes are not poisoned";

/// Holds the lock except during a wait.
pub(crate) struct MutexGuard<'a, T> {
    value: &'a UnsafeCell<T>,
    held: Option<loom::sync::MutexGuard<'static, ()>>,
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this holds the lock, for a wait borrows the guard mutably.
        unsafe { &*self.value.get() }
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and the guard is borrowed mutably.
        unsafe { &mut *self.value.get() }
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
        let held = guard.held.take().expect("no wait is under way");
        guard.held = Some(self.0.wait(held).expect(UNPOISONED));
    }

    pub(crate) fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, _deadline: Instant) -> NotTimedOut {
        self.wait(guard);
        NotTimedOut
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// What models use beside the primitives themselves.
#[cfg(test)]
pub(crate) mod model {
    use std::sync::{Arc, Mutex, PoisonError};

    use loom::cell::UnsafeCell;
    pub(crate) use loom::thread::spawn;

    use super::{Count, EXECUTION, Ordering};

    /// One model at a time: they share what is static.
    static ALONE: Mutex<()> = Mutex::new(());

    /// Runs a model in all executions, and says how many they are.
    pub(crate) fn check(name: &str, model: impl Fn() + Send + Sync + 'static) {
        explore(name, None, model);
    }

    /// As [`check`], in all executions with so many preemptions at most.
    pub(crate) fn check_within(preemptions: usize, name: &str, model: impl Fn() + Send + Sync + 'static) {
        explore(name, Some(preemptions), model);
    }

    #[allow(clippy::print_stdout, reason = "read by the test that runs the models")]
    fn explore(name: &str, preemptions: Option<usize>, model: impl Fn() + Send + Sync + 'static) {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let executions = Arc::new(Count::new(0));
        let counted = Arc::clone(&executions);
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = preemptions;
        builder.max_permutations = None;
        builder.max_duration = None;
        builder.check(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            EXECUTION.fetch_add(1, Ordering::Relaxed);
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
