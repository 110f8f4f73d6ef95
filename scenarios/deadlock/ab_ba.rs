//! Two locks are taken in both orders; this run is lucky.
//!
//! A payment locks the balance, then the log. The audit locks the log, then the balance. Each is right alone. If a payment
//! and the audit overlap, each gets its first lock and waits for ever for its second, which the other one holds. In this
//! run the audit happens to come when the payment is over, so nothing hangs; but nothing makes that so.
//!
//! origin: xacrimon/dashmap#369 (two shards of one map locked in both orders), told with an account

use gordian::Named;
use gordian::sync::Mutex;
use gordian::thread;
use gordian::unobserved::Barrier;

struct Account {
    balance: Mutex<i64>,
    log: Mutex<Vec<String>>,
}

impl Account {
    fn new(balance: i64) -> Self {
        let log = vec![format!("{balance:+}")];
        Self { balance: Mutex::new(balance).named("balance"), log: Mutex::new(log).named("log") }
    }

    fn pay(&self, amount: i64) {
        let mut balance = self.balance.lock().unwrap(); //~ lock-order-cycle
        *balance -= amount;
        self.log.lock().unwrap().push(format!("{:+}", -amount)); //~ lock-order-cycle
    }

    fn audit(&self) -> bool {
        let log = self.log.lock().unwrap(); //~ lock-order-cycle
        let balance = self.balance.lock().unwrap(); //~ lock-order-cycle
        let total: i64 = log.iter().filter_map(|entry| entry.parse::<i64>().ok()).sum();
        *balance == total
    }

    fn audit_in_the_same_order(&self) -> bool {
        let balance = self.balance.lock().unwrap();
        let log = self.log.lock().unwrap();
        let total: i64 = log.iter().filter_map(|entry| entry.parse::<i64>().ok()).sum();
        *balance == total
    }
}

pub fn buggy() {
    run(Account::audit);
}

pub fn fixed() {
    run(Account::audit_in_the_same_order);
}

fn run(audit: fn(&Account) -> bool) {
    let account = Account::new(100);
    let luck = Barrier::new(2);
    thread::scope(|scope| {
        let payer = thread::Builder::new().name("payer".to_owned());
        let paying = payer.spawn_scoped(scope, || {
            account.pay(30);
            luck.wait();
        });
        let auditor = thread::Builder::new().name("auditor".to_owned());
        let auditing = auditor.spawn_scoped(scope, || {
            luck.wait();
            assert!(audit(&account));
        });
        paying.unwrap().join().unwrap();
        auditing.unwrap().join().unwrap();
    });
}
