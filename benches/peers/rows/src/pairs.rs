//! Very many locks, and very many orders between them.

use std::fs;
use std::hint::black_box;
use std::mem;
use std::time::{Duration, Instant};

use crate::Peer;
use crate::measure::measure_dense;

/// Orders for each lock.
const DEGREE: usize = 10;

/// A pass ends here even if pairs are left: some peers take minutes for them.
const CAP: Duration = Duration::from_secs(4);

/// Takes every one of `10 × locks` distinct pairs of locks in order, twice: first the pairs are new, then they are known.
/// Metrics: `new` and `known` in nanoseconds a pair, `MB` that memory grew by at most during the first pass, and
/// `done` pairs in a thousand before time was up; what is `dense` beside nine of ten parts of it.
pub(crate) fn run<P: Peer>(locks: u64) -> Vec<(&'static str, f64)> {
    let pairs = pairs(usize::try_from(locks).expect("locks fit into memory"));
    let locks: Vec<_> = (0..locks).map(P::mutex).collect();
    let before = resident("VmRSS");
    // Makes the high-water mark that of this pass; where that is forbidden, the mark includes the list's own making.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let mut dense = Vec::new();
    let (new, done) = pass::<P>(&locks, &pairs, &mut dense);
    let growth = resident("VmHWM") - before;
    let (known, _) = pass::<P>(&locks, &pairs[..done], &mut dense);
    // Of both passes all counts, also what is done once in a while: so it is the whole process that counts or not.
    dense.sort_by(f64::total_cmp);
    let dense = dense[dense.len() * 9 / 10];
    // (To take them down would cost more than all this, and is not asked.)
    mem::forget(locks);
    let share = 1000.0 * done as f64 / pairs.len() as f64;
    vec![("new", new), ("known", known), ("MB", growth), ("done", share), ("dense", dense)]
}

fn pass<P: Peer>(locks: &[P::Mutex], pairs: &[(u32, u32)], dense: &mut Vec<f64>) -> (f64, usize) {
    let (mut time, mut done) = (Duration::ZERO, 0);
    for part in pairs.chunks(256) {
        let start = Instant::now();
        for &(first, second) in part {
            let _outer = P::lock(black_box(&locks[first as usize]));
            *P::lock(black_box(&locks[second as usize])) += 1;
        }
        time += start.elapsed();
        dense.push(measure_dense());
        done += part.len();
        if time > CAP {
            break;
        }
    }
    (time.as_nanos() as f64 / done as f64, done)
}

/// Distinct random pairs `(a, b)` with `a < b < locks`, in random order: the same on every run.
fn pairs(locks: usize) -> Vec<(u32, u32)> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut pairs = Vec::with_capacity(locks * DEGREE * 2);
    while pairs.len() < locks * DEGREE {
        for _ in pairs.len()..locks * DEGREE {
            let (a, b) = (random.below(locks), random.below(locks));
            if a != b {
                pairs.push((a.min(b), a.max(b)));
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
    }
    for place in (1..pairs.len()).rev() {
        pairs.swap(place, random.below(place + 1) as usize);
    }
    pairs
}

/// xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled" (2016).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) * limit as u64;
        (high >> 32) as u32
    }
}

/// A line of `/proc/self/status` in megabytes; not a number where there is no such file.
fn resident(line: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let value = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
    let kib = value.and_then(|value| value.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib * 1024.0 / 1e6)
}
