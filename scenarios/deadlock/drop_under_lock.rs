//! A destructor takes the lock under which it runs.
//!
//! Clearing the table drops its entries, and an entry, when it is dropped, takes the table's lock to count itself out. The
//! second acquisition is in no function that anybody calls. In the fixed form the entries leave the table under the lock
//! and are dropped after it.
//!
//! origin: tokio-rs/tokio#1886 (dropping the scheduler drops an mpsc receiver, which takes the scheduler's mutex)

use gordian::Named;
use gordian::sync::{Arc, Mutex, Weak};

#[derive(Default)]
struct Table {
    entries: Vec<Entry>,
    dropped: usize,
}

struct Entry {
    table: Weak<Mutex<Table>>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(table) = self.table.upgrade() {
            table.lock().unwrap().dropped += 1; //~ self-deadlock
        }
    }
}

fn table() -> Arc<Mutex<Table>> {
    let table = Arc::new(Mutex::new(Table::default()).named("table"));
    let entry = Entry { table: Arc::downgrade(&table) };
    table.lock().unwrap().entries.push(entry);
    table
}

pub fn buggy() {
    let table = table();
    let mut contents = table.lock().unwrap(); //~ self-deadlock
    contents.entries.clear();
}

pub fn fixed() {
    let table = table();
    let entries = std::mem::take(&mut table.lock().unwrap().entries);
    drop(entries);
    assert_eq!(table.lock().unwrap().dropped, 1);
}
