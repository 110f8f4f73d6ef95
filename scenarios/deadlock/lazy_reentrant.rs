//! Two lazy values need each other.
//!
//! The initialiser of `LIMIT` reads `SCALE`, whose initialiser reads `LIMIT`. A running initialiser holds its cell as a
//! lock is held, so the thread waits for itself. In the fixed form only one of the two reads the other.
//!
//! origin: lazy-static.rs commit eae87a9f97 (kernel lazy-static-blocking-1 of system-pclub/rust-study)

use gordian::sync::LazyLock;

static LIMIT: LazyLock<u32> = LazyLock::new(|| *SCALE * 10);
static SCALE: LazyLock<u32> = LazyLock::new(|| *LIMIT / 10); //~ self-deadlock

static FIXED_LIMIT: LazyLock<u32> = LazyLock::new(|| *FIXED_SCALE * 10);
static FIXED_SCALE: LazyLock<u32> = LazyLock::new(|| 3);

pub fn buggy() {
    assert_ne!(*LIMIT, 0); //~ self-deadlock
}

pub fn fixed() {
    assert_eq!(*FIXED_LIMIT, 30);
    assert_eq!(*FIXED_SCALE, 3);
}
