//! A scheduler locks its queue and calls a helper that locks it again.
//!
//! origin: mofa-org/mofa#574

use tokio::sync::Mutex;

struct Scheduler {
    queue: Mutex<Vec<u32>>,
}

impl Scheduler {
    async fn next(&self) -> Option<u32> {
        self.queue.lock().await.pop() //~ self-deadlock
    }

    async fn buggy(&self) {
        let mut queue = self.queue.lock().await; //~ self-deadlock
        queue.push(1);
        assert_eq!(self.next().await, Some(1));
    }

    async fn fixed(&self) {
        self.queue.lock().await.push(1);
        assert_eq!(self.next().await, Some(1));
    }
}

fn main() {
    let buggy = || async_kernels::one_thread(Scheduler { queue: Mutex::default() }.buggy());
    let fixed = || async_kernels::one_thread(Scheduler { queue: Mutex::default() }.fixed());
    async_kernels::choose(buggy, fixed);
}
