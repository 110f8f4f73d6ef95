//! A lock is taken and released in the same statement.
//!
//! `let _ = …` binds nothing: the guard is dropped at once, and what comes after it is not guarded, although it reads as if
//! it were. The fixed form gives the guard a name.
//!
//! origin: tokio-rs/tokio#6050 (an example in the documentation had `let _ = semaphore.acquire().await`), told with threads

use gordian::sync::Mutex;
use gordian::{Named, Shared, thread};

struct Journal {
    lock: Mutex<()>,
    lines: Shared<u32>,
}

impl Journal {
    fn new() -> Self {
        Self { lock: Mutex::new(()).named("journal"), lines: Shared::new(0).named("lines") }
    }

    fn write(&self) {
        let _ = self.lock.lock().unwrap();
        self.lines.with_mut(|lines| *lines += 1); //~ data-race
    }

    fn write_fixed(&self) {
        let _held = self.lock.lock().unwrap();
        self.lines.with_mut(|lines| *lines += 1);
    }
}

pub fn buggy() {
    run(Journal::write);
}

pub fn fixed() {
    run(Journal::write_fixed);
}

fn run(write: fn(&Journal)) {
    let journal = Journal::new();
    thread::scope(|scope| {
        scope.spawn(|| write(&journal));
        scope.spawn(|| write(&journal));
    });
}
