//! What the programs share.

use std::sync::{Arc, Mutex};
use std::thread;

/// Two locks.
///
/// ```
/// let (a, b) = plain::two();
/// std::thread::spawn(move || drop((a.lock().unwrap(), b.lock().unwrap()))).join().unwrap();
/// ```
pub fn two() -> (Arc<Mutex<u32>>, Arc<Mutex<u32>>) {
    (Arc::new(Mutex::new(1)), Arc::new(Mutex::new(2)))
}

/// Waits until the threads that have it are gone, without a word from them: the count of an `Arc` orders nothing.
pub fn outlast<T>(shared: &Arc<T>) {
    while Arc::strong_count(shared) > 1 {
        thread::yield_now();
    }
}

trait Shape: Send {
    fn area(&self) -> u32;
}

impl Shape for u32 {
    fn area(&self) -> u32 {
        *self
    }
}

#[test]
fn traits_of_std_hold() {
    let shape: Arc<Mutex<dyn Shape>> = Arc::new(Mutex::new(3));
    assert_eq!(shape.lock().unwrap().area(), 3);
    let caught = std::panic::catch_unwind({
        let shape = Arc::clone(&shape);
        move || drop(shape.lock().unwrap().area())
    });
    assert!(caught.is_ok());
    assert_eq!(*old::started().lock().unwrap(), true);
    assert_eq!(bare::guarded(&Mutex::new(1)), 1);
    assert_eq!(bare::count().load(std::sync::atomic::Ordering::SeqCst), 0);
    assert_eq!(marker::calls!(), 1);
}
