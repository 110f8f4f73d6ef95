//! Two locks are taken in both orders, and the threads block.
//!
//! Two transfers in opposite directions each lock the account that they take from, and then want the one that they give
//! to. Here they do overlap: each holds what the other one waits for. The fixed form keeps both orders, but a third lock,
//! the gate, lets only one transfer at a time into the place where the orders matter.
//!
//! origin: xacrimon/dashmap#369 (two shards of one map locked in both orders), told with two accounts

use gordian::Named;
use gordian::sync::Mutex;
use gordian::thread;
use gordian::unobserved::Barrier;

pub fn buggy() {
    let alice = Mutex::new(100).named("alice");
    let bob = Mutex::new(100).named("bob");
    let overlap = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut from = alice.lock().unwrap(); //~ lock-order-cycle
            overlap.wait();
            let mut to = bob.lock().unwrap(); //~ lock-order-cycle
            *from -= 10;
            *to += 10;
        });
        scope.spawn(|| {
            let mut from = bob.lock().unwrap(); //~ lock-order-cycle
            overlap.wait();
            let mut to = alice.lock().unwrap(); //~ lock-order-cycle
            *from -= 20;
            *to += 20;
        });
    });
}

pub fn fixed() {
    let gate = Mutex::new(()).named("gate");
    let alice = Mutex::new(100).named("alice");
    let bob = Mutex::new(100).named("bob");
    thread::scope(|scope| {
        scope.spawn(|| {
            let _gate = gate.lock().unwrap();
            let mut from = alice.lock().unwrap();
            let mut to = bob.lock().unwrap();
            *from -= 10;
            *to += 10;
        });
        scope.spawn(|| {
            let _gate = gate.lock().unwrap();
            let mut from = bob.lock().unwrap();
            let mut to = alice.lock().unwrap();
            *from -= 20;
            *to += 20;
        });
    });
}
