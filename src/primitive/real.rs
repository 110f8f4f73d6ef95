//! The primitives of a program.

pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, fence};
pub(crate) use std::sync::mpsc::{SyncSender, sync_channel};

pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};

/// A size in a program, and in a model.
pub(crate) const fn size(real: usize, _modelled: usize) -> usize {
    real
}

/// Lets others run, in the `rounds`th round of a wait that is short.
pub(crate) fn pause(rounds: &mut u32) {
    const LOOKS: u32 = 64;
    if *rounds < LOOKS {
        *rounds += 1;
        std::hint::spin_loop();
    } else {
        std::thread::yield_now();
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
