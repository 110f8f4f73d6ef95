//! Of edition 2015.
#![deny(warnings)]

use std::sync::{Mutex, Once};
#[allow(deprecated)]
use std::sync::ONCE_INIT;

mod inner {
    use std::sync::atomic::{AtomicBool, Ordering};

    pub fn set(flag: &AtomicBool) {
        flag.store(true, Ordering::SeqCst);
    }
}

#[allow(deprecated)]
static START: Once = ONCE_INIT;

pub fn started() -> Mutex<bool> {
    let flag = ::std::sync::atomic::AtomicBool::new(false);
    START.call_once(|| ());
    inner::set(&flag);
    Mutex::new(flag.into_inner())
}
