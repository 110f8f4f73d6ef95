//! A source for the snapshots of reports to quote.

struct Account {
    balance: Mutex<u64>,
    log: Mutex<Vec<String>>,
}

fn open(balance: u64) -> Account {
    Account { balance: Mutex::new(balance), log: Mutex::new(Vec::new()) }
}

fn pay(account: &Account, amount: u64) {
    let mut balance = account.balance.lock().unwrap();
    *balance += amount;
    account.log.lock().unwrap().push(format!("+{amount}"));
}

fn audit(account: &Account) -> u64 {
    let log = account.log.lock().unwrap();
    assert!(!log.is_empty());
    *account.balance.lock().unwrap()
}
