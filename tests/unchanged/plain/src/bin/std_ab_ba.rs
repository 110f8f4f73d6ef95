//! Two locks of std in both orders.

use std::thread;

fn main() {
    let (a, b) = plain::two();
    let (c, d) = (a.clone(), b.clone());
    thread::spawn(move || {
        let _a = c.lock().unwrap();
        let _b = d.lock().unwrap();
    });
    plain::outlast(&a);
    let second = thread::spawn(move || {
        let _b = b.lock().unwrap();
        let _a = a.lock().unwrap();
    });
    second.join().unwrap();
}
