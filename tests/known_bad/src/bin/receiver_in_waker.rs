//! The broadcast channel replaces a waiter's waker under its lock; a waker that owns a receiver of the channel takes the
//! lock again when it is dropped there.
//!
//! origin: tokio-rs/tokio#5429 and #5578, in tokio up to 1.27
//! seen: self-deadlock observed tokio-1.13.0/src/loom/std/mutex.rs:17 tokio-1.13.0/src/sync/broadcast.rs:725

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use tokio::sync::broadcast::{self, Receiver};

struct Owner(#[allow(dead_code)] Receiver<u32>);

impl Wake for Owner {
    fn wake(self: Arc<Self>) {}
}

fn main() {
    let (sender, mut receiver) = broadcast::channel(1);
    let mut next = pin!(receiver.recv());
    let owner = Waker::from(Arc::new(Owner(sender.subscribe())));
    assert!(next.as_mut().poll(&mut Context::from_waker(&owner)).is_pending());
    drop(owner);
    assert!(next.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
}
