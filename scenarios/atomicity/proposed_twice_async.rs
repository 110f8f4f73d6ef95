//! A flag that says "only once" is looked at, and set after an await.
//!
//! A validator looks whether a block has been proposed, awaits a signature, and sets the flag. While the first one awaits,
//! the second looks, and both sign. The fixed form looks and sets in one step.
//!
//! becomes: the same, on one thread. There is no race for the flag in a runtime with a single thread, and it is not needed:
//! the await between the look and the write lets the other one in every time.
//!
//! origin: majiayu000/litellm-rs#89 (a load, an await, a store), told with the flag of parity-ethereum 796482c129

use std::sync::Arc;

use gordian::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use gordian::tokio::runtime::Builder;
use gordian::tokio::task;

struct Engine {
    proposed: AtomicBool,
    seals: AtomicU32,
}

impl Engine {
    fn new() -> Arc<Self> {
        Arc::new(Self { proposed: AtomicBool::new(false), seals: AtomicU32::new(0) })
    }

    async fn seal(self: Arc<Self>) {
        let proposed = self.proposed.load(Ordering::SeqCst); //~ lost-update
        if !proposed {
            sign().await;
            self.seals.fetch_add(1, Ordering::SeqCst);
            self.proposed.store(true, Ordering::SeqCst); //~ lost-update
        }
    }

    async fn seal_fixed(self: Arc<Self>) {
        if !self.proposed.swap(true, Ordering::SeqCst) {
            sign().await;
            self.seals.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Goes on when the other tasks have had their turn.
async fn sign() {
    task::yield_now().await;
}

pub fn buggy() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let engine = Engine::new();
        let (first, second) = (task::spawn(engine.clone().seal()), task::spawn(engine.clone().seal()));
        first.await.unwrap();
        second.await.unwrap();
        assert_eq!(engine.seals.load(Ordering::SeqCst), 2);
    });
}

pub fn fixed() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let engine = Engine::new();
        let (first, second) = (task::spawn(engine.clone().seal_fixed()), task::spawn(engine.clone().seal_fixed()));
        first.await.unwrap();
        second.await.unwrap();
        assert_eq!(engine.seals.load(Ordering::SeqCst), 1);
    });
}
