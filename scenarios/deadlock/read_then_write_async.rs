//! A task that writes a cache wants to read it again.
//!
//! The cached function locks the cache for writing, and on a miss calls code that was generated for the reading case: it
//! locks the cache for reading, under the write guard of the same task. The fixed form lets go first, and looks again.
//!
//! becomes: the same; the two modes have changed places here, and it makes no difference.
//!
//! origin: jaemk/cached#174 (generated code: `write().await`, then `read().await`)

use std::collections::HashMap;

use gordian::Named;
use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::RwLock;

type Cache = RwLock<HashMap<&'static str, usize>>;

fn cache() -> Cache {
    RwLock::new(HashMap::new()).named("cache")
}

async fn look_up(cache: &Cache, word: &str) -> Option<usize> {
    cache.read().await.get(word).copied() //~ self-deadlock
}

async fn length(cache: &Cache, word: &'static str) -> usize {
    let mut contents = cache.write().await; //~ self-deadlock
    match look_up(cache, word).await {
        Some(length) => length,
        None => *contents.entry(word).or_insert(word.len()),
    }
}

async fn length_fixed(cache: &Cache, word: &'static str) -> usize {
    match look_up(cache, word).await {
        Some(length) => length,
        None => *cache.write().await.entry(word).or_insert(word.len()),
    }
}

pub fn buggy() {
    Builder::new_current_thread().build().unwrap().block_on(length(&cache(), "knot"));
}

pub fn fixed() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let cache = cache();
        assert_eq!(length_fixed(&cache, "knot").await + length_fixed(&cache, "knot").await, 8);
    });
}
