//! Two async locks are taken in both orders, and the tasks wait for each other.
//!
//! Two transfers in opposite directions each lock the account that they take from, tell the customer, and then want the
//! account that they give to. While one is telling, the other begins: each holds what the other one waits for. The fixed
//! form keeps both orders behind a third lock, the gate.
//!
//! becomes: the same, but nothing blocks. Both tasks are suspended for ever, and so is whoever awaits them; the other
//! tasks of the runtime go on.
//!
//! origin: xacrimon/dashmap#369 (two shards of one map locked in both orders), told with two accounts and tasks

use std::sync::Arc;

use gordian::Named;
use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::Mutex;
use gordian::tokio::task;

struct Bank {
    gate: Mutex<()>,
    alice: Mutex<i64>,
    bob: Mutex<i64>,
}

impl Bank {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            gate: Mutex::new(()).named("gate"),
            alice: Mutex::new(100).named("alice"),
            bob: Mutex::new(100).named("bob"),
        })
    }
}

/// Goes on when the other tasks have had their turn.
async fn tell_the_customer() {
    task::yield_now().await;
}

pub fn buggy() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let bank = Bank::new();
        let forth = task::spawn({
            let bank = Arc::clone(&bank);
            async move {
                let mut from = bank.alice.lock().await; //~ lock-order-cycle
                tell_the_customer().await;
                let mut to = bank.bob.lock().await; //~ lock-order-cycle
                *from -= 10;
                *to += 10;
            }
        });
        let back = task::spawn(async move {
            let mut from = bank.bob.lock().await; //~ lock-order-cycle
            tell_the_customer().await;
            let mut to = bank.alice.lock().await; //~ lock-order-cycle
            *from -= 20;
            *to += 20;
        });
        forth.await.unwrap();
        back.await.unwrap();
    });
}

pub fn fixed() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let bank = Bank::new();
        let forth = task::spawn({
            let bank = Arc::clone(&bank);
            async move {
                let _gate = bank.gate.lock().await;
                let mut from = bank.alice.lock().await;
                tell_the_customer().await;
                let mut to = bank.bob.lock().await;
                *from -= 10;
                *to += 10;
            }
        });
        let back = task::spawn(async move {
            let _gate = bank.gate.lock().await;
            let mut from = bank.bob.lock().await;
            tell_the_customer().await;
            let mut to = bank.alice.lock().await;
            *from -= 20;
            *to += 20;
        });
        forth.await.unwrap();
        back.await.unwrap();
    });
}
