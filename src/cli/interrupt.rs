//! Ctrl-C: the first ends the work early with a report, the second ends it at once.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use super::exit_code::ExitCode;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static LISTEN: Once = Once::new();

/// The flag that Ctrl-C sets from now on.
pub(super) fn flag() -> &'static AtomicBool {
    LISTEN.call_once(|| {
        // Where no handler can be had, Ctrl-C keeps its default meaning, which is to end the process.
        let _ = ctrlc::set_handler(|| {
            if INTERRUPTED.swap(true, Ordering::Relaxed) {
                std::process::exit(ExitCode::Failed as i32);
            }
        });
    });
    &INTERRUPTED
}
