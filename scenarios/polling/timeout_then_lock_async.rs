//! A future that stands in the queue of a lock is no longer polled, and its task takes the same lock.
//!
//! Another task holds the lock for a while. This one polls the work, which queues for the lock, until its patience ends;
//! `select!` on `&mut work` leaves the work alive. Then it wants the lock itself, to note that. When the lock is free it is
//! handed to the first in the queue, which is the work, and nobody polls the work. The fixed form gives `select!` the work
//! itself, so that it is dropped and leaves the queue.
//!
//! becomes: a futurelock. A thread in the queue of a lock runs by itself when its turn comes; a future needs its task to
//! poll it, and its task stands behind it in the queue.
//!
//! origin: oxidecomputer/omicron#9259

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use gordian::Named;
use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::Mutex;
use gordian::tokio::time::sleep;
use gordian::tokio::{select, task};

type State = Arc<Mutex<Vec<&'static str>>>;

/// Holds the lock for ten seconds.
fn other(state: &State) -> task::JoinHandle<()> {
    let state = Arc::clone(state);
    task::spawn(async move {
        let mut state = state.lock().await;
        sleep(Duration::from_secs(10)).await;
        state.push("other");
    })
}

async fn work(state: State) {
    state.lock().await.push("worked"); //~ futurelock
}

pub fn buggy() {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
        let state = Arc::new(Mutex::new(Vec::new()).named("state"));
        let other = other(&state);
        task::yield_now().await;
        let mut working = pin!(work(Arc::clone(&state)));
        select! {
            () = &mut working => {}
            () = sleep(Duration::from_secs(1)) => {
                state.lock().await.push("took too long"); //~ futurelock
            }
        }
        other.await.unwrap();
    });
}

pub fn fixed() {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
        let state = Arc::new(Mutex::new(Vec::new()).named("state"));
        let other = other(&state);
        task::yield_now().await;
        select! {
            () = work(Arc::clone(&state)) => {}
            () = sleep(Duration::from_secs(1)) => {
                state.lock().await.push("took too long");
            }
        }
        other.await.unwrap();
    });
}
