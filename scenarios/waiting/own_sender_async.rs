//! A task receives until all senders are gone, and has one itself.
//!
//! Each worker gets a clone of the sender; the original stays in scope of the task that receives. The loop ends when no
//! sender is left, and this one goes away only after the loop. The fixed form drops it first.
//!
//! becomes: the same. The sender lives in the future of the receiving task, where no thread's stack shows it.
//!
//! origin: a comment on tokio-rs/tokio#2046 ("you still have one in scope")

use gordian::Named;
use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::mpsc;
use gordian::tokio::task;

pub fn buggy() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let (sender, mut results) = mpsc::channel(8);
        results.set_name("results");
        for part in 0..3_u32 {
            let sender = sender.clone();
            task::spawn(async move { sender.send(part * part).await.unwrap() });
        }
        let mut total = 0;
        while let Some(result) = results.recv().await { //~ wait-cycle
            total += result;
        }
        assert_eq!(total, 5);
        drop(sender);
    });
}

pub fn fixed() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let (sender, mut results) = mpsc::channel(8);
        results.set_name("results");
        for part in 0..3_u32 {
            let sender = sender.clone();
            task::spawn(async move { sender.send(part * part).await.unwrap() });
        }
        drop(sender);
        let mut total = 0;
        while let Some(result) = results.recv().await {
            total += result;
        }
        assert_eq!(total, 5);
    });
}
