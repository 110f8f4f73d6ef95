//! The primitives of a program.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, fence};
pub(crate) use std::sync::mpsc::{SyncSender, sync_channel};

pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};

/// A size in a program, and in a model.
pub(crate) const fn size(real: usize, _modelled: usize) -> usize {
    real
}

/// What stands in these words.
///
/// # Safety
///
/// Nobody stores there as long as the result lives, and all that was stored happened before this.
#[inline]
pub(crate) unsafe fn values(words: &[AtomicU64]) -> &[u64] {
    // SAFETY: an atomic word is laid out as the word itself; the rest by the caller's promise.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), words.len()) }
}

/// Between two looks, the `rounds`th and the next, of who waits for a few steps of another thread.
pub(crate) fn pause(rounds: &mut u32) {
    // Looks before others are let run, and before the thread sleeps: one of more weight may keep from running whoever is
    // waited for.
    const LOOKS: u32 = 64;
    const YIELDS: u32 = 1_000;
    *rounds = rounds.saturating_add(1);
    match *rounds {
        0..LOOKS => std::hint::spin_loop(),
        LOOKS..YIELDS => std::thread::yield_now(),
        _ => std::thread::sleep(std::time::Duration::from_micros(50)),
    }
}

/// What models use beside the primitives themselves.
#[cfg(test)]
pub(crate) mod model {
    pub(crate) use std::thread::spawn;

    use parking_lot::Mutex;

    /// Runs a model: here once, in a thread of its own.
    pub(crate) fn check(name: &str, model: impl Fn() + Send + Sync + 'static) {
        assert!(spawn(model).join().is_ok(), "{name}");
    }

    /// As [`check`].
    pub(crate) fn check_within(_preemptions: usize, name: &str, model: impl Fn() + Send + Sync + 'static) {
        check(name, model);
    }

    /// Memory without synchronisation: only a model can tell whether its accesses race.
    pub(crate) struct Plain<T>(Mutex<T>);

    impl<T: Copy> Plain<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(Mutex::new(value))
        }

        pub(crate) fn get(&self) -> T {
            *self.0.lock()
        }

        pub(crate) fn set(&self, value: T) {
            *self.0.lock() = value;
        }
    }
}
