//! The watched value is borrowed while its next one is sent.
//!
//! origin: tokio#4360

use tokio::sync::watch;

fn buggy() {
    let (sender, receiver) = watch::channel(1);
    let value = receiver.borrow(); //~ self-deadlock
    sender.send(*value + 1).unwrap(); //~ self-deadlock
}

fn fixed() {
    let (sender, receiver) = watch::channel(1);
    let value = *receiver.borrow();
    sender.send(value + 1).unwrap();
    assert_eq!(*receiver.borrow(), 2);
}

fn main() {
    async_kernels::choose(buggy, fixed);
}
