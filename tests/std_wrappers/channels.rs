//! `mpsc`: the original's semantics.

use std::time::Duration;

use gordian::sync::mpsc::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError, channel, sync_channel};
use gordian::sync::{Arc, Mutex};
use gordian::{thread, unobserved};

#[test]
fn messages_come_in_order_from_each_sender() {
    let (tx, rx) = channel();
    thread::scope(|scope| {
        for sender in 0..3 {
            let tx = tx.clone();
            scope.spawn(move || (0..50).for_each(|number| tx.send((sender, number)).unwrap()));
        }
        drop(tx);
        let mut next = [0; 3];
        for (sender, number) in &rx {
            assert_eq!(number, next[sender]);
            next[sender] += 1;
        }
        assert_eq!(next, [50; 3]);
    });
    assert_eq!(rx.recv(), Err(RecvError));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn a_receiver_without_messages() {
    let (tx, rx) = channel::<i32>();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(rx.recv_timeout(Duration::from_millis(1)), Err(RecvTimeoutError::Timeout));
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    assert_eq!(rx.recv_timeout(Duration::MAX), Ok(1));
    drop(tx);
    assert_eq!(rx.recv(), Ok(2), "what was sent is received");
    assert_eq!(rx.recv_timeout(Duration::from_secs(1)), Err(RecvTimeoutError::Disconnected));
}

#[test]
fn a_sender_without_a_receiver() {
    let (tx, rx) = channel();
    drop(rx);
    assert_eq!(tx.send(1), Err(SendError(1)));
    let (tx, rx) = sync_channel(1);
    drop(rx);
    assert_eq!(tx.send(1), Err(SendError(1)));
    assert_eq!(tx.try_send(1), Err(TrySendError::Disconnected(1)));
}

#[test]
fn a_bounded_channel_holds_its_bound() {
    let (tx, rx) = sync_channel(2);
    tx.send(1).unwrap();
    tx.try_send(2).unwrap();
    assert_eq!(tx.try_send(3), Err(TrySendError::Full(3)));
    thread::scope(|scope| {
        let sender = scope.spawn(|| (3..20).for_each(|number| tx.send(number).unwrap()));
        let received: Vec<i32> = (1..20).map(|_| rx.recv().unwrap()).collect();
        assert_eq!(received, Vec::from_iter(1..20));
        sender.join().unwrap();
    });
    assert_eq!(rx.try_iter().count(), 0);
}

#[test]
fn a_waiting_sender_hears_that_the_receiver_is_gone() {
    for bound in [0, 1] {
        let (tx, rx) = sync_channel(bound);
        let sender = thread::spawn(move || (0..).find_map(|number| tx.send(number).err()));
        if bound == 1 {
            rx.recv().unwrap();
        }
        drop(rx);
        assert!(sender.join().unwrap().is_some());
    }
}

#[test]
fn a_rendezvous_holds_nothing() {
    let (tx, rx) = sync_channel(0);
    assert_eq!(tx.try_send(0), Err(TrySendError::Full(0)));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(rx.recv_timeout(Duration::from_millis(1)), Err(RecvTimeoutError::Timeout));
    thread::scope(|scope| {
        for sender in 0..3 {
            let tx = tx.clone();
            scope.spawn(move || (0..20).for_each(|_| tx.send(sender).unwrap()));
        }
        drop(tx);
        // All the ways to receive, one after another.
        let mut received = [0; 3];
        for round in 0.. {
            let message = match round % 3 {
                0 => rx.recv().map_err(|_| true),
                1 => rx.try_recv().map_err(|error| error == TryRecvError::Disconnected),
                _ => rx.recv_timeout(Duration::ZERO).map_err(|error| error == RecvTimeoutError::Disconnected),
            };
            match message {
                Ok(sender) => received[sender] += 1,
                Err(true) => break,
                Err(false) => thread::yield_now(),
            }
        }
        assert_eq!(received, [20; 3]);
    });
}

#[test]
fn a_send_through_a_rendezvous_ends_with_its_receive() {
    let (tx, rx) = sync_channel(0);
    let done = Arc::new(Mutex::new(false));
    let seen = Arc::clone(&done);
    let sender = thread::spawn(move || {
        tx.send(()).unwrap();
        *done.lock().unwrap() = true;
    });
    // The sender may wait by now or not; it has not sent either way.
    assert!(!*seen.lock().unwrap());
    rx.recv().unwrap();
    sender.join().unwrap();
    assert!(*seen.lock().unwrap());
}

#[test]
fn iterators_end_with_the_senders() {
    let (tx, rx) = channel();
    (0..5).for_each(|number| tx.send(number).unwrap());
    assert_eq!(rx.try_iter().take(2).collect::<Vec<_>>(), [0, 1]);
    drop(tx);
    assert_eq!(rx.iter().next(), Some(2));
    assert_eq!(rx.into_iter().collect::<Vec<_>>(), [3, 4]);
}

/// A message that, when dropped, uses the channel that it was in.
struct Echo(Option<gordian::sync::mpsc::Sender<Echo>>, Arc<Mutex<u32>>);

impl Drop for Echo {
    fn drop(&mut self) {
        *self.1.lock().unwrap() += 1;
        if let Some(tx) = self.0.take() {
            assert!(tx.send(Echo(None, Arc::clone(&self.1))).is_err());
        }
    }
}

#[test]
fn unreceived_messages_are_dropped_with_the_receiver_and_without_its_lock() {
    let (tx, rx) = channel();
    let drops = Arc::new(Mutex::new(0));
    for _ in 0..3 {
        tx.send(Echo(Some(tx.clone()), Arc::clone(&drops))).unwrap();
    }
    drop(rx);
    assert_eq!(*drops.lock().unwrap(), 6, "three messages, and the three that they tried to send");
}

#[test]
fn a_receiver_out_of_time_takes_what_comes_at_the_last_moment() {
    let (tx, rx) = sync_channel(1);
    let meet = Arc::new(unobserved::Barrier::new(2));
    let start = Arc::clone(&meet);
    let sender = thread::spawn(move || {
        start.wait();
        (0..100).for_each(|number| tx.send(number).unwrap());
    });
    meet.wait();
    let mut received = Vec::new();
    loop {
        match rx.recv_timeout(Duration::from_micros(1)) {
            Ok(number) => received.push(number),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    sender.join().unwrap();
    assert_eq!(received, Vec::from_iter(0..100), "nothing is lost, nothing comes twice");
}
