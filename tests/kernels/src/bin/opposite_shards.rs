//! A reference into one shard of a map is alive while another shard is written.
//!
//! origin: xacrimon/dashmap#369

use kernels::Steps;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::thread;

struct Sharded {
    shards: [RwLock<HashMap<&'static str, u32>>; 2],
}

impl Sharded {
    fn copy(&self, from: usize, key: &'static str) {
        let source = self.shards[from].read(); //~ lock-order-cycle
        self.shards[1 - from].write().insert(key, source.len() as u32); //~ lock-order-cycle
    }

    fn copy_out(&self, from: usize, key: &'static str) {
        let length = self.shards[from].read().len();
        self.shards[1 - from].write().insert(key, length as u32);
    }
}

fn run(copy: fn(&Sharded, usize, &'static str)) {
    let map = Sharded { shards: [RwLock::default(), RwLock::default()] };
    let luck = Steps::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            copy(&map, 0, "copy of alpha");
            luck.reach();
        });
        scope.spawn(|| {
            luck.wait(1);
            copy(&map, 1, "copy of beta");
        });
    });
}

fn main() {
    kernels::choose(|| run(Sharded::copy), || run(Sharded::copy_out));
}
