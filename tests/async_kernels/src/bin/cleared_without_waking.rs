//! A queue is cleared, which makes room, and the sender who waits for room is not told.
//!
//! origin: embassy-rs/embassy#3807

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

#[derive(Default)]
struct Queue {
    state: Mutex<(VecDeque<u32>, Vec<Waker>)>,
}

impl Queue {
    async fn send(&self, item: u32) {
        poll_fn(|cx| {
            let mut state = self.state.lock().unwrap();
            if state.0.len() < 2 {
                state.0.push_back(item);
                return Poll::Ready(());
            }
            state.1.push(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    fn clear(&self) {
        self.state.lock().unwrap().0.clear();
    }

    fn clear_and_wake(&self) {
        let mut state = self.state.lock().unwrap();
        state.0.clear();
        state.1.drain(..).for_each(Waker::wake);
    }
}

async fn program(clear: fn(&Queue)) {
    let queue = Arc::<Queue>::default();
    let sender = tokio::spawn({ //~ lost-wakeup
        let queue = Arc::clone(&queue);
        async move {
            for item in 0..3 {
                queue.send(item).await;
            }
        }
    });
    tokio::task::yield_now().await;
    clear(&queue);
    sender.await.unwrap(); //~ lost-wakeup
}

fn main() {
    async_kernels::choose(
        || async_kernels::one_thread(program(Queue::clear)),
        || async_kernels::one_thread(program(Queue::clear_and_wake)),
    );
}
