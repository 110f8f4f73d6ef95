//! Without std, unless asked for.
#![no_std]

#[cfg(feature = "std")]
extern crate std;

use core::sync::atomic::{AtomicUsize, Ordering, fence};

static COUNT: AtomicUsize = AtomicUsize::new(0);

pub fn count() -> &'static AtomicUsize {
    fence(Ordering::SeqCst);
    &COUNT
}

#[cfg(feature = "std")]
pub fn guarded(count: &std::sync::Mutex<usize>) -> usize {
    *count.lock().unwrap() + COUNT.load(Ordering::Relaxed)
}
