//! `cargo gordian run` on kernels of real bugs, with threads and with tasks.

#![cfg(feature = "cli")]

#[path = "kernels/judge.rs"]
mod judge;

use judge::{Kernels, judge_all};

#[test]
fn unchanged_kernels_are_found_and_their_twins_are_silent() {
    judge_all(Kernels("kernels"));
}

#[test]
fn unchanged_async_kernels_are_found_and_their_twins_are_silent() {
    judge_all(Kernels("async_kernels"));
}
