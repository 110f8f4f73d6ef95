//! A time limit drops a future between the two writes of a transfer.
//!
//! origin: tokio's documentation of cancel safety; the shape of wg-async's barbara_gets_burned_by_select

use std::time::Duration;

use tokio::sync::Mutex;

#[derive(Default)]
struct Accounts {
    mine: i32,
    yours: i32,
}

async fn audit() {
    tokio::time::sleep(Duration::from_millis(20)).await; //~ cancelled-critical-section
}

async fn transfer(accounts: &Mutex<Accounts>) {
    let mut accounts = accounts.lock().await; //~ cancelled-critical-section
    accounts.mine -= 1; //~ cancelled-critical-section
    audit().await;
    accounts.yours += 1;
}

async fn transfer_at_once(accounts: &Mutex<Accounts>) {
    audit().await;
    let mut accounts = accounts.lock().await;
    accounts.mine -= 1;
    accounts.yours += 1;
}

async fn buggy() {
    let accounts = Mutex::<Accounts>::default();
    let limited = tokio::time::timeout(Duration::from_millis(1), transfer(&accounts)).await;
    assert!(limited.is_err());
    let accounts = accounts.lock().await;
    assert_eq!(accounts.mine + accounts.yours, -1);
}

async fn fixed() {
    let accounts = Mutex::<Accounts>::default();
    let limited = tokio::time::timeout(Duration::from_millis(1), transfer_at_once(&accounts)).await;
    assert!(limited.is_err());
    let accounts = accounts.lock().await;
    assert_eq!(accounts.mine + accounts.yours, 0);
}

fn main() {
    async_kernels::choose(|| async_kernels::one_thread(buggy()), || async_kernels::one_thread(fixed()));
}
