//! The words that a thread has logged and nobody has passed on yet.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::primitive::{self, AtomicU64};
use crate::trace::pack::Word;

/// Words of a buffer: 16 KiB, so that it stays in the processor's cache, and is not most of it.
pub(super) const WORDS: usize = primitive::size(2046, 3);

/// Where the number of words stands, and the first word. Between them is a 0.
const FILLED: usize = 0;
const FIRST: usize = 2;

/// Written by one thread, front to back, and read by the writer. Clones are the same buffer.
#[derive(Clone)]
pub(super) struct Buffer(Arc<[AtomicU64; FIRST + WORDS]>);

impl Default for Buffer {
    fn default() -> Self {
        let places: Arc<[AtomicU64]> = (0..FIRST + WORDS).map(|_| AtomicU64::new(0)).collect();
        Self(places.try_into().unwrap_or_else(|_| unreachable!("the length is that of the array")))
    }
}

impl Buffer {
    /// How many words there are. Only the owning thread calls this.
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.0[FILLED].load(Relaxed) as usize
    }

    /// Adds a word, which is the `index`-th. Only the owning thread calls this.
    #[inline(always)]
    pub(super) fn put(&self, index: usize, word: u64) {
        debug_assert!(index < WORDS, "there is room");
        if let Some(place) = self.0.get(FIRST + index) {
            place.store(word, Relaxed);
            self.set_len(index + 1);
        }
    }

    /// How many words there are, and the last; 0 if there is none. Only the owning thread calls this, and may replace the word as
    /// long as it [is open](crate::trace::chunk::is_open): until then the writer leaves it there.
    #[inline(always)]
    pub(super) fn last(&self) -> (usize, &AtomicU64) {
        let len = self.len();
        debug_assert!(len <= WORDS, "each of them was put");
        // SAFETY: `set_len` was called with 0, or by `put`, with one more than the place of a word that is there.
        (len, unsafe { self.0.get_unchecked(FIRST - 1 + len) })
    }

    /// There are no words. Only the owning thread calls this, while it keeps readers away.
    pub(super) fn clear(&self) {
        self.set_len(0);
    }

    #[inline(always)]
    fn set_len(&self, len: usize) {
        // Release: whoever sees the words also sees what they point to (a site of a library loaded just now).
        self.0[FILLED].store(len as u64, Release);
    }

    /// The words that are there. All but the last one stay as they are.
    pub(super) fn filled(&self) -> &[AtomicU64] {
        &self.0[FIRST..][..self.0[FILLED].load(Acquire) as usize]
    }
}

impl Word for AtomicU64 {
    #[inline(always)]
    fn get(&self) -> u64 {
        self.load(Relaxed)
    }
}

#[cfg(test)]
mod models {
    use super::*;
    use crate::primitive::Mutex;
    use crate::primitive::model::{Plain, check, spawn};

    fn read(buffer: &Buffer) -> Vec<u64> {
        buffer.filled().iter().map(Word::get).collect()
    }

    /// The writer sees a beginning of what the thread has put, and what the thread did before.
    #[test]
    fn a_buffer_is_read_front_to_back() {
        check("a buffer is read front to back", || {
            let shared = Arc::new((Buffer::default(), [0, 1].map(Plain::new)));
            let thread = Arc::clone(&shared);
            let thread = spawn(move || {
                for index in 0..2 {
                    thread.1[index].set(index + 10);
                    thread.0.put(index, index as u64 + 1);
                }
            });
            let seen = read(&shared.0);
            assert_eq!(seen, [1, 2][..seen.len()]);
            for (place, _) in shared.1.iter().zip(&seen) {
                assert!(place.get() >= 10);
            }
            thread.join().unwrap();
            assert_eq!(read(&shared.0), [1, 2]);
        });
    }

    /// A thread empties its buffer under the mutex under which the writer reads, and fills it again: the writer never
    /// takes a word of the first filling for one of the second.
    #[test]
    fn a_buffer_is_used_again() {
        check("a buffer is used again", || {
            let shared = Arc::new((Buffer::default(), Mutex::new(0)));
            let thread = Arc::clone(&shared);
            let thread = spawn(move || {
                for filling in 0..2 {
                    for index in 0..2 {
                        thread.0.put(index, 7 + filling);
                    }
                    let mut fillings = thread.1.lock();
                    *fillings += 1;
                    thread.0.clear();
                }
            });
            let fillings = shared.1.lock();
            let seen = read(&shared.0);
            assert_eq!(seen, vec![7 + *fillings; seen.len()]);
            drop(fillings);
            thread.join().unwrap();
            assert!(read(&shared.0).is_empty());
        });
    }
}
