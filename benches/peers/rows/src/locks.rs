//! Locking and unlocking.

use std::array;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Peer;
use crate::measure::{Padded, Time, alone, both, wait_a_little};

/// Locks handed over at once in the row `alternate-64`.
const HANDED: usize = 64;

/// Nanoseconds for one turn of the row's loop; `None` when there is no such row.
pub(crate) fn run<P: Peer>(row: &str, iterations: u64) -> Option<f64> {
    Some(match row {
        "lock-1" => uncontended::<P, One>(iterations),
        "lock-2" => uncontended::<P, Two>(iterations),
        "lock-4" => uncontended::<P, Four>(iterations),
        "own-1" => own::<P, One>(iterations),
        "own-2" => own::<P, Two>(iterations),
        "own-4" => own::<P, Four>(iterations),
        "contended" => contended::<P>(iterations),
        "alternate" => alternate::<P, 1>(iterations),
        "alternate-64" => alternate::<P, HANDED>(iterations),
        "create" => create::<P>(iterations),
        _ => return None,
    })
}

type Locks<P> = [<P as Peer>::Mutex; 4];

fn locks<P: Peer>() -> Locks<P> {
    array::from_fn(|_| P::mutex(0))
}

/// Locks taken one below the other. A trait and no closures, so that it is inlined in every variant: a call, and what it
/// saves on the stack, would be measured in one and not in the other.
trait Nest: 'static {
    fn turn<P: Peer>(locks: &Locks<P>);
}

struct One;
struct Two;
struct Four;

impl Nest for One {
    #[inline(always)]
    fn turn<P: Peer>(locks: &Locks<P>) {
        *P::lock(&locks[0]) += 1;
    }
}

impl Nest for Two {
    #[inline(always)]
    fn turn<P: Peer>(locks: &Locks<P>) {
        let _a = P::lock(&locks[0]);
        *P::lock(&locks[1]) += 1;
    }
}

impl Nest for Four {
    #[inline(always)]
    fn turn<P: Peer>(locks: &Locks<P>) {
        let _a = P::lock(&locks[0]);
        let _b = P::lock(&locks[1]);
        let _c = P::lock(&locks[2]);
        *P::lock(&locks[3]) += 1;
    }
}

fn uncontended<P: Peer, N: Nest>(iterations: u64) -> f64 {
    let locks = Padded(locks::<P>());
    alone(iterations, || N::turn::<P>(black_box(&locks.0)))
}

fn own<P: Peer, N: Nest>(iterations: u64) -> f64 {
    let locks = [Padded(locks::<P>()), Padded(locks::<P>())];
    both::<P>(iterations, Time::PerThread, move |thread, turns| {
        let locks = &locks[thread as usize].0;
        for _ in 0..turns {
            N::turn::<P>(black_box(locks));
        }
    })
}

fn contended<P: Peer>(iterations: u64) -> f64 {
    let locks = Padded(locks::<P>());
    both::<P>(iterations, Time::Together, move |_, turns| {
        for _ in 0..turns {
            One::turn::<P>(black_box(&locks.0));
        }
    })
}

/// Two threads in turns, each taking all of `N` locks one after the other: none is ever taken by the thread that released
/// it last, and none is ever waited for. The turn is a plain atomic that no variant sees.
fn alternate<P: Peer, const N: usize>(iterations: u64) -> f64 {
    let locks: [_; N] = array::from_fn(|_| Padded(P::mutex(0)));
    let turn = Padded(AtomicU64::new(0));
    let rounds = |turns: u64| turns.div_ceil(N as u64);
    both::<P>(iterations, Time::Together, move |thread, turns| {
        for _ in 0..rounds(turns) {
            let mut spins = 0;
            while turn.0.load(Ordering::Acquire) != thread {
                wait_a_little(&mut spins);
            }
            for lock in &locks {
                *P::lock(black_box(&lock.0)) += 1;
            }
            turn.0.store(1 - thread, Ordering::Release);
        }
    })
}

/// A lock made, taken once and dropped, below one that lives long.
fn create<P: Peer>(iterations: u64) -> f64 {
    let outer = P::mutex(0);
    let _held = P::lock(&outer);
    alone(iterations, || {
        let inner = P::mutex(0);
        *P::lock(black_box(&inner)) += 1;
    })
}
