//! A reference into one shard of a map is alive while the map is used again.
//!
//! A concurrent map is split into shards, each with a lock of its own. Whoever holds a reference to an entry holds its
//! shard for reading; inserting locks the other entry's shard for writing. Two threads that copy in opposite directions
//! lock the shards in opposite orders. In the fixed form both only read: readers do not keep each other out, so two orders
//! of readers are no danger as long as no one writes.
//!
//! origin: xacrimon/dashmap#369

use std::collections::HashMap;

use gordian::Named;
use gordian::sync::RwLock;
use gordian::thread;
use gordian::unobserved::Barrier;

type Shard = RwLock<HashMap<&'static str, u32>>;

fn shards() -> (Shard, Shard) {
    let alpha = RwLock::new(HashMap::from([("alpha", 1)])).named("shard of alpha");
    let beta = RwLock::new(HashMap::from([("beta", 2)])).named("shard of beta");
    (alpha, beta)
}

pub fn buggy() {
    let (alpha, beta) = shards();
    let luck = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            copy_alpha(&alpha, &beta);
            luck.wait();
        });
        scope.spawn(|| {
            luck.wait();
            copy_beta(&alpha, &beta);
        });
    });
}

fn copy_alpha(alpha: &Shard, beta: &Shard) {
    let from = alpha.read().unwrap(); //~ lock-order-cycle
    beta.write().unwrap().insert("copy of alpha", from["alpha"]); //~ lock-order-cycle
}

fn copy_beta(alpha: &Shard, beta: &Shard) {
    let from = beta.read().unwrap(); //~ lock-order-cycle
    alpha.write().unwrap().insert("copy of beta", from["beta"]); //~ lock-order-cycle
}

pub fn fixed() {
    let (alpha, beta) = shards();
    thread::scope(|scope| {
        scope.spawn(|| {
            let alpha = alpha.read().unwrap();
            let beta = beta.read().unwrap();
            assert!(alpha["alpha"] < beta["beta"]);
        });
        scope.spawn(|| {
            let beta = beta.read().unwrap();
            let alpha = alpha.read().unwrap();
            assert!(beta["beta"] > alpha["alpha"]);
        });
    });
}
