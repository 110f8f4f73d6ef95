//! Looking for a token and storing a new one are two critical sections, with an await between them.
//!
//! Whoever finds no token fetches one and stores it. Both sections are locked. But two callers that look before either has
//! stored both fetch, and the second replaces the token that the first is using. The fixed form looks again under the lock
//! that it writes with.
//!
//! becomes: the rule instead of the exception. The await between the two sections takes as long as a network, and every
//! caller that comes in that time misses, too. What an async lock guards is known to be looked at and written, so that
//! the lost update is found without a mark around the two.
//!
//! origin: the review of pleaseai/shunt#168 (waiters refresh again once they get the lock); google-cloud-rust#1355

use std::sync::Arc;

use gordian::Named;
use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::RwLock;
use gordian::tokio::task;

struct Tokens {
    current: RwLock<Option<u32>>,
}

impl Tokens {
    fn new() -> Arc<Self> {
        Arc::new(Self { current: RwLock::new(None).named("token") })
    }

    async fn get(self: Arc<Self>, caller: u32) -> u32 {
        let known = *self.current.read().await; //~ lost-update
        if let Some(token) = known {
            return token;
        }
        let token = fetch(caller).await;
        *self.current.write().await = Some(token); //~ lost-update
        token
    }

    async fn get_fixed(self: Arc<Self>, caller: u32) -> u32 {
        let known = *self.current.read().await;
        if let Some(token) = known {
            return token;
        }
        let mut current = self.current.write().await;
        if let Some(token) = *current {
            return token;
        }
        *current.insert(fetch(caller).await)
    }
}

/// Goes on when the other tasks have had their turn.
async fn fetch(caller: u32) -> u32 {
    task::yield_now().await;
    caller
}

pub fn buggy() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let tokens = Tokens::new();
        let (first, second) = (task::spawn(tokens.clone().get(1)), task::spawn(tokens.clone().get(2)));
        assert_ne!(first.await.unwrap(), second.await.unwrap());
    });
}

pub fn fixed() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let tokens = Tokens::new();
        let (first, second) = (task::spawn(tokens.clone().get_fixed(1)), task::spawn(tokens.clone().get_fixed(2)));
        assert_eq!(first.await.unwrap(), second.await.unwrap());
    });
}
