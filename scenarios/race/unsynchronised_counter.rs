//! Two threads count with one variable and without a lock.
//!
//! The counter is behind a raw pointer that an `unsafe impl Sync` lets through. Adding is a read and a write, so of two
//! threads that add at once, one may be lost; and in Rust it is undefined behaviour to begin with. The fixed form counts
//! with an atomic.
//!
//! origin: RUSTSEC-2019-0018 (renderdoc: `Sync` for a type that is not)

use gordian::sync::atomic::{AtomicU32, Ordering};
use gordian::{Named, Shared, thread};

pub fn buggy() {
    let frames = Shared::new(0_u32).named("frames");
    thread::scope(|scope| {
        scope.spawn(|| frames.update(|frames| frames + 1)); //~ data-race
        scope.spawn(|| frames.update(|frames| frames + 1)); //~ data-race
    });
}

pub fn fixed() {
    let frames = AtomicU32::new(0);
    thread::scope(|scope| {
        scope.spawn(|| frames.fetch_add(1, Ordering::Relaxed));
        scope.spawn(|| frames.fetch_add(1, Ordering::Relaxed));
    });
    assert_eq!(frames.into_inner(), 2);
}
