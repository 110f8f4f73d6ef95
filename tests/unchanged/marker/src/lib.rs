//! A macro that runs inside the compiler, with locks of its own.

use std::sync::Mutex;

use proc_macro::TokenStream;

static CALLS: Mutex<u32> = Mutex::new(0);

#[proc_macro]
pub fn calls(_: TokenStream) -> TokenStream {
    let mut calls = CALLS.lock().unwrap();
    *calls += 1;
    calls.to_string().parse().unwrap()
}
