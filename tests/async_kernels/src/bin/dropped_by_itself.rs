//! What owns the runtime is dropped by a task of the runtime, and waits for its own thread.
//!
//! origin: n0-computer/iroh-blobs#252

use tokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).build().unwrap() //~ self-deadlock
}

fn program(dispose: fn(Runtime)) {
    let runtime = runtime();
    let handle = runtime.handle().clone();
    let (done, over) = std::sync::mpsc::channel();
    handle.spawn(async move {
        dispose(runtime);
        done.send(()).unwrap();
    });
    over.recv().unwrap();
}

fn main() {
    async_kernels::choose(
        || program(|runtime| tokio::task::block_in_place(|| drop(runtime))),
        || program(Runtime::shutdown_background),
    );
}
