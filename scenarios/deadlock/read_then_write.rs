//! A reader wants to write before it has let go of its read guard.
//!
//! On a miss the cache is locked for writing to insert the value, but the read guard of the look-up is still alive: a
//! writer waits until all readers are gone, this one included. The fixed form lets go first, and looks again.
//!
//! origin: tokio-rs/tokio#2733 (a read guard kept, its name shadowed, before `write`)

use std::collections::HashMap;

use gordian::Named;
use gordian::sync::RwLock;

type Cache = RwLock<HashMap<&'static str, usize>>;

fn cache() -> Cache {
    RwLock::new(HashMap::new()).named("cache")
}

fn length(cache: &Cache, word: &'static str) -> usize {
    let known = cache.read().unwrap(); //~ self-deadlock
    match known.get(word) {
        Some(&length) => length,
        None => *cache.write().unwrap().entry(word).or_insert(word.len()), //~ self-deadlock
    }
}

fn length_fixed(cache: &Cache, word: &'static str) -> usize {
    let known = cache.read().unwrap().get(word).copied();
    match known {
        Some(length) => length,
        None => *cache.write().unwrap().entry(word).or_insert(word.len()),
    }
}

pub fn buggy() {
    length(&cache(), "knot");
}

pub fn fixed() {
    let cache = cache();
    assert_eq!(length_fixed(&cache, "knot") + length_fixed(&cache, "knot"), 8);
}
