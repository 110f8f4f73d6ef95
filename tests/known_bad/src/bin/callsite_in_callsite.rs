//! The registry of callsites is locked while subscribers hear of a new one; a subscriber that emits an event there makes
//! the registry lock itself again.
//!
//! origin: tokio-rs/tracing#2020, in tracing-core up to 0.1.26
//! seen: self-deadlock observed tracing-core-0.1.26/src/callsite.rs:136

use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{self, Interest, Subscriber};
use tracing::{Event, Metadata};

struct Console;

impl Subscriber for Console {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        tracing::debug!("one more callsite");
        Interest::always()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn main() {
    subscriber::with_default(Console, || tracing::info!("started"));
}
