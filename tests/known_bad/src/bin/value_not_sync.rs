//! The broadcast channel clones its value for several receivers at once, though the value need not be `Sync`.
//!
//! origin: RUSTSEC-2025-0023, in tokio 0.2.5 to 1.44.1
//! not seen: plain memory (the value), counted wrong by chance

use known_bad::poll_to_end;
use std::cell::Cell;
use std::thread;
use tokio::sync::broadcast;

struct Copied(Cell<u32>);

impl Clone for Copied {
    fn clone(&self) -> Self {
        self.0.set(self.0.get() + 1);
        Self(self.0.clone())
    }
}

fn main() {
    const VALUES: usize = 10_000;
    let (sender, mut left) = broadcast::channel(VALUES);
    let mut right = sender.subscribe();
    for _ in 0..VALUES {
        assert!(sender.send(Copied(Cell::new(0))).is_ok());
    }
    thread::scope(|scope| {
        scope.spawn(|| (0..VALUES).for_each(|_| drop(poll_to_end(left.recv()))));
        (0..VALUES).for_each(|_| drop(poll_to_end(right.recv())));
    });
}
