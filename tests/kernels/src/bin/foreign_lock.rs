//! A lock of the program and a lock of the interpreter it embeds, taken in both orders.
//!
//! origin: PyO3/pyo3#973 (a Rust mutex against the interpreter's lock)

use std::sync::{Arc, Mutex};
use std::thread;

static INTERPRETER: parking_lot::Mutex<()> = parking_lot::Mutex::new(());

fn call_back(cache: &Mutex<Vec<u32>>) {
    let _attached = INTERPRETER.lock(); //~ lock-order-cycle
    cache.lock().unwrap().push(1); //~ lock-order-cycle
}

fn evaluate(cache: &Mutex<Vec<u32>>) -> usize {
    let cache = cache.lock().unwrap(); //~ lock-order-cycle
    let _attached = INTERPRETER.lock(); //~ lock-order-cycle
    cache.len()
}

fn evaluate_detached(cache: &Mutex<Vec<u32>>) -> usize {
    let _attached = INTERPRETER.lock();
    cache.lock().unwrap().len()
}

fn run(evaluate: fn(&Mutex<Vec<u32>>) -> usize) {
    let cache = Arc::new(Mutex::new(Vec::new()));
    let (one, other) = (Arc::clone(&cache), Arc::clone(&cache));
    let (send, called_back) = std::sync::mpsc::channel();
    let calling = thread::spawn(move || {
        call_back(&one);
        send.send(()).unwrap();
    });
    let evaluating = thread::spawn(move || {
        called_back.recv().unwrap();
        evaluate(&other)
    });
    calling.join().unwrap();
    assert_eq!(evaluating.join().unwrap(), 1);
}

fn main() {
    kernels::choose(|| run(evaluate), || run(evaluate_detached));
}
