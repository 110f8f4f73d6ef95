//! Five tasks each hold the left fork and wait for the right one.
//!
//! Every philosopher takes the fork on the left, thinks, and takes the fork on the right. On a runtime with one thread they
//! do it in turn, and that is enough: after one round each has a left fork. In the fixed form the last one begins with the
//! right fork.
//!
//! becomes: the same circle of five, on one thread.
//!
//! origin: E. W. Dijkstra, Hierarchical ordering of sequential processes (EWD310), 1971

use std::sync::Arc;

use gordian::Named;
use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::Mutex;
use gordian::tokio::task;

const SEATS: usize = 5;

type Fork = Arc<Mutex<u32>>;

fn forks() -> Vec<Fork> {
    (0..SEATS).map(|seat| Arc::new(Mutex::new(0).named(&format!("fork {seat}")))).collect()
}

async fn dine(first: Fork, second: Fork) {
    let mut uses_first = first.lock().await; //~ lock-order-cycle
    think().await;
    let mut uses_second = second.lock().await; //~ lock-order-cycle
    *uses_first += 1;
    *uses_second += 1;
}

/// Goes on when the other philosophers have had their turn.
async fn think() {
    task::yield_now().await;
}

pub fn buggy() {
    serve(|left, right, _| (left, right));
}

pub fn fixed() {
    serve(|left, right, seat| if seat + 1 == SEATS { (right, left) } else { (left, right) });
}

fn serve(order: fn(Fork, Fork, usize) -> (Fork, Fork)) {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let forks = forks();
        let philosopher = |seat: usize| {
            let (left, right) = (Arc::clone(&forks[seat]), Arc::clone(&forks[(seat + 1) % SEATS]));
            let (first, second) = order(left, right, seat);
            task::spawn(dine(first, second))
        };
        let table: Vec<_> = (0..SEATS).map(philosopher).collect();
        for dined in table {
            dined.await.unwrap();
        }
    });
}
