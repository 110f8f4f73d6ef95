//! A future that waits for an answer, and tells nobody whom to wake, on an executor of another crate.
//!
//! The executor parks the thread that called it, in its own source: the only place of ours is the call.

use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc::{channel, Sender};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

#[derive(Default)]
struct Slot {
    answer: Option<u32>,
    waker: Option<Waker>,
}

struct Answer {
    slot: Arc<Mutex<Slot>>,
    ask: Option<Sender<()>>,
    keeps: bool,
}

impl Future for Answer {
    type Output = u32;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<u32> {
        let ask = self.ask.take();
        let this = &*self;
        let mut slot = this.slot.lock().unwrap();
        if let Some(answer) = slot.answer.take() {
            return Poll::Ready(answer);
        }
        if this.keeps {
            slot.waker = Some(context.waker().clone());
        }
        drop(slot);
        if let Some(ask) = ask {
            ask.send(()).unwrap();
        }
        Poll::Pending
    }
}

fn program(keeps: bool) {
    let slot = Arc::new(Mutex::new(Slot::default()));
    let (ask, asked) = channel();
    let oracle = thread::spawn({
        let slot = Arc::clone(&slot);
        move || {
            asked.recv().unwrap();
            let mut slot = slot.lock().unwrap();
            slot.answer = Some(42);
            if let Some(waker) = slot.waker.take() {
                waker.wake();
            }
        }
    });
    let answer = futures_executor::block_on(Answer { slot, ask: Some(ask), keeps }); //~ lost-wakeup
    oracle.join().unwrap();
    assert_eq!(answer, 42);
}

fn main() {
    async_kernels::choose(|| program(false), || program(true));
}
