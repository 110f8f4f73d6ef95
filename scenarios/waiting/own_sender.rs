//! A thread receives until all senders are gone, and has one itself.
//!
//! Each worker gets a clone of the sender; the original stays in scope. The loop over the receiver ends when no sender is
//! left, and this one goes away only after the loop. The fixed form drops it first.
//!
//! origin: rust-lang/rust#72662

use gordian::Named;
use gordian::sync::mpsc;
use gordian::thread;

pub fn buggy() {
    let (sender, results) = mpsc::channel();
    results.set_name("results");
    let workers: Vec<_> = (0..3)
        .map(|part: u32| {
            let sender = sender.clone();
            thread::spawn(move || sender.send(part * part).unwrap())
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    let total: u32 = results.iter().sum(); //~ wait-cycle
    assert_eq!(total, 5);
}

pub fn fixed() {
    let (sender, results) = mpsc::channel();
    for part in 0..3 {
        let sender = sender.clone();
        thread::spawn(move || sender.send(part * part).unwrap());
    }
    drop(sender);
    let total: u32 = results.iter().sum();
    assert_eq!(total, 5);
}
