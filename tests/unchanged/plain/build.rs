//! Runs on the host, unwatched.

use std::sync::{Arc, Mutex};

fn main() {
    let built = Arc::new(Mutex::new(String::new()));
    let other = Arc::clone(&built);
    std::thread::spawn(move || other.lock().unwrap().push_str("by the script")).join().unwrap();
    println!("cargo::rustc-env=BUILT={}", built.lock().unwrap());
    println!("cargo::rerun-if-changed=build.rs");
}
