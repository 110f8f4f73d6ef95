//! The atomic pointer.
#![cfg(target_has_atomic = "ptr")]

use std::fmt;
use std::panic::Location;

use super::{Ordering, atomic, exchange, failure, load, modify, read_modify_write, store, swap};

atomic!(AtomicPtr<T>, *mut T);

impl<T> AtomicPtr<T> {
    read_modify_write! {
        AtomicPtr, *mut T:
        fetch_ptr_add(val: usize),
        fetch_ptr_sub(val: usize),
        fetch_byte_add(val: usize),
        fetch_byte_sub(val: usize),
        fetch_or(val: usize),
        fetch_and(val: usize),
        fetch_xor(val: usize),
    }
}

impl<T> fmt::Pointer for AtomicPtr<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Pointer::fmt(&self.0, f)
    }
}
