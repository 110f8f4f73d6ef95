//! A worker drops the last reference to its owner, whose destructor joins the worker.
//!
//! The engine owns a thread and joins it when it is dropped. The thread borrows the engine for a step, by upgrading a weak
//! reference. The others let go of theirs in that time, so the worker's is the last, and the worker runs the destructor
//! and joins itself. In the fixed form the worker shares only the state that it needs.
//!
//! origin: openethereum/parity-ethereum 1f39a1bd76 "Fixed AuthorityRound deadlock on shutdown, closes #8088 (#8803)"

use gordian::sync::atomic::{AtomicU32, Ordering};
use gordian::sync::{Arc, Mutex, Weak};
use gordian::thread::{self, JoinHandle};
use gordian::unobserved::Barrier;

#[derive(Default)]
struct Engine {
    steps: Arc<AtomicU32>,
    worker: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Engine {
    fn drop(&mut self) {
        let worker = self.worker.lock().unwrap().take();
        if let Some(worker) = worker {
            worker.join().unwrap(); //~ self-deadlock
        }
    }
}

pub fn buggy() {
    let engine = Arc::new(Engine::default());
    let overlap = Arc::new(Barrier::new(2));
    let worker = thread::Builder::new().name("step".to_owned());
    let worker = worker.spawn({
        let (engine, overlap): (Weak<Engine>, _) = (Arc::downgrade(&engine), Arc::clone(&overlap));
        move || {
            if let Some(engine) = engine.upgrade() {
                engine.steps.fetch_add(1, Ordering::Relaxed);
                overlap.wait();
                overlap.wait();
            }
        }
    });
    *engine.worker.lock().unwrap() = Some(worker.unwrap());
    overlap.wait();
    drop(engine);
    overlap.wait();
}

pub fn fixed() {
    let engine = Arc::new(Engine::default());
    let worker = thread::spawn({
        let steps = Arc::clone(&engine.steps);
        move || {
            steps.fetch_add(1, Ordering::Relaxed);
        }
    });
    *engine.worker.lock().unwrap() = Some(worker);
    let steps = Arc::clone(&engine.steps);
    drop(engine);
    assert_eq!(steps.load(Ordering::Relaxed), 1);
}
