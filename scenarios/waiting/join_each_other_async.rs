//! Two tasks await each other's end.
//!
//! Each task gets the handle of the other one through a channel and awaits it. Neither can end before the other one has. In
//! the fixed form only their parent awaits them.
//!
//! becomes: the same. A handle is an await like any other, and a task costs so little that nobody notices two that stay.
//!
//! origin: rust-lang/rust#34971, told with tasks

use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::oneshot;
use gordian::tokio::task::{self, JoinHandle};

pub fn buggy() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let (to_left, left_gets) = oneshot::channel::<JoinHandle<()>>();
        let (to_right, right_gets) = oneshot::channel::<JoinHandle<()>>();
        let left = task::spawn(async { left_gets.await.unwrap().await.unwrap() }); //~ wait-cycle
        let right = task::spawn(async { right_gets.await.unwrap().await.unwrap() }); //~ wait-cycle
        to_left.send(right).unwrap();
        to_right.send(left).unwrap();
        task::yield_now().await;
    });
}

pub fn fixed() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let left = task::spawn(async {});
        let right = task::spawn(async {});
        left.await.unwrap();
        right.await.unwrap();
    });
}
