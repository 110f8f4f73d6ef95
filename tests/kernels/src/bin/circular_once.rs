//! Two lazy values need each other.
//!
//! origin: lazy-static.rs commit eae87a9f97 (kernel lazy-static-blocking-1 of system-pclub/rust-study)

use std::sync::OnceLock;

static LIMIT: OnceLock<u32> = OnceLock::new();
static SCALE: OnceLock<u32> = OnceLock::new();

fn limit() -> u32 {
    *LIMIT.get_or_init(|| scale() * 10) //~ self-deadlock
}

fn scale() -> u32 {
    *SCALE.get_or_init(|| limit() / 10)
}

fn scale_alone() -> u32 {
    *SCALE.get_or_init(|| 3)
}

fn main() {
    kernels::choose(|| assert_ne!(limit(), 0), || assert_eq!(scale_alone() * 10, 30));
}
