//! A pointer that a lock carries for whoever holds it.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::primitive::AtomicPtr;

/// An `Arc`, or nothing. Relaxed throughout: it is changed only by who holds the lock that it belongs to exclusively, or
/// owns that lock, and so the lock orders all changes and what they point to.
pub(crate) struct Note<T: 'static>(AtomicPtr<T>);

impl<T: 'static> Note<T> {
    pub(crate) const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.load(Relaxed).is_null()
    }

    /// Is this what was put in?
    pub(crate) fn is(&self, value: &Arc<T>) -> bool {
        ptr::eq(self.0.load(Relaxed), Arc::as_ptr(value))
    }

    /// Fills the empty note. The caller holds the lock exclusively. What is not taken again is leaked.
    pub(crate) fn put(&self, value: Arc<T>) {
        self.0.store(Arc::into_raw(value).cast_mut(), Relaxed);
    }

    /// Empties the note. The caller holds the lock exclusively, or owns it.
    pub(crate) fn take(&self) -> Option<Arc<T>> {
        // Not a swap, which costs a locked instruction: no one else changes the note now.
        let value = self.0.load(Relaxed);
        if value.is_null() {
            return None;
        }
        self.0.store(ptr::null_mut(), Relaxed);
        // SAFETY: what is not null came from `Arc::into_raw` in `put`, and by the caller's promise this is its only taker.
        Some(unsafe { Arc::from_raw(value) })
    }
}

#[cfg(test)]
mod models {
    use super::*;
    use crate::primitive::Mutex;
    use crate::primitive::model::{Plain, check, spawn};

    /// Three threads each take the lock once: put a value if there is none, else take it. Each value is seen whole, and by
    /// one taker at most; in the end the owner takes what is left.
    #[test]
    fn a_note_goes_from_holder_to_holder() {
        check("a note goes from holder to holder", || {
            let lock = Arc::new((Mutex::new(0), Note::<Plain<u32>>::new()));
            assert!(lock.1.is_empty());
            let holder = |number: u32| {
                let lock = Arc::clone(&lock);
                move || {
                    let mut taken = lock.0.lock();
                    if lock.1.is_empty() {
                        let value = Arc::new(Plain::new(0));
                        value.set(number);
                        lock.1.put(value.clone());
                        assert!(lock.1.is(&value));
                    } else if let Some(value) = lock.1.take() {
                        assert_eq!(Arc::strong_count(&value), 1, "the only taker");
                        assert_ne!(value.get(), number);
                        value.set(0);
                        *taken += 1;
                    }
                }
            };
            let threads = [spawn(holder(1)), spawn(holder(2))];
            holder(3)();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!(*lock.0.lock(), 1);
            assert_ne!(lock.1.take().expect("the third filled it again").get(), 0);
            assert!(lock.1.is_empty());
        });
    }
}
