//! Messages that are lost with the future that took them, and those that are not.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use gordian::finding::Kind;
use gordian::tokio::sync::Mutex;
use gordian::tokio::sync::mpsc::{self, Receiver, Sender};
use gordian::tokio::time::{interval, sleep, timeout};
use gordian::tokio::{select, task};

use super::{SECOND, finds, silent};

/// One item every three seconds, the first at once.
fn items(count: u32) -> Receiver<u32> {
    let (sender, items) = mpsc::channel(1);
    task::spawn(async move {
        for item in 0..count {
            let _ = sender.send(item).await;
            sleep(3 * SECOND).await;
        }
    });
    items
}

async fn frame(items: &mut Receiver<u32>) -> Option<(u32, u32)> {
    let head = items.recv().await?;
    let body = items.recv().await?;
    Some((head, body))
}

async fn next(items: &mut Receiver<u32>) -> Option<u32> {
    let item = items.recv().await;
    item.map(|item| item + 1)
}

/// The story `barbara_gets_burned_by_select` of wg-async: half a frame is lost with each tick.
#[test]
fn half_a_frame_is_dropped() {
    async fn program(keep: bool) {
        let mut items = items(4);
        if keep {
            let mut frame = pin!(frame(&mut items));
            loop {
                select! {
                    _ = &mut frame => break,
                    () = sleep(SECOND) => {}
                }
            }
        } else {
            loop {
                select! {
                    frame = frame(&mut items) => if frame.is_none() { break },
                    () = sleep(SECOND) => {}
                }
            }
        }
    }
    finds(Kind::CancelledCriticalSection, || program(false));
    silent(|| program(true));
}

/// The same, on the way from one channel to another.
#[test]
fn a_message_dropped_on_its_way() {
    async fn forward(from: &mut Receiver<u32>, to: &Sender<u32>) -> Option<()> {
        let item = from.recv().await?;
        to.send(item).await.ok()
    }
    async fn forward_to_reserved(from: &mut Receiver<u32>, to: &Sender<u32>) -> Option<()> {
        let room = to.reserve().await.ok()?;
        room.send(from.recv().await?);
        Some(())
    }
    async fn program(reserve: bool) {
        let (mut items, (to, mut slow)) = (items(6), mpsc::channel(1));
        let sink = task::spawn(async move {
            while slow.recv().await.is_some() {
                sleep(20 * SECOND).await;
            }
        });
        loop {
            let forwarding = async {
                match reserve {
                    true => forward_to_reserved(&mut items, &to).await,
                    false => forward(&mut items, &to).await,
                }
            };
            if timeout(SECOND, forwarding).await == Ok(None) {
                break;
            }
        }
        drop(to);
        sink.await.unwrap();
    }
    finds(Kind::CancelledCriticalSection, || program(false));
    silent(|| program(true));
}

/// The same, on the way into what a lock guards, which somebody else keeps for long.
#[test]
fn a_message_dropped_where_it_waits_for_a_lock() {
    async fn add(items: &mut Receiver<u32>, sum: &Mutex<u32>) -> Option<()> {
        let item = items.recv().await?;
        *sum.lock().await += item;
        Some(())
    }
    async fn lock_and_add(items: &mut Receiver<u32>, sum: &Mutex<u32>) -> Option<()> {
        let mut sum = sum.lock().await;
        *sum += items.recv().await?;
        Some(())
    }
    async fn program(lock_first: bool) {
        let (mut items, sum) = (items(6), Arc::new(Mutex::new(0)));
        let reader = task::spawn({
            let sum = Arc::clone(&sum);
            async move {
                let _sum = sum.lock().await;
                sleep(8 * SECOND).await;
            }
        });
        loop {
            let adding = async {
                match lock_first {
                    true => lock_and_add(&mut items, &sum).await,
                    false => add(&mut items, &sum).await,
                }
            };
            if timeout(SECOND, adding).await == Ok(None) {
                break;
            }
        }
        reader.await.unwrap();
    }
    finds(Kind::CancelledCriticalSection, || program(false));
    silent(|| program(true));
}

/// What is gathered in one place may be kept elsewhere: nobody can tell, and nothing is said.
#[test]
fn a_batch_gathered_outside() {
    silent(|| async {
        let (mut items, mut gathered) = (items(4), Vec::new());
        let gathering = async {
            while let Some(item) = items.recv().await {
                gathered.push(item);
            }
        };
        assert!(timeout(4 * SECOND, gathering).await.is_err());
        while let Some(item) = items.recv().await {
            gathered.push(item);
        }
        assert_eq!(gathered, [0, 1, 2, 3]);
    });
}

/// A future that takes one message and is done with it loses nothing when it is dropped before the next one.
#[test]
fn futures_dropped_between_messages() {
    silent(|| async {
        let mut items = items(4);
        loop {
            select! {
                item = next(&mut items) => if item.is_none() { break },
                () = sleep(SECOND) => {}
            }
        }
    });
    silent(|| async {
        let mut items = items(4);
        while timeout(SECOND, next(&mut items)).await != Ok(None) {}
    });
    // The limit lies outside, and goes on being the same.
    silent(|| async {
        let mut items = items(4);
        let mut flush = pin!(sleep(2 * SECOND));
        loop {
            select! {
                item = next(&mut items) => if item.is_none() { break },
                () = &mut flush => flush.as_mut().reset(gordian::tokio::time::Instant::now() + 2 * SECOND),
            }
        }
    });
    silent(|| async {
        let (mut items, mut ticks) = (items(4), interval(SECOND));
        loop {
            select! {
                item = next(&mut items) => if item.is_none() { break },
                _ = ticks.tick() => {}
            }
        }
    });
    silent(|| async {
        let mut items = items(4);
        let all = async { while timeout(SECOND, next(&mut items)).await != Ok(None) {} };
        assert!(timeout(4 * SECOND, all).await.is_err());
        while next(&mut items).await.is_some() {}
    });
    silent(|| async {
        let mut items = items(4);
        while timeout(SECOND, frame_of_two(&mut items)).await.is_err() {}
        async fn frame_of_two(items: &mut Receiver<u32>) {
            let first = items.recv().await;
            assert!(items.try_recv().is_err(), "{first:?}");
        }
    });
}

/// A worker that is stopped in the middle: nobody takes anything after it.
#[test]
fn a_worker_that_is_stopped() {
    async fn work(items: &mut Receiver<u32>, to: Sender<u32>) {
        while let Some(item) = items.recv().await {
            sleep(Duration::from_secs(u64::from(item))).await;
            to.send(item).await.unwrap();
        }
    }
    silent(|| async {
        let (mut items, (to, mut results)) = (items(9), mpsc::channel(9));
        select! {
            () = work(&mut items, to) => {}
            () = sleep(10 * SECOND) => {}
        }
        while results.recv().await.is_some() {}
    });
}

/// Workers that share one receiver wait for its messages through the lock, and are stopped there: nothing is half done.
#[test]
fn workers_that_share_a_receiver_and_are_stopped() {
    async fn program(counts: bool) {
        let (sender, items) = mpsc::channel::<u32>(1);
        let queue = Arc::new(Mutex::new((0, items)));
        let worker = task::spawn(async move {
            loop {
                let mut queue = queue.lock().await;
                if counts {
                    queue.0 += 1;
                }
                let Some(_) = queue.1.recv().await else { return };
                queue.0 = 0;
            }
        });
        task::yield_now().await;
        worker.abort();
        assert!(worker.await.is_err());
        drop(sender);
    }
    finds(Kind::CancelledCriticalSection, || program(true));
    silent(|| program(false));
}

/// The same in one expression, whose lines are those of the original's style.
#[test]
#[rustfmt::skip]
fn workers_that_take_messages_out_of_a_locked_receiver_and_are_stopped() {
    silent(async || {
        let (sender, items) = mpsc::channel::<u32>(1);
        let the_receiver_of_all = Arc::new(Mutex::new(items));
        let worker = task::spawn(async move {
            while let Some(item) = the_receiver_of_all
                .lock()
                .await
                .recv()
                .await
            {
                assert_eq!(item, 1);
            }
        });
        sender.send(1).await.unwrap();
        task::yield_now().await;
        worker.abort();
        assert!(worker.await.is_err());
    });
}
