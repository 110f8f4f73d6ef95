//! An async lock is taken and released in the same statement.
//!
//! `let _ = …` binds nothing: the guard is dropped at once, and what comes after it is not guarded, although it reads as if
//! it were. The fixed form gives the guard a name.
//!
//! becomes: the same. For std's mutex the compiler has a lint against it; for a guard or a permit that comes out of an
//! await it has none.
//!
//! origin: tokio-rs/tokio#6050 (an example in the documentation had `let _ = semaphore.acquire().await`)

use std::sync::Arc;

use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::Mutex;
use gordian::tokio::task;
use gordian::{Named, Shared};

struct Journal {
    lock: Mutex<()>,
    lines: Shared<u32>,
}

impl Journal {
    fn new() -> Arc<Self> {
        Arc::new(Self { lock: Mutex::new(()).named("journal"), lines: Shared::new(0).named("lines") })
    }

    async fn write(self: Arc<Self>) {
        let _ = self.lock.lock().await;
        self.lines.with_mut(|lines| *lines += 1); //~ data-race
    }

    async fn write_fixed(self: Arc<Self>) {
        let _held = self.lock.lock().await;
        self.lines.with_mut(|lines| *lines += 1);
    }
}

pub fn buggy() {
    Builder::new_multi_thread().worker_threads(2).build().unwrap().block_on(async {
        let journal = Journal::new();
        let (one, two) = (task::spawn(journal.clone().write()), task::spawn(journal.write()));
        one.await.unwrap();
        two.await.unwrap();
    });
}

pub fn fixed() {
    Builder::new_multi_thread().worker_threads(2).build().unwrap().block_on(async {
        let journal = Journal::new();
        let (one, two) = (task::spawn(journal.clone().write_fixed()), task::spawn(journal.write_fixed()));
        one.await.unwrap();
        two.await.unwrap();
    });
}
