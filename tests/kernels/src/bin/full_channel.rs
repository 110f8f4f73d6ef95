//! The receiver of a full channel waits for an answer from its sender.
//!
//! origin: servo/webrender 8bed7713db (servo/servo#2478)

use std::sync::mpsc::{channel, sync_channel, Receiver};
use std::thread::{self, JoinHandle};

fn renderer() -> (Receiver<u32>, Receiver<&'static str>, JoinHandle<()>) {
    let (frame, frames) = sync_channel(1);
    let (answer, answers) = channel();
    let renderer = thread::spawn(move || {
        for number in 0..3 {
            frame.send(number).unwrap(); //~ wait-cycle
        }
        answer.send("done").unwrap();
    });
    (frames, answers, renderer)
}

fn buggy() {
    let (frames, answers, renderer) = renderer();
    let answer = answers.recv().unwrap(); //~ wait-cycle
    assert_eq!((answer, frames.iter().count()), ("done", 3));
    renderer.join().unwrap();
}

fn fixed() {
    let (frames, answers, renderer) = renderer();
    let frames = frames.iter().count();
    assert_eq!((answers.recv().unwrap(), frames), ("done", 3));
    renderer.join().unwrap();
}

fn main() {
    kernels::choose(buggy, fixed);
}
