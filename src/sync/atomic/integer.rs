//! The atomic integers.

use std::fmt;
use std::panic::Location;

use super::{Ordering, atomic, exchange, failure, load, modify, read_modify_write, store, swap};

/// Declares an atomic integer.
macro_rules! integer {
    ($name:ident, $value:ty, $width:literal) => {
        #[cfg(target_has_atomic = $width)]
        atomic!($name, std::sync::atomic::$name, $value);

        #[cfg(target_has_atomic = $width)]
        impl $name {
            read_modify_write! {
                $name, $value:
                fetch_add(val: $value),
                fetch_sub(val: $value),
                fetch_and(val: $value),
                fetch_nand(val: $value),
                fetch_or(val: $value),
                fetch_xor(val: $value),
                fetch_max(val: $value),
                fetch_min(val: $value),
            }
        }
    };
}

integer!(AtomicI8, i8, "8");
integer!(AtomicU8, u8, "8");
integer!(AtomicI16, i16, "16");
integer!(AtomicU16, u16, "16");
integer!(AtomicI32, i32, "32");
integer!(AtomicU32, u32, "32");
integer!(AtomicI64, i64, "64");
integer!(AtomicU64, u64, "64");
integer!(AtomicIsize, isize, "ptr");
integer!(AtomicUsize, usize, "ptr");
