//! The value behind a guard can be borrowed for as long as the map: longer than the guard holds its shard.
//!
//! origin: RUSTSEC-2022-0002, in dashmap 5.0.0; with the fix this program is refused by the compiler
//! not seen: plain memory (the value)

use dashmap::DashMap;
use known_bad::Steps;
use std::thread;

fn main() {
    let (map, steps) = (DashMap::new(), Steps::new());
    map.insert("account", 1_u64);
    thread::scope(|scope| {
        scope.spawn(|| {
            steps.meet(2);
            *map.get_mut("account").unwrap() += 1;
        });
        let guard = map.get("account").unwrap();
        let (_, account) = guard.pair();
        drop(guard);
        steps.meet(2);
        assert!(*account > 0);
    });
}
