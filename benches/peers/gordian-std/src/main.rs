//! gordian over std. Modes: `order` (lock order and waits), `races` (everything live), `record=FILE` (everything, and
//! every event written to the file); and for the rows of cells and atomics, `shared` and `atomic`.

use gordian::sync::atomic::{AtomicU64, Ordering};
use gordian::sync::{Mutex, MutexGuard};
use gordian::{Config, Shared, thread};
use rows::{Peer, Slot};

struct OverStd;

impl Peer for OverStd {
    type Mutex = Mutex<u64>;
    type Guard<'a> = MutexGuard<'a, u64>;

    #[track_caller]
    fn mutex(value: u64) -> Self::Mutex {
        Mutex::new(value)
    }

    #[inline(always)]
    #[track_caller]
    fn lock(mutex: &Self::Mutex) -> Self::Guard<'_> {
        mutex.lock().unwrap()
    }

    fn spawn<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> impl FnOnce() -> R {
        let handle = thread::spawn(work);
        || handle.join().expect("a measuring thread panicked")
    }
}

struct Checked(Shared<u64>);

impl Slot for Checked {
    #[track_caller]
    fn slot(value: u64) -> Self {
        Self(Shared::new(value))
    }

    #[inline(always)]
    #[track_caller]
    fn read(&self) -> u64 {
        self.0.get()
    }

    #[inline(always)]
    #[track_caller]
    fn write(&self, value: u64) {
        self.0.set(value);
    }

    #[inline(always)]
    #[track_caller]
    fn add(&self, value: u64) {
        self.0.update(|old| old.wrapping_add(value));
    }
}

struct Atomic(AtomicU64);

impl Slot for Atomic {
    fn slot(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }

    #[inline(always)]
    #[track_caller]
    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    #[inline(always)]
    #[track_caller]
    fn write(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    #[inline(always)]
    #[track_caller]
    fn add(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }
}

fn main() {
    let mode = rows::mode().unwrap_or_else(|| "races".to_owned());
    let record = mode.strip_prefix("record=").map(Into::into);
    gordian::start(Config { races: mode != "order", record, ..Config::default() }).expect("nothing was watched before");
    match mode.as_str() {
        "shared" => rows::main_of_slots::<OverStd, Checked>(),
        "atomic" => rows::main_of_slots::<OverStd, Atomic>(),
        _ => rows::main::<OverStd>(),
    }
}
