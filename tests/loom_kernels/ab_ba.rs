//! Two locks in both orders; fixed by one order, or by a third lock around both.

use super::{Arc, Mutex, thread};

type Locks = Arc<(Mutex<u32>, Mutex<u32>, Mutex<()>)>;

fn run(one: fn(&Locks), other: fn(&Locks)) {
    let locks = Locks::default();
    let mine = Arc::clone(&locks);
    let thread = thread::spawn(move || one(&mine));
    other(&locks);
    thread.join().unwrap();
    assert_eq!((*locks.0.lock().unwrap(), *locks.1.lock().unwrap()), (2, 2));
}

fn a_then_b(locks: &Locks) {
    let mut a = locks.0.lock().unwrap();
    *locks.1.lock().unwrap() += 1;
    *a += 1;
}

fn b_then_a(locks: &Locks) {
    let mut b = locks.1.lock().unwrap();
    *locks.0.lock().unwrap() += 1;
    *b += 1;
}

pub(crate) fn buggy() {
    run(a_then_b, b_then_a);
}

pub(crate) fn fixed() {
    run(a_then_b, a_then_b);
}

pub(crate) fn gated() {
    run(
        |locks| {
            let _gate = locks.2.lock().unwrap();
            a_then_b(locks);
        },
        |locks| {
            let _gate = locks.2.lock().unwrap();
            b_then_a(locks);
        },
    );
}
