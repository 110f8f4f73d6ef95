//! The receiver of a full async channel waits for an answer from its sender.
//!
//! The renderer sends its frames through a channel with room for one, and then says that it is done. The backend awaits
//! that before it takes the frames out: the renderer waits for space, the backend for the renderer. In the fixed form the
//! backend takes the frames first.
//!
//! becomes: the same, and sooner than expected: with threads a channel of two would hide it until there are three frames,
//! with tasks a worker that is busy elsewhere makes every bound look smaller.
//!
//! origin: servo/webrender 8bed7713db, told with tasks; the async relatives are apache/datafusion#24883 and #18014 ("I
//! don't think we can bound the channels, that could lead to deadlocks")

use gordian::Named;
use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::mpsc::{self, Receiver};
use gordian::tokio::sync::oneshot;
use gordian::tokio::task::{self, JoinHandle};

struct Ends {
    frames: Receiver<u32>,
    answer: oneshot::Receiver<&'static str>,
}

fn renderer() -> (Ends, JoinHandle<()>) {
    let (frame, frames) = mpsc::channel(1);
    let (done, answer) = oneshot::channel();
    frames.set_name("frames");
    answer.set_name("answer");
    let renderer = task::spawn(async move {
        for number in 0..3 {
            frame.send(number).await.unwrap(); //~ wait-cycle
        }
        done.send("done").unwrap();
    });
    (Ends { frames, answer }, renderer)
}

async fn count(mut frames: Receiver<u32>) -> usize {
    let mut count = 0;
    while frames.recv().await.is_some() {
        count += 1;
    }
    count
}

pub fn buggy() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let (ends, renderer) = renderer();
        let answer = ends.answer.await.unwrap(); //~ wait-cycle
        assert_eq!((answer, count(ends.frames).await), ("done", 3));
        renderer.await.unwrap();
    });
}

pub fn fixed() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let (ends, renderer) = renderer();
        let frames = count(ends.frames).await;
        assert_eq!((ends.answer.await.unwrap(), frames), ("done", 3));
        renderer.await.unwrap();
    });
}
