//! Two async cells need each other.
//!
//! The future that fills `LIMIT` awaits `SCALE`, whose future awaits `LIMIT`. While a cell is being filled its one permit
//! is taken, so the task waits for a permit that it has itself. In the fixed form only one of the two awaits the other.
//!
//! becomes: the same, without the panic that some initialisers of threads give. The inner wait is an await like any
//! other.
//!
//! origin: a nested initialisation as in BaseIntelligence/bounty-challenge#6680, in the shape of lazy-static.rs eae87a9f97

use std::pin::Pin;

use gordian::Named;
use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::OnceCell;

struct Settings {
    limit: OnceCell<u32>,
    scale: OnceCell<u32>,
}

impl Settings {
    fn new() -> Self {
        Self { limit: OnceCell::new().named("limit"), scale: OnceCell::new().named("scale") }
    }

    /// A future that awaits itself has to be boxed.
    fn limit(&self) -> Pin<Box<dyn Future<Output = u32> + '_>> {
        Box::pin(async { *self.limit.get_or_init(async || self.scale().await * 10).await }) //~ self-deadlock
    }

    async fn scale(&self) -> u32 {
        *self.scale.get_or_init(async || self.limit().await / 10).await
    }

    async fn limit_fixed(&self) -> u32 {
        *self.limit.get_or_init(async || self.scale_fixed().await * 10).await
    }

    async fn scale_fixed(&self) -> u32 {
        *self.scale.get_or_init(async || 3).await
    }
}

pub fn buggy() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        assert_ne!(Settings::new().limit().await, 0);
    });
}

pub fn fixed() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let settings = Settings::new();
        assert_eq!(settings.limit_fixed().await, 30);
        assert_eq!(settings.scale_fixed().await, 3);
    });
}
