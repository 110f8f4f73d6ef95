//! Two threads are stuck, and the rest of the program goes on.
//!
//! A writer and a compactor deadlock over two locks, while the main thread serves its requests and ends as if nothing were
//! wrong: no watchdog that waits for the whole program to stand still sees this. In the fixed form both take their locks
//! in one order.
//!
//! origin: rust-lang/miri#3425 (a deadlock of some of the threads), told with a store and its compactor

use gordian::Named;
use gordian::sync::{Arc, Mutex};
use gordian::thread;
use gordian::unobserved::Barrier;

struct Store {
    table: Mutex<Vec<u32>>,
    journal: Mutex<Vec<u32>>,
}

impl Store {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            table: Mutex::new(Vec::new()).named("table"),
            journal: Mutex::new(vec![1, 2, 3]).named("journal"),
        })
    }

    fn write(&self, number: u32, ready: impl Fn()) {
        let mut table = self.table.lock().unwrap(); //~ lock-order-cycle
        ready();
        self.journal.lock().unwrap().push(number); //~ lock-order-cycle
        table.push(number);
    }

    fn compact(&self, ready: impl Fn()) {
        let mut journal = self.journal.lock().unwrap(); //~ lock-order-cycle
        ready();
        self.table.lock().unwrap().append(&mut journal); //~ lock-order-cycle
    }

    fn compact_fixed(&self) {
        let mut table = self.table.lock().unwrap();
        table.append(&mut self.journal.lock().unwrap());
    }
}

fn serve() -> u32 {
    (1..=100).sum()
}

pub fn buggy() {
    let store = Store::new();
    let overlap = Arc::new(Barrier::new(3));
    let writer = thread::Builder::new().name("writer".to_owned());
    let writing = writer.spawn({
        let (store, overlap) = (Arc::clone(&store), Arc::clone(&overlap));
        move || store.write(4, || { overlap.wait(); })
    });
    let compactor = thread::Builder::new().name("compactor".to_owned());
    let compacting = compactor.spawn({
        let (store, overlap) = (Arc::clone(&store), Arc::clone(&overlap));
        move || store.compact(|| { overlap.wait(); })
    });
    overlap.wait();
    assert_eq!(serve(), 5050);
    // Both are left to themselves.
    drop((writing.unwrap(), compacting.unwrap()));
}

pub fn fixed() {
    let store = Store::new();
    let writer = thread::spawn({
        let store = Arc::clone(&store);
        move || store.write(4, || ())
    });
    let compactor = thread::spawn({
        let store = Arc::clone(&store);
        move || store.compact_fixed()
    });
    assert_eq!(serve(), 5050);
    writer.join().unwrap();
    compactor.join().unwrap();
}
