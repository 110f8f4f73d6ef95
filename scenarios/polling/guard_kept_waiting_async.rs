//! A blocking guard is alive across an await.
//!
//! The cache is locked with a blocking mutex, and on a miss the value is awaited under the lock. The task is suspended with
//! the lock in its hand; any other task of this thread that locks the cache would block the very thread that has to poll
//! the first one. In this run none does. The fixed form ends the guard before the await.
//!
//! becomes: a guard across an await. A thread that waits with a lock keeps nobody from running but those who want the
//! lock; a task that waits with one keeps its thread, and with it perhaps itself.
//!
//! origin: AutoMQ/elastic-stream#218 (the borrow of the sessions alive across the write of a heartbeat)

use std::collections::HashMap;
use std::time::Duration;

use gordian::Named;
use gordian::sync::{Arc, Mutex};
use gordian::tokio::runtime::Builder;
use gordian::tokio::time::sleep;

type Cache = Arc<Mutex<HashMap<&'static str, usize>>>;

fn cache() -> Cache {
    Arc::new(Mutex::new(HashMap::new()).named("cache"))
}

/// Asks another machine.
async fn fetch(key: &'static str) -> usize {
    sleep(Duration::from_secs(1)).await; //~ guard-across-await
    key.len()
}

async fn look_up(cache: &Cache) -> usize {
    let mut cache = cache.lock().unwrap(); //~ guard-across-await
    if let Some(&value) = cache.get("knot") {
        return value;
    }
    let value = fetch("knot").await;
    *cache.entry("knot").or_insert(value)
}

async fn look_up_fixed(cache: &Cache) -> usize {
    let known = cache.lock().unwrap().get("knot").copied();
    if let Some(value) = known {
        return value;
    }
    let value = fetch("knot").await;
    *cache.lock().unwrap().entry("knot").or_insert(value)
}

pub fn buggy() {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
        assert_eq!(look_up(&cache()).await, 4);
    });
}

pub fn fixed() {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
        assert_eq!(look_up_fixed(&cache()).await, 4);
    });
}
