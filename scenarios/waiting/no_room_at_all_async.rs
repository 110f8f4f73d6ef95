//! A buffer of futures gets as much room as there are items known, and there are none.
//!
//! The buffer takes a future out of its source when it has room, and is pending when it has none and nothing is running.
//! With room for none it is pending at once: nobody has its waker, and nobody will ever poll it again. The fixed form makes
//! room for one at least.
//!
//! becomes: a lost wake-up that is certain at once. A thread that waits at least waits for something; a future that
//! returns pending and has left its waker with no one waits for nothing.
//!
//! origin: rust-lang/futures-rs#2876, #2939 and #2348 (`buffer_unordered(0)`)

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll};

use gordian::tokio::runtime::Builder;
use gordian::tokio::task::{self, JoinSet};

/// Runs the futures of a source, as many at a time as there is room for.
struct Buffer<F> {
    source: VecDeque<F>,
    running: JoinSet<u32>,
    room: usize,
}

impl<F: Future<Output = u32> + Send + 'static> Buffer<F> {
    fn new(source: impl IntoIterator<Item = F>, room: usize) -> Self {
        Self { source: source.into_iter().collect(), running: JoinSet::new(), room }
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<u32>> {
        while self.running.len() < self.room
            && let Some(next) = self.source.pop_front()
        {
            self.running.spawn(next);
        }
        match self.running.poll_join_next(context) {
            Poll::Ready(Some(done)) => Poll::Ready(Some(done.unwrap())),
            Poll::Ready(None) if self.source.is_empty() => Poll::Ready(None),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

async fn fetch(item: u32) -> u32 {
    task::yield_now().await;
    item
}

async fn collect(room: usize) -> u32 {
    let mut buffer = Buffer::new([fetch(3), fetch(4)], room);
    let mut sum = 0;
    while let Some(item) = poll_fn(|context| buffer.poll_next(context)).await {
        sum += item;
    }
    sum
}

pub fn buggy() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let known: [u32; 0] = [];
        let collecting = task::spawn(collect(known.len())); //~ lost-wakeup
        assert_eq!(collecting.await.unwrap(), 7); //~ lost-wakeup
    });
}

pub fn fixed() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let known: [u32; 0] = [];
        let collecting = task::spawn(collect(known.len().max(1)));
        assert_eq!(collecting.await.unwrap(), 7);
    });
}
