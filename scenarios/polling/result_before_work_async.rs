//! A result is awaited before the future that makes it has been polled.
//!
//! The work is an async block that owns the sender, and it is awaited after the result. An async block does nothing until
//! it is polled, and its task is suspended in the line above. The fixed form polls both.
//!
//! becomes: the same, better hidden. A closure that has not been called is plainly not running; an async block looks as if
//! it were, and the compiler is content because it is awaited, one line too late.
//!
//! origin: cases of rust-lang/futures-rs#2387 and of the story `barbara_battles_buffered_streams` of wg-async, cut down to
//! one future

use gordian::Named;
use gordian::tokio::join;
use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::oneshot;

pub fn buggy() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let (sender, result) = oneshot::channel();
        result.set_name("result");
        let work = async move { sender.send(42).unwrap() };
        let result: u32 = result.await.unwrap(); //~ wait-cycle
        work.await;
        assert_eq!(result, 42);
    });
}

pub fn fixed() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let (sender, result) = oneshot::channel();
        result.set_name("result");
        let work = async move { sender.send(42).unwrap() };
        let (result, ()) = join!(result, work);
        assert_eq!(result, Ok(42));
    });
}
