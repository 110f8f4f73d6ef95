//! The wrappers of std have the originals' interface and auto traits. Nearly all of this is checked by the compiler.
//!
//! Without the feature `detect` both sides are the same types, and that is checked too.

#[macro_use]
#[path = "api/ask.rs"]
mod ask;
#[path = "api/signatures.rs"]
mod signatures;
#[path = "api/traits.rs"]
mod traits;

/// Without `detect` there is nothing in between.
#[cfg(not(feature = "detect"))]
#[test]
fn the_types_are_the_originals() {
    let mutex: gordian::sync::Mutex<u8> = std::sync::Mutex::new(1);
    let atomic: gordian::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(1);
    let (sender, receiver): (gordian::sync::mpsc::Sender<u8>, gordian::sync::mpsc::Receiver<u8>) =
        std::sync::mpsc::channel();
    let thread: gordian::thread::Thread = std::thread::current();
    let named =
        (gordian::Named::named(mutex, "m"), gordian::Named::named(sender, "tx"), gordian::Named::named(receiver, "rx"));
    drop((named, atomic, thread));
    let outcome = gordian::findings_of(|| 5);
    assert_eq!((outcome.findings.len(), outcome.result.unwrap().unwrap()), (0, 5));
    assert_eq!(gordian::check(|| 6), 6);
    assert!(gordian::start(gordian::Config::default()).is_ok() && gordian::finish().is_ok());
    assert!(gordian::findings().is_empty());
}
