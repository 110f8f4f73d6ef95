//! A method locks what its caller holds already.
//!
//! `event` locks the table of spans and, still holding it, asks `current` for the innermost span; `current` locks the same
//! table. std's mutex is not reentrant: the thread waits for itself. In the fixed form the helper works on the contents
//! that its caller has locked.
//!
//! origin: tokio-rs/tracing#369 and #381 (`TraceLogger`: methods that lock `spans` call others that lock `spans`)

use gordian::Named;
use gordian::sync::Mutex;

struct Logger {
    spans: Mutex<Vec<String>>,
}

impl Logger {
    fn new() -> Self {
        Self { spans: Mutex::new(vec!["request".to_owned()]).named("spans") }
    }

    fn current(&self) -> String {
        let spans = self.spans.lock().unwrap(); //~ self-deadlock
        innermost(&spans)
    }

    fn event(&self, text: &str) {
        let mut spans = self.spans.lock().unwrap(); //~ self-deadlock
        let line = format!("{}: {text}", self.current());
        spans.push(line);
    }

    fn event_with_contents(&self, text: &str) {
        let mut spans = self.spans.lock().unwrap();
        let line = format!("{}: {text}", innermost(&spans));
        spans.push(line);
    }
}

fn innermost(spans: &[String]) -> String {
    spans.last().cloned().unwrap_or_default()
}

pub fn buggy() {
    Logger::new().event("started");
}

pub fn fixed() {
    let logger = Logger::new();
    logger.event_with_contents("started");
    assert_eq!(logger.current(), "request: started");
}
