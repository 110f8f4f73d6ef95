//! The receiver of a full channel waits for an answer from its sender.
//!
//! The renderer sends its frames through a channel with room for one, and answers questions when it is done. The backend
//! asks its question before it takes the frames out: the renderer waits for space, the backend for the answer. In the
//! fixed form the backend takes the frames first.
//!
//! origin: servo/webrender 8bed7713db (servo/servo#2478), the limited channel of system-pclub/rust-study

use gordian::Named;
use gordian::sync::mpsc::{self, Receiver, Sender};
use gordian::thread;

struct Ends {
    frames: Receiver<u32>,
    answers: Receiver<&'static str>,
}

fn renderer() -> (Ends, thread::JoinHandle<()>) {
    let (frame, frames) = mpsc::sync_channel(1);
    let (answer, answers): (Sender<&str>, _) = mpsc::channel();
    frames.set_name("frames");
    answers.set_name("answers");
    let renderer = thread::Builder::new().name("renderer".to_owned());
    let renderer = renderer.spawn(move || {
        for number in 0..3 {
            frame.send(number).unwrap(); //~ wait-cycle
        }
        answer.send("done").unwrap();
    });
    (Ends { frames, answers }, renderer.unwrap())
}

pub fn buggy() {
    let (ends, renderer) = renderer();
    let answer = ends.answers.recv().unwrap(); //~ wait-cycle
    assert_eq!((answer, ends.frames.iter().count()), ("done", 3));
    renderer.join().unwrap();
}

pub fn fixed() {
    let (ends, renderer) = renderer();
    let frames = ends.frames.iter().count();
    assert_eq!((ends.answers.recv().unwrap(), frames), ("done", 3));
    renderer.join().unwrap();
}
