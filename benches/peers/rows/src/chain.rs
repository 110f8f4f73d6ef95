//! One very long order.

use std::time::Instant;

use crate::Peer;

/// Takes `locks` locks hand over hand, each before the one in front of it is released; then one more lock, and below it the
/// first of the chain: whoever searches from there has to walk all of it. In a thread with an ordinary stack.
/// Metrics: `ns` a lock, and `last`, the milliseconds that the last pair took.
pub(crate) fn run<P: Peer>(locks: u64) -> Vec<(&'static str, f64)> {
    P::spawn(move || {
        let outer = P::mutex(0);
        let chain: Vec<_> = (0..locks).map(P::mutex).collect();
        let start = Instant::now();
        let mut held = P::lock(&chain[0]);
        for lock in &chain[1..] {
            let next = P::lock(lock);
            drop(held);
            held = next;
        }
        drop(held);
        let time = start.elapsed().as_nanos() as f64 / locks as f64;
        let start = Instant::now();
        let _outer = P::lock(&outer);
        *P::lock(&chain[0]) += 1;
        vec![("ns", time), ("last", start.elapsed().as_secs_f64() * 1e3)]
    })()
}
