//! A lock is held while its owner waits for something slow.
//!
//! The cache is locked, and on a miss the value is fetched under the lock. Others wait longer than they need, and that is
//! all: a thread that waits with a lock goes on and releases it. The fixed form fetches without the lock.
//!
//! Nothing is found here, and nothing is wrong but the time it takes.
//!
//! origin: AutoMQ/elastic-stream#218, told with threads, where it is only slow

use std::collections::HashMap;

use gordian::Named;
use gordian::sync::mpsc;
use gordian::sync::{Arc, Mutex};
use gordian::thread;

type Cache = Arc<Mutex<HashMap<&'static str, usize>>>;

fn cache() -> Cache {
    Arc::new(Mutex::new(HashMap::new()).named("cache"))
}

/// Asks another thread.
fn fetch(key: &'static str) -> usize {
    let (answer, answers) = mpsc::channel();
    thread::spawn(move || answer.send(key.len()).unwrap());
    answers.recv().unwrap()
}

fn two_at_once(cache: &Cache, look_up: fn(&Cache) -> usize) {
    let other = thread::spawn({
        let cache = Arc::clone(cache);
        move || look_up(&cache)
    });
    assert_eq!(look_up(cache) + other.join().unwrap(), 8);
}

pub fn buggy() {
    two_at_once(&cache(), |cache| {
        let mut cache = cache.lock().unwrap();
        *cache.entry("knot").or_insert_with(|| fetch("knot"))
    });
}

pub fn fixed() {
    two_at_once(&cache(), |cache| {
        let known = cache.lock().unwrap().get("knot").copied();
        known.unwrap_or_else(|| {
            let value = fetch("knot");
            *cache.lock().unwrap().entry("knot").or_insert(value)
        })
    });
}
