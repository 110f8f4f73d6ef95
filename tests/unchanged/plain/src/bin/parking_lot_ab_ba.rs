//! Two locks of parking_lot in both orders.

use std::sync::Arc;
use std::thread;

use parking_lot::{Mutex, RwLock};

fn main() {
    let (a, b) = (Arc::new(Mutex::new(1)), Arc::new(RwLock::new(2)));
    let (c, d) = (a.clone(), b.clone());
    thread::spawn(move || {
        let _a = c.lock();
        let _b = d.write();
    });
    plain::outlast(&a);
    let second = thread::spawn(move || {
        let _b = b.write();
        let _a = a.lock();
    });
    second.join().unwrap();
}
