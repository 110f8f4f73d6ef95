//! A bar that draws itself locks its own state, then the state of all bars; inserting a bar after it locks the state of
//! all bars, then asks the bar for its index.
//!
//! origin: console-rs/indicatif#424, in the release candidates of indicatif 0.17 up to rc.10
//! seen: lock-order-cycle possible indicatif-0.17.0-rc.10/src/progress_bar.rs:481 indicatif-0.17.0-rc.10/src/multi.rs:131
//! indicatif-0.17.0-rc.10/src/draw_target.rs:113

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
