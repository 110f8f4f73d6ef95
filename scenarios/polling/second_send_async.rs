//! A send that waits for room is no longer polled, and its task sends a second message after it.
//!
//! The channel is full. The task waits for room to send its reading until its patience ends; `select!` on `&mut first` leaves
//! that send alive, first in the queue for room. Then the task sends an alarm, which queues behind it. The next room is
//! given to the first send, and nobody polls it. The fixed form gives `select!` the send itself, so that it is dropped and
//! leaves the queue.
//!
//! becomes: an unpolled future. A thread that waits for room takes it when it comes; a future takes it when its task polls
//! it, and its task waits behind it.
//!
//! origin: oxidecomputer/omicron#9272

use std::pin::pin;
use std::time::Duration;

use gordian::Named;
use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::mpsc::{self, Sender};
use gordian::tokio::time::sleep;
use gordian::tokio::{select, task};

const PATIENCE: Duration = Duration::from_secs(1);

/// A full channel whose receiver begins after ten seconds.
fn readings() -> (Sender<u32>, task::JoinHandle<u32>) {
    let (readings, mut received) = mpsc::channel(1);
    received.set_name("readings");
    readings.try_send(0).unwrap();
    let receiver = task::spawn(async move {
        sleep(10 * PATIENCE).await;
        let mut sum = 0;
        while let Some(reading) = received.recv().await { //~ unpolled-future
            sum += reading;
        }
        sum
    });
    (readings, receiver)
}

pub fn buggy() {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
        let (readings, receiver) = readings();
        let mut first = pin!(readings.send(1)); //~ unpolled-future
        select! {
            sent = &mut first => sent.unwrap(),
            () = sleep(PATIENCE) => readings.send(2).await.unwrap(), //~ unpolled-future
        }
        drop(receiver);
    });
}

pub fn fixed() {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
        let (readings, receiver) = readings();
        select! {
            sent = readings.send(1) => sent.unwrap(),
            () = sleep(PATIENCE) => readings.send(2).await.unwrap(),
        }
        drop(readings);
        assert_eq!(receiver.await.unwrap(), 2);
    });
}
