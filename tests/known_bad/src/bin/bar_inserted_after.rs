//! A bar that draws itself locks its own state, then the state of all bars; inserting a bar after it locks the state of
//! all bars, then asks the bar for its index.
//!
//! origin: console-rs/indicatif#424, in the release candidates of indicatif 0.17 up to rc.10
//! to be seen: the locks

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};
use known_bad::Steps;
use std::thread;

fn main() {
    let (bars, steps) = (MultiProgress::with_draw_target(ProgressDrawTarget::hidden()), Steps::new());
    let copied = bars.add(ProgressBar::new(3));
    thread::scope(|scope| {
        scope.spawn(|| {
            copied.tick();
            steps.reach();
        });
        steps.wait(1);
        bars.insert_after(&copied, ProgressBar::new(3));
    });
}
