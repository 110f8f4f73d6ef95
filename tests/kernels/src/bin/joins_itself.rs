//! The last owner of a thread's handle is the thread itself.
//!
//! origin: openethereum/parity-ethereum 1f39a1bd76 "Fixed AuthorityRound deadlock on shutdown, closes #8088"

use std::sync::mpsc::{channel, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

#[derive(Default)]
struct Engine {
    io: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(io) = self.io.get_mut().unwrap().take() {
            io.join().unwrap(); //~ self-deadlock
        }
    }
}

struct Handed {
    engine: Option<Arc<Engine>>,
    sealed: Sender<()>,
}

fn engine(step: impl FnOnce(Handed) + Send + 'static) {
    let engine = Arc::new(Engine::default());
    let (give, given) = channel::<Handed>();
    let (sealed, done) = channel();
    let io = thread::spawn(move || step(given.recv().unwrap()));
    *engine.io.lock().unwrap() = Some(io);
    give.send(Handed { engine: Some(Arc::clone(&engine)), sealed }).unwrap();
    drop(engine);
    done.recv().unwrap();
}

/// Waits until the only owner left is this one, which is what a bad day looks like.
fn step(mut handed: Handed) {
    let engine = handed.engine.take().unwrap();
    while Arc::strong_count(&engine) > 1 {
        thread::yield_now();
    }
    drop(engine);
    handed.sealed.send(()).unwrap();
}

fn step_detached(mut handed: Handed) {
    let engine = handed.engine.take().unwrap();
    drop(engine.io.lock().unwrap().take());
    drop(engine);
    handed.sealed.send(()).unwrap();
}

fn main() {
    kernels::choose(|| engine(step), || engine(step_detached));
}
