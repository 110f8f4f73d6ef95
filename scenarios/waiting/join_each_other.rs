//! Two threads join each other.
//!
//! Each thread gets the handle of the other one through a channel and joins it. Neither can end before the other one has.
//! In the fixed form only their parent joins.
//!
//! origin: rust-lang/rust#34971

use gordian::sync::mpsc::{self, Receiver, Sender};
use gordian::thread::{self, JoinHandle};

type Handle = JoinHandle<()>;

fn pair() -> (Sender<Handle>, Receiver<Handle>) {
    mpsc::channel()
}

pub fn buggy() {
    let (to_left, left_gets) = pair();
    let (to_right, right_gets) = pair();
    let left = thread::Builder::new().name("left".to_owned());
    let left = left.spawn(move || left_gets.recv().unwrap().join().unwrap()).unwrap(); //~ wait-cycle
    let right = thread::Builder::new().name("right".to_owned());
    let right = right.spawn(move || right_gets.recv().unwrap().join().unwrap()).unwrap(); //~ wait-cycle
    to_left.send(right).unwrap();
    to_right.send(left).unwrap();
}

pub fn fixed() {
    let left = thread::spawn(|| ());
    let right = thread::spawn(|| ());
    left.join().unwrap();
    right.join().unwrap();
}
