//! A handler blocks the thread that polls it.
//!
//! All requests are tasks of one thread. One of them sleeps as a thread does, and the others, the timers and the sockets
//! wait until it wakes up. The fixed form awaits the runtime's sleep.
//!
//! becomes: a stalled runtime. What a thread may do as it likes, a task does at the cost of all others on its thread.
//!
//! origin: holochain/holochain-rust#2121 (a helper that panics when all threads of the executor are blocked)

use std::time::Duration;

use gordian::thread;
use gordian::tokio::runtime::Builder;
use gordian::tokio::task::JoinSet;
use gordian::tokio::time;

const BACKOFF: Duration = Duration::from_millis(1);

async fn handle(request: u32) -> u32 {
    if request == 0 {
        thread::sleep(BACKOFF); //~ blocking-in-async
    }
    request
}

async fn handle_fixed(request: u32) -> u32 {
    if request == 0 {
        time::sleep(BACKOFF).await;
    }
    request
}

async fn sum(mut requests: JoinSet<u32>) -> u32 {
    let mut sum = 0;
    while let Some(answer) = requests.join_next().await {
        sum += answer.unwrap();
    }
    sum
}

pub fn buggy() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let mut requests = JoinSet::new();
        for request in 0..3 {
            requests.spawn(handle(request));
        }
        assert_eq!(sum(requests).await, 3);
    });
}

pub fn fixed() {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
        let mut requests = JoinSet::new();
        for request in 0..3 {
            requests.spawn(handle_fixed(request));
        }
        assert_eq!(sum(requests).await, 3);
    });
}
