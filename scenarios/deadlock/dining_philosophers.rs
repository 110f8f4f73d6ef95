//! Five philosophers each hold the left fork and wait for the right one.
//!
//! Every philosopher takes the fork on the left, then the fork on the right. No two of them contradict each other, but all
//! five together close a circle: once each has a left fork, nobody gets a right one. In the fixed form the last one begins
//! with the right fork, which breaks the circle.
//!
//! origin: E. W. Dijkstra, Hierarchical ordering of sequential processes (EWD310), 1971

use gordian::Named;
use gordian::sync::{Arc, Mutex};
use gordian::thread;
use gordian::unobserved::Barrier;

const SEATS: usize = 5;

type Fork = Arc<Mutex<u32>>;

fn forks() -> Vec<Fork> {
    (0..SEATS).map(|seat| Arc::new(Mutex::new(0).named(&format!("fork {seat}")))).collect()
}

/// Eats with two forks, taken in this order; `ready` is called with the first one in the hand.
fn dine(first: &Fork, second: &Fork, ready: impl Fn()) {
    let mut uses_first = first.lock().unwrap(); //~ lock-order-cycle
    ready();
    let mut uses_second = second.lock().unwrap(); //~ lock-order-cycle
    *uses_first += 1;
    *uses_second += 1;
}

fn philosopher(seat: usize) -> thread::Builder {
    thread::Builder::new().name(format!("philosopher {seat}"))
}

pub fn buggy() {
    let forks = forks();
    let all_have_one = Arc::new(Barrier::new(SEATS));
    let table: Vec<_> = (0..SEATS)
        .map(|seat| {
            let (left, right) = (Arc::clone(&forks[seat]), Arc::clone(&forks[(seat + 1) % SEATS]));
            let all_have_one = Arc::clone(&all_have_one);
            philosopher(seat).spawn(move || dine(&left, &right, || { all_have_one.wait(); })).unwrap()
        })
        .collect();
    table.into_iter().for_each(|philosopher| philosopher.join().unwrap());
}

pub fn fixed() {
    let forks = forks();
    let table: Vec<_> = (0..SEATS)
        .map(|seat| {
            let (left, right) = (Arc::clone(&forks[seat]), Arc::clone(&forks[(seat + 1) % SEATS]));
            let (first, second) = if seat + 1 == SEATS { (right, left) } else { (left, right) };
            philosopher(seat).spawn(move || dine(&first, &second, || ())).unwrap()
        })
        .collect();
    table.into_iter().for_each(|philosopher| philosopher.join().unwrap());
}
