//! What the tests share.

use std::sync::{Arc, Mutex};
use std::thread;

/// Two locks, the first of them taken first.
pub fn in_order((a, b): (Arc<Mutex<u32>>, Arc<Mutex<u32>>)) {
    let _a = a.lock().unwrap();
    let _b = b.lock().unwrap();
}

/// Both orders, on threads with these names.
pub fn in_both_orders(names: [&str; 2]) {
    let (a, b) = plain::two();
    let (c, d) = (a.clone(), b.clone());
    thread::Builder::new().name(names[0].to_owned()).spawn(move || in_order((a, b))).unwrap();
    plain::outlast(&c);
    let second = thread::Builder::new().name(names[1].to_owned()).spawn(move || in_order((d, c))).unwrap();
    second.join().unwrap();
}
