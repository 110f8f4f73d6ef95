//! Two tasks count with one variable and without a lock.
//!
//! The counter is behind a raw pointer that an `unsafe impl Sync` lets through. The runtime has two threads, and nothing
//! orders the tasks: on which thread each is polled is chance. The fixed form counts with an atomic.
//!
//! becomes: the same. On a runtime with one thread it would not be a race, so that the tests of such a program, which run
//! on one thread, never show it.
//!
//! origin: RUSTSEC-2019-0018 (renderdoc: `Sync` for a type that is not), told with tasks

use std::sync::Arc;

use gordian::sync::atomic::{AtomicU32, Ordering};
use gordian::tokio::runtime::Builder;
use gordian::tokio::task;
use gordian::{Named, Shared};

pub fn buggy() {
    Builder::new_multi_thread().worker_threads(2).build().unwrap().block_on(async {
        let frames = Arc::new(Shared::new(0_u32).named("frames"));
        let (one, two) = (Arc::clone(&frames), Arc::clone(&frames));
        let one = task::spawn(async move { one.update(|frames| frames + 1) }); //~ data-race
        let two = task::spawn(async move { two.update(|frames| frames + 1) }); //~ data-race
        one.await.unwrap();
        two.await.unwrap();
    });
}

pub fn fixed() {
    Builder::new_multi_thread().worker_threads(2).build().unwrap().block_on(async {
        let frames = Arc::new(AtomicU32::new(0));
        let (one, two) = (Arc::clone(&frames), Arc::clone(&frames));
        let one = task::spawn(async move { one.fetch_add(1, Ordering::Relaxed) });
        let two = task::spawn(async move { two.fetch_add(1, Ordering::Relaxed) });
        one.await.unwrap();
        two.await.unwrap();
        assert_eq!(frames.load(Ordering::Relaxed), 2);
    });
}
