//! An integration test.

use std::sync::mpsc;
use std::thread;

#[test]
fn a_message_arrives() {
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || sender.send(7).unwrap());
        assert_eq!(receiver.recv(), Ok(7));
    });
}
