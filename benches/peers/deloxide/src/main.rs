//! deloxide as it comes: waits only, no lock order.

use deloxide::{Deloxide, Mutex, MutexGuard, thread};
use rows::Peer;

struct Waits;

impl Peer for Waits {
    type Mutex = Mutex<u64>;
    type Guard<'a> = MutexGuard<'a, u64>;

    fn mutex(value: u64) -> Self::Mutex {
        Mutex::new(value)
    }

    #[inline(always)]
    fn lock(mutex: &Self::Mutex) -> Self::Guard<'_> {
        mutex.lock()
    }

    fn spawn<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> impl FnOnce() -> R {
        let handle = thread::spawn(work);
        || handle.join().expect("a measuring thread panicked")
    }
}

fn main() {
    Deloxide::new().start().expect("the detector starts once");
    rows::main::<Waits>();
}
