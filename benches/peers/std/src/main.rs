//! std's mutex; and for the rows of cells and atomics, a plain cell (mode `plain`) or a relaxed atomic (mode `atomic`).

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use rows::{Peer, Slot};

struct Std;

impl Peer for Std {
    type Mutex = Mutex<u64>;
    type Guard<'a> = MutexGuard<'a, u64>;

    fn mutex(value: u64) -> Self::Mutex {
        Mutex::new(value)
    }

    #[inline(always)]
    fn lock(mutex: &Self::Mutex) -> Self::Guard<'_> {
        mutex.lock().unwrap()
    }
}

/// Memory that nothing guards.
struct Plain(UnsafeCell<u64>);

// SAFETY: the rows write a plain cell in one thread only, and while no other one reads.
unsafe impl Sync for Plain {}

impl Slot for Plain {
    fn slot(value: u64) -> Self {
        Self(UnsafeCell::new(value))
    }

    #[inline(always)]
    fn read(&self) -> u64 {
        // SAFETY: no one writes meanwhile, as said above.
        unsafe { *self.0.get() }
    }

    #[inline(always)]
    fn write(&self, value: u64) {
        // SAFETY: no one else is here meanwhile, as said above.
        unsafe { *self.0.get() = value }
    }

    #[inline(always)]
    fn add(&self, value: u64) {
        self.write(self.read().wrapping_add(value));
    }
}

struct Atomic(AtomicU64);

impl Slot for Atomic {
    fn slot(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }

    #[inline(always)]
    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn write(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    #[inline(always)]
    fn add(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }
}

fn main() {
    match rows::mode().as_deref() {
        Some("plain") => rows::main_of_slots::<Std, Plain>(),
        Some("atomic") => rows::main_of_slots::<Std, Atomic>(),
        _ => rows::main::<Std>(),
    }
}
