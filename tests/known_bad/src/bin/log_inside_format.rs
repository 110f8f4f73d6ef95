//! fern writes a record to its file under the file's lock, and formats it there: a value whose `Display` logs asks for
//! the lock again.
//!
//! origin: daboross/fern#19, in fern up to 0.5.2; later versions format first if the feature `meta-logging-in-format`
//! is on
//! seen: self-deadlock observed fern-0.5.2/src/log_impl.rs:329

use std::fmt;

struct Session;

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        log::debug!("a session is shown");
        f.write_str("session")
    }
}

fn main() {
    let file = std::fs::OpenOptions::new().write(true).open("/dev/null").unwrap();
    fern::Dispatch::new().chain(file).apply().unwrap();
    log::info!("opened {}", Session);
}
