//! parking_lot as it is: what every ratio is taken to.

use parking_lot::{Mutex, MutexGuard};
use rows::Peer;

struct Bare;

impl Peer for Bare {
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
    rows::main::<Bare>();
}
