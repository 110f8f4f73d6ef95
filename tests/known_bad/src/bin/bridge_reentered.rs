//! `par_bridge` holds its iterator's lock in `next`; a `next` that uses rayon itself may steal a part of the same bridge,
//! which tries the lock that its own thread holds, for ever.
//!
//! origin: rayon-rs/rayon#690 and #997, in rayon up to 1.6.0
//! not seen: a thread tries a lock of its own without end, if it happens at all; nothing ever blocks

use rayon::iter::{IntoParallelIterator, ParallelBridge, ParallelIterator};
use std::iter::once_with;

fn main() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
    let pairs = (0..50_000_u32).into_par_iter().flat_map(|i| once_with(move || rayon::join(|| i, || i)).par_bridge());
    assert_eq!(pool.install(|| pairs.count()), 50_000);
}
