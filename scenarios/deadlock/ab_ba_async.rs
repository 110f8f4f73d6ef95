//! Two async locks are taken in both orders; this run is lucky.
//!
//! A payment locks the balance, then the log. The audit locks the log, then the balance. They are tasks of a runtime with
//! one thread, and the first one happens to get through both locks without an interruption. Let one of its awaits wait
//! for anything, and the other task comes in between.
//!
//! becomes: the same. One thread is enough for it: two tasks that overlap are two owners. When it happens no thread is
//! blocked and no processor is busy, so that a debugger shows an idle program.
//!
//! origin: xacrimon/dashmap#369 (two shards of one map locked in both orders), told with an account and tasks

use std::sync::Arc;

use gordian::Named;
use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::Mutex;
use gordian::tokio::task;

struct Account {
    balance: Mutex<i64>,
    log: Mutex<Vec<String>>,
}

impl Account {
    fn new(balance: i64) -> Arc<Self> {
        let log = vec![format!("{balance:+}")];
        Arc::new(Self { balance: Mutex::new(balance).named("balance"), log: Mutex::new(log).named("log") })
    }

    async fn pay(&self, amount: i64) {
        let mut balance = self.balance.lock().await; //~ lock-order-cycle
        *balance -= amount;
        self.log.lock().await.push(format!("{:+}", -amount)); //~ lock-order-cycle
    }

    async fn audit(&self) -> bool {
        let log = self.log.lock().await; //~ lock-order-cycle
        let total: i64 = log.iter().filter_map(|entry| entry.parse::<i64>().ok()).sum();
        *self.balance.lock().await == total //~ lock-order-cycle
    }

    async fn audit_in_the_same_order(&self) -> bool {
        let balance = self.balance.lock().await;
        let log = self.log.lock().await;
        let total: i64 = log.iter().filter_map(|entry| entry.parse::<i64>().ok()).sum();
        *balance == total
    }
}

pub fn buggy() {
    run(async |account| account.audit().await);
}

pub fn fixed() {
    run(async |account| account.audit_in_the_same_order().await);
}

fn run(audit: impl AsyncFnOnce(&Account) -> bool) {
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let account = Account::new(100);
        let payer = task::spawn({
            let account = Arc::clone(&account);
            async move { account.pay(30).await }
        });
        task::yield_now().await;
        // The payment is over, by luck: nothing waits for it before this.
        assert!(audit(&account).await);
        payer.await.unwrap();
    });
}
