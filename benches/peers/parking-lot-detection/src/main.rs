//! parking_lot with `deadlock_detection`: it finds knots that exist, when asked.

use parking_lot::{Mutex, MutexGuard};
use rows::Peer;

struct Detecting;

impl Peer for Detecting {
    type Mutex = Mutex<u64>;
    type Guard<'a> = MutexGuard<'a, u64>;

    fn mutex(value: u64) -> Self::Mutex {
        Mutex::new(value)
    }

    #[inline(always)]
    fn lock(mutex: &Self::Mutex) -> Self::Guard<'_> {
        mutex.lock()
    }
}

fn main() {
    rows::main::<Detecting>();
}
