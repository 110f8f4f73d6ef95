//! A detached task still writes a cache that its owner has taken back.
//!
//! A task fills the cache; its owner drops the handle, which detaches the task and does not end it, and clears the cache.
//! The task may write after that, or at the same time. The fixed form awaits the handle.
//!
//! becomes: the same, by less: a thread has to be forgotten, a task is forgotten by the end of the scope of its handle.
//!
//! origin: ai-dynamo/dynamo#14703 ("a JoinHandle detaches the associated task when it is dropped")

use std::sync::Arc;

use gordian::tokio::runtime::Builder;
use gordian::tokio::task;
use gordian::unobserved::Barrier;
use gordian::{Named, Shared};

pub fn buggy() {
    let out_of_patience = Arc::new(Barrier::new(2));
    Builder::new_multi_thread().worker_threads(1).build().unwrap().block_on(async {
        let cache = Arc::new(Shared::new(String::new()).named("cache"));
        let filled = Arc::clone(&cache);
        let patience = Arc::clone(&out_of_patience);
        drop(task::spawn(async move {
            filled.with_mut(|cache| cache.push_str("half of the answer")); //~ data-race
            patience.wait();
        }));
        out_of_patience.wait();
        cache.with_mut(String::clear); //~ data-race
    });
}

pub fn fixed() {
    Builder::new_multi_thread().worker_threads(1).build().unwrap().block_on(async {
        let cache = Arc::new(Shared::new(String::new()).named("cache"));
        let filled = Arc::clone(&cache);
        let filling = task::spawn(async move {
            filled.with_mut(|cache| cache.push_str("all of the answer"));
        });
        filling.await.unwrap();
        cache.with_mut(String::clear);
    });
}
