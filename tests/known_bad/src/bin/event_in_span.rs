//! `TraceLogger` locks its table of spans to log an event, and then clones the current span, which locks the table.
//!
//! origin: tokio-rs/tracing#369 and #381, in tracing-log 0.1; 0.2 has the type no more
//! seen: self-deadlock observed tracing-log-0.1.0/src/trace_logger.rs:389

use log::{Log, Metadata, Record};
use tracing::dispatcher::{self, Dispatch};
use tracing_log::TraceLogger;

struct Sink;

impl Log for Sink {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, _: &Record<'_>) {}
    fn flush(&self) {}
}

fn main() {
    log::set_logger(&Sink).unwrap();
    dispatcher::with_default(&Dispatch::new(TraceLogger::new()), || {
        let request = tracing::info_span!("request");
        let _entered = request.enter();
        tracing::info!("served");
    });
}
