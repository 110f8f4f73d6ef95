//! tracing-mutex over std, with the tracing that its release builds leave out by default.

use std::sync::MutexGuard;

use rows::Peer;
use tracing_mutex::stdsync::tracing::{self, Mutex};

struct Tracing;

impl Peer for Tracing {
    type Mutex = Mutex<u64>;
    type Guard<'a> = tracing::MutexGuard<'a, u64>;

    fn mutex(value: u64) -> Self::Mutex {
        Mutex::new(value)
    }

    #[inline(always)]
    fn lock(mutex: &Self::Mutex) -> Self::Guard<'_> {
        mutex.lock().unwrap()
    }
}

fn main() {
    rows::main::<Tracing>();
}
