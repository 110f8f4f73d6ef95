//! Memory shared without a lock.

use std::hint::black_box;

use crate::measure::{Time, alone, both};
use crate::{Peer, Slot};

/// Cells that are swept: few enough for the first-level cache.
const SLOTS: u64 = 256;

/// Nanoseconds for one access; `None` when there is no such row.
pub(crate) fn run<P: Peer, S: Slot>(row: &str, iterations: u64) -> Option<f64> {
    let slots: Vec<S> = (0..SLOTS).map(S::slot).collect();
    let sweeps = iterations.div_ceil(SLOTS);
    let time = match row {
        "shared-read" | "atomic-read" => alone(sweeps, || read(&slots)),
        "shared-write" | "atomic-write" => alone(sweeps, || write(&slots)),
        // A lock in front of every sweep: each access is the first of its kind since a synchronisation.
        "shared-epoch" => {
            let lock = P::mutex(0);
            alone(sweeps, || {
                *P::lock(black_box(&lock)) += 1;
                write(&slots);
            })
        }
        "atomic-add" => alone(sweeps, || add(&slots)),
        "shared-read-2" | "atomic-read-2" => {
            both::<P>(sweeps, Time::PerThread, move |_, turns| (0..turns).for_each(|_| read(&slots)))
        }
        _ => return None,
    };
    Some(time / SLOTS as f64)
}

fn read<S: Slot>(slots: &[S]) {
    for slot in slots {
        black_box(black_box(slot).read());
    }
}

fn add<S: Slot>(slots: &[S]) {
    for slot in slots {
        black_box(slot).add(1);
    }
}

fn write<S: Slot>(slots: &[S]) {
    for (slot, value) in slots.iter().zip(0..) {
        black_box(slot).write(value);
    }
}
