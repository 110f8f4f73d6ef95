//! A method locks what its caller holds already.
//!
//! origin: tokio-rs/tracing#369

use parking_lot::Mutex;

#[derive(Default)]
struct Logger {
    spans: Mutex<Vec<u64>>,
    lines: Mutex<Vec<String>>,
}

impl Logger {
    fn current(&self) -> Option<u64> {
        self.spans.lock().last().copied() //~ self-deadlock
    }

    fn event(&self, text: &str) {
        let mut spans = self.spans.lock(); //~ self-deadlock
        self.lines.lock().push(format!("{:?} {text}", self.current()));
        spans.push(1);
    }

    fn event_with_contents(&self, text: &str) {
        let mut spans = self.spans.lock();
        self.lines.lock().push(format!("{:?} {text}", spans.last()));
        spans.push(1);
    }
}

fn main() {
    kernels::choose(|| Logger::default().event("started"), || Logger::default().event_with_contents("started"));
}
