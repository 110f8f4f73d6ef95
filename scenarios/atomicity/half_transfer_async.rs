//! A transfer is given up between its two halves.
//!
//! The amount is taken from one account, the customer is told, and the amount is added to the other, all under one async
//! lock. Telling takes too long, and the timeout drops the future where it stands. The fixed form tells the customer
//! first, and has no await between the halves.
//!
//! becomes: worse. A panic poisons the mutex of threads, so that the next one learns of it. A future that is dropped at an
//! await releases its async lock as if all were well, and the next one finds wrong books.
//!
//! origin: the half-written frames of tokio-rs/tokio#5285 and vnvo/pgwire-replication#5 (`timeout` around what is not
//! cancel safe), told with an account

use std::sync::Arc;
use std::time::Duration;

use gordian::Named;
use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::Mutex;
use gordian::tokio::time::{sleep, timeout};

struct Books {
    alice: i64,
    bob: i64,
}

fn books() -> Arc<Mutex<Books>> {
    Arc::new(Mutex::new(Books { alice: 100, bob: 0 }).named("books"))
}

async fn tell_the_customer() {
    sleep(Duration::from_secs(60)).await; //~ cancelled-critical-section
}

async fn transfer(books: &Mutex<Books>) {
    let mut books = books.lock().await; //~ cancelled-critical-section
    books.alice -= 10; //~ cancelled-critical-section
    tell_the_customer().await;
    books.bob += 10;
}

async fn transfer_fixed(books: &Mutex<Books>) {
    tell_the_customer().await;
    let mut books = books.lock().await;
    books.alice -= 10;
    books.bob += 10;
}

pub fn buggy() {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
        let books = books();
        assert!(timeout(Duration::from_secs(1), transfer(&books)).await.is_err());
        let books = books.lock().await;
        assert_eq!(books.alice + books.bob, 90);
    });
}

pub fn fixed() {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
        let books = books();
        assert!(timeout(Duration::from_secs(1), transfer_fixed(&books)).await.is_err());
        let books = books.lock().await;
        assert_eq!(books.alice + books.bob, 100);
    });
}
