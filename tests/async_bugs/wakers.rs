//! Wakers: the one that is needed is not the one that is kept.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use gordian::finding::Kind;
use gordian::sync::Mutex;
use gordian::tokio::runtime::Builder;
use gordian::tokio::select;
use gordian::tokio::task::{self, yield_now};
use gordian::tokio::time::sleep;

use super::{SECOND, finds, kinds_of, silent};

/// A flag, and one waker for who waits for it.
#[derive(Default)]
struct Event {
    state: Mutex<(bool, Option<Waker>)>,
}

impl Event {
    fn give(&self) {
        let waker = {
            let mut state = self.state.lock().unwrap();
            state.0 = true;
            state.1.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// The wait for it. `latest`: it keeps the waker that it was polled with last.
    fn wait(self: &Arc<Self>, latest: bool) -> Wait {
        Wait { event: Arc::clone(self), latest }
    }
}

struct Wait {
    event: Arc<Event>,
    latest: bool,
}

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.event.state.lock().unwrap();
        if state.0 {
            return Poll::Ready(());
        }
        if self.latest || state.1.is_none() {
            state.1 = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

/// Matthias247/futures-intrusive#18: a future that moves on to another task goes on waking the first one.
#[test]
fn only_the_first_waker_is_kept() {
    async fn program(latest: bool) {
        let event = Arc::<Event>::default();
        let mut wait = Box::pin(event.wait(latest));
        let first = task::spawn(async move {
            select! {
                biased;
                () = &mut wait => {}
                () = yield_now() => {}
            }
            Some(wait)
        });
        let second = task::spawn(first.await.unwrap().unwrap());
        yield_now().await;
        event.give();
        second.await.unwrap();
    }
    finds(Kind::LostWakeup, || program(false));
    silent(|| program(true));
}

/// Gelbpunkt/tokio-websockets#106: the writer's waker takes the place of the reader's.
#[test]
fn one_place_for_the_wakers_of_two_tasks() {
    async fn program(places: usize) {
        let events = [Arc::<Event>::default(), Arc::default()];
        let [reads, writes] = [0, places - 1].map(|place| Arc::clone(&events[place]));
        let (reader, writer) = (task::spawn(reads.wait(true)), task::spawn(writes.wait(true)));
        yield_now().await;
        events.iter().for_each(|event| event.give());
        writer.await.unwrap();
        reader.await.unwrap();
    }
    finds(Kind::LostWakeup, || program(1));
    silent(|| program(2));
    let on_workers = || Builder::new_multi_thread().worker_threads(2).build().unwrap();
    assert!(kinds_of(move || on_workers().block_on(program(2))).is_empty());
}

/// The same, and the waker is dropped long after the poll, by who clears the list.
#[test]
fn a_list_of_wakers_that_is_cleared() {
    async fn program(wake: bool) {
        let event = Arc::<Event>::default();
        let waiting = task::spawn(event.wait(true));
        sleep(SECOND).await;
        if wake {
            event.give();
        } else {
            let mut state = event.state.lock().unwrap();
            *state = (true, None);
        }
        waiting.await.unwrap();
    }
    finds(Kind::LostWakeup, || program(false));
    silent(|| program(true));
}

/// embassy-rs/embassy#3807: what is cleared makes room, and nobody is told.
#[test]
fn who_waits_with_no_waker_left_is_aborted() {
    silent(|| async {
        let event = Arc::<Event>::default();
        let waiting = task::spawn(event.wait(true));
        yield_now().await;
        event.state.lock().unwrap().1 = None;
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
    });
}

/// tokio-rs/tokio#5429, #5578: wakers are called, or dropped, under the lock that their own code takes.
#[test]
fn wakers_called_under_a_lock() {
    struct Counts(Arc<Mutex<Vec<Waker>>>);
    impl Wake for Counts {
        fn wake(self: Arc<Self>) {
            self.0.lock().unwrap().clear();
        }
    }
    fn program(take_out: bool) {
        let waiting = Arc::<Mutex<Vec<Waker>>>::default();
        let waker = Waker::from(Arc::new(Counts(Arc::clone(&waiting))));
        waiting.lock().unwrap().push(waker);
        if take_out {
            let wakers = std::mem::take(&mut *waiting.lock().unwrap());
            wakers.into_iter().for_each(Waker::wake);
        } else {
            waiting.lock().unwrap().iter().for_each(Waker::wake_by_ref);
        }
    }
    assert_eq!(kinds_of(|| program(false)), [Kind::SelfDeadlock].into());
    assert!(kinds_of(|| program(true)).is_empty());
}

/// tokio-rs/tokio#2046: a scheduler drops its tasks under its lock, and one of them wakes another.
#[test]
fn tasks_dropped_under_the_lock_of_their_scheduler() {
    #[derive(Default)]
    struct Scheduler {
        tasks: Mutex<Vec<Box<dyn Send>>>,
        queue: Mutex<Vec<usize>>,
    }
    struct Wakes(Arc<Scheduler>);
    impl Drop for Wakes {
        fn drop(&mut self) {
            let tasks = self.0.tasks.lock().unwrap();
            self.0.queue.lock().unwrap().push(tasks.len());
        }
    }
    fn program(take_out: bool) {
        let scheduler = Arc::<Scheduler>::default();
        let wakes = Wakes(Arc::clone(&scheduler));
        scheduler.tasks.lock().unwrap().push(Box::new(wakes));
        if take_out {
            let tasks = std::mem::take(&mut *scheduler.tasks.lock().unwrap());
            drop(tasks);
        } else {
            scheduler.tasks.lock().unwrap().clear();
        }
    }
    assert_eq!(kinds_of(|| program(false)), [Kind::SelfDeadlock].into());
    assert!(kinds_of(|| program(true)).is_empty());
}
