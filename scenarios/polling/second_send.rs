//! A message waits for room in a channel, and then a second one is sent after it.
//!
//! One thread waits for room to send its reading. Another, which has waited long enough for that, sends an alarm into the
//! same channel. The receiver takes out one after the other; each thread goes on when its turn comes.
//!
//! Nothing is found here, and nothing is wrong.
//!
//! origin: oxidecomputer/omicron#9272, told with threads, where it is harmless

use gordian::Named;
use gordian::sync::mpsc;
use gordian::thread;

pub fn buggy() {
    let (readings, received) = mpsc::sync_channel(1);
    received.set_name("readings");
    readings.send(0).unwrap();
    let alarms = readings.clone();
    let first = thread::spawn(move || readings.send(1).unwrap());
    let second = thread::spawn(move || alarms.send(2).unwrap());
    assert_eq!(received.iter().sum::<i32>(), 3);
    first.join().unwrap();
    second.join().unwrap();
}

pub fn fixed() {
    buggy();
}
