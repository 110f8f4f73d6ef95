#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gordian_fuzz::predict(bytes));
