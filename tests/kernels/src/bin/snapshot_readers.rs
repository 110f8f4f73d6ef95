//! A writer waits, with its lock, for readers that need the lock to finish.
//!
//! origin: rust-analyzer 9b7284dca7 "Fix deadlock in recreate_crate_graph <-> file_line_index"

use kernels::Steps;
use std::sync::{Arc, Condvar, Mutex, RwLock};
use std::thread;

#[derive(Default)]
struct Host {
    files: RwLock<Vec<String>>,
    snapshots: Mutex<usize>,
    changed: Condvar,
}

impl Host {
    fn apply_change(&self) {
        let mut snapshots = self.snapshots.lock().unwrap();
        while *snapshots > 0 {
            snapshots = self.changed.wait(snapshots).unwrap(); //~ wait-cycle
        }
    }

    fn query(&self, started: impl Fn()) -> usize {
        *self.snapshots.lock().unwrap() += 1;
        started();
        let files = self.files.read().unwrap().len(); //~ wait-cycle
        *self.snapshots.lock().unwrap() -= 1;
        self.changed.notify_all();
        files
    }
}

fn buggy() {
    let host = Arc::new(Host::default());
    let steps = Arc::new(Steps::new());
    let querying = thread::spawn({
        let (host, steps) = (Arc::clone(&host), Arc::clone(&steps));
        move || host.query(|| steps.meet(2))
    });
    let mut files = host.files.write().unwrap(); //~ wait-cycle
    steps.meet(2);
    files.push("main.rs".to_owned());
    host.apply_change();
    drop(files);
    querying.join().unwrap();
}

fn fixed() {
    let host = Arc::new(Host::default());
    let querying = thread::spawn({
        let host = Arc::clone(&host);
        move || host.query(|| ())
    });
    host.files.write().unwrap().push("main.rs".to_owned());
    host.apply_change();
    querying.join().unwrap();
}

fn main() {
    kernels::choose(buggy, fixed);
}
