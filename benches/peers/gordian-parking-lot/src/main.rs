//! gordian over parking_lot. Modes: `order` (lock order and waits), `races` (everything live), `record=FILE` (everything, and
//! every event written to the file).

use gordian::parking_lot::{Mutex, MutexGuard};
use gordian::{Config, thread};
use rows::Peer;

struct OverParkingLot;

impl Peer for OverParkingLot {
    type Mutex = Mutex<u64>;
    type Guard<'a> = MutexGuard<'a, u64>;

    #[track_caller]
    fn mutex(value: u64) -> Self::Mutex {
        Mutex::new(value)
    }

    #[inline(always)]
    #[track_caller]
    fn lock(mutex: &Self::Mutex) -> Self::Guard<'_> {
        mutex.lock()
    }

    fn spawn<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> impl FnOnce() -> R {
        let handle = thread::spawn(work);
        || handle.join().expect("a measuring thread panicked")
    }
}

fn main() {
    let mode = rows::mode().unwrap_or_else(|| "races".to_owned());
    let record = mode.strip_prefix("record=").map(Into::into);
    gordian::start(Config { races: mode != "order", record, ..Config::default() }).expect("nothing was watched before");
    rows::main::<OverParkingLot>();
}
