//! Two tasks take two mutexes in opposite orders; this time one came after the other.
//!
//! origin: the async form of GoKer's AB-BA (cockroach#10214)

use std::sync::Arc;

use tokio::sync::Mutex;

#[derive(Default)]
struct Stores {
    accounts: Mutex<Vec<u32>>,
    journal: Mutex<Vec<String>>,
}

async fn book(stores: Arc<Stores>) {
    let mut accounts = stores.accounts.lock().await; //~ lock-order-cycle
    accounts.push(1);
    stores.journal.lock().await.push("booked".to_owned()); //~ lock-order-cycle
}

async fn replay(stores: Arc<Stores>) {
    let journal = stores.journal.lock().await; //~ lock-order-cycle
    stores.accounts.lock().await.extend(journal.iter().map(|_| 1)); //~ lock-order-cycle
}

async fn replay_in_order(stores: Arc<Stores>) {
    let mut accounts = stores.accounts.lock().await;
    let journal = stores.journal.lock().await;
    accounts.extend(journal.iter().map(|_| 1));
}

async fn both<F, G>(first: impl FnOnce(Arc<Stores>) -> F, second: impl FnOnce(Arc<Stores>) -> G)
where
    F: std::future::Future<Output = ()> + Send + 'static,
    G: std::future::Future<Output = ()> + Send + 'static,
{
    let stores = Arc::new(Stores::default());
    let tasks = (tokio::spawn(first(Arc::clone(&stores))), tokio::spawn(second(stores)));
    tasks.0.await.unwrap();
    tasks.1.await.unwrap();
}

fn main() {
    let buggy = || async_kernels::one_thread(both(book, replay));
    let fixed = || async_kernels::one_thread(both(book, replay_in_order));
    async_kernels::choose(buggy, fixed);
}
