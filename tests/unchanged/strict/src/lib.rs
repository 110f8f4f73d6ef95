//! Insists on the size that a lock has in the original std.

use std::sync::Mutex;

const _: () = assert!(std::mem::size_of::<Mutex<()>>() <= 16);

pub fn lock() -> Mutex<()> {
    Mutex::new(())
}
