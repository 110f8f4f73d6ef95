//! A result is waited for before the work that makes it has begun.
//!
//! The work is a closure that owns the sender. It is put aside to be run after the result has come: the receiver waits for
//! a message from a sender that only this very thread could use. The fixed form begins the work first.
//!
//! origin: the ownership rule of rust-lang/rust#72662 (a receiver whose thread has the last sender), told with a closure

use gordian::Named;
use gordian::sync::mpsc;
use gordian::thread;

pub fn buggy() {
    let (sender, results) = mpsc::channel();
    results.set_name("result");
    let work = move || sender.send(42).unwrap();
    let result: u32 = results.recv().unwrap(); //~ wait-cycle
    work();
    assert_eq!(result, 42);
}

pub fn fixed() {
    let (sender, results) = mpsc::channel();
    results.set_name("result");
    let work = thread::spawn(move || sender.send(42).unwrap());
    let result: u32 = results.recv().unwrap();
    work.join().unwrap();
    assert_eq!(result, 42);
}
