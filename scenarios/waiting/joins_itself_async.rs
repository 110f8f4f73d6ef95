//! A task drops the last reference to its own runtime.
//!
//! The store owns a runtime and shuts it down when it is dropped, in `block_in_place`, because a runtime must not be dropped
//! where blocking is forbidden. A task of that runtime has the last reference: the shutdown waits for all threads of the
//! runtime, and runs on one of them. In the fixed form the task shares only the state that it needs.
//!
//! becomes: the same. The worker that joins itself is a thread that nobody started by hand.
//!
//! origin: n0-computer/iroh-blobs#252

use std::sync::Arc;

use gordian::Named;
use gordian::sync::atomic::{AtomicU32, Ordering};
use gordian::sync::mpsc;
use gordian::tokio::runtime::{Builder, Runtime};
use gordian::tokio::task;

struct Store {
    steps: Arc<AtomicU32>,
    runtime: Option<Runtime>,
}

impl Store {
    fn new() -> Arc<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        Arc::new(Self { steps: Arc::new(AtomicU32::new(0)), runtime: Some(runtime) })
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("it is there until the end")
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let runtime = self.runtime.take();
        task::block_in_place(|| drop(runtime)); //~ wait-cycle
    }
}

pub fn buggy() {
    let store = Store::new();
    let (done, dones) = mpsc::channel();
    dones.set_name("done");
    let runtime = store.runtime().handle().clone();
    runtime.spawn(async move {
        store.steps.fetch_add(1, Ordering::Relaxed);
        drop(store);
        done.send(()).unwrap();
    });
    dones.recv().unwrap(); //~ wait-cycle
}

pub fn fixed() {
    let store = Store::new();
    let steps = Arc::clone(&store.steps);
    let task = store.runtime().spawn({
        let steps = Arc::clone(&steps);
        async move {
            steps.fetch_add(1, Ordering::Relaxed);
        }
    });
    store.runtime().block_on(task).unwrap();
    drop(store);
    assert_eq!(steps.load(Ordering::Relaxed), 1);
}
