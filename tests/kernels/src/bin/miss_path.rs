//! Up to edition 2021 the guard of an `if let` lives on in its `else`.
//!
//! origin: the edition guide's chapter on `if let` temporaries (rust-lang/rust#124085)

use std::collections::HashMap;
use std::sync::RwLock;

type Cache = RwLock<HashMap<&'static str, usize>>;

fn length(cache: &Cache, word: &'static str) -> usize {
    if let Some(&length) = cache.read().unwrap().get(word) {
        //~^ self-deadlock
        length
    } else {
        *cache.write().unwrap().entry(word).or_insert(word.len()) //~ self-deadlock
    }
}

fn length_of_a_copy(cache: &Cache, word: &'static str) -> usize {
    let known = cache.read().unwrap().get(word).copied();
    if let Some(length) = known {
        length
    } else {
        *cache.write().unwrap().entry(word).or_insert(word.len())
    }
}

fn run(length: fn(&Cache, &'static str) -> usize) {
    let cache = Cache::default();
    assert_eq!(length(&cache, "knot") + length(&cache, "knot"), 8);
}

fn main() {
    kernels::choose(|| run(length), || run(length_of_a_copy));
}
