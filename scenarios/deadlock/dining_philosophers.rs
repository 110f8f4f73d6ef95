//! Five philosophers each take the left fork, then the right one; this run is lucky.
//!
//! No two of them contradict each other, but all five together close a circle: once each has a left fork, nobody gets a
//! right one. In this run they happen to eat one after the other, so all get both; but nothing makes that so. In the fixed
//! form the last one begins with the right fork, which breaks the circle.
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

/// Eats with two forks, taken in this order.
fn dine(first: &Fork, second: &Fork) {
    let mut uses_first = first.lock().unwrap(); //~ lock-order-cycle
    let mut uses_second = second.lock().unwrap(); //~ lock-order-cycle
    *uses_first += 1;
    *uses_second += 1;
}

fn philosopher(seat: usize) -> thread::Builder {
    thread::Builder::new().name(format!("philosopher {seat}"))
}

pub fn buggy() {
    serve(|left, right, _| (left, right));
}

pub fn fixed() {
    serve(|left, right, seat| if seat + 1 == SEATS { (right, left) } else { (left, right) });
}

fn serve(order: fn(Fork, Fork, usize) -> (Fork, Fork)) {
    let forks = forks();
    let luck = Arc::new(Barrier::new(SEATS));
    let table: Vec<_> = (0..SEATS)
        .map(|seat| {
            let (left, right) = (Arc::clone(&forks[seat]), Arc::clone(&forks[(seat + 1) % SEATS]));
            let ((first, second), luck) = (order(left, right, seat), Arc::clone(&luck));
            let dines = move || {
                for turn in 0..SEATS {
                    if turn == seat {
                        dine(&first, &second);
                    }
                    luck.wait();
                }
            };
            philosopher(seat).spawn(dines).unwrap()
        })
        .collect();
    table.into_iter().for_each(|philosopher| philosopher.join().unwrap());
}
