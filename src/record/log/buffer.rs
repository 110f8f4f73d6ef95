//! The words that a thread has logged and the writer has not yet taken.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::primitive::{self, AtomicU64};

/// Words of a buffer: 64 KiB.
pub(super) const WORDS: usize = primitive::size(8192, 3);

/// Written by one thread, front to back, and read by the writer; zero is the end.
pub(super) struct Buffer {
    words: Box<[AtomicU64; WORDS]>,
}

impl Default for Buffer {
    fn default() -> Self {
        let words: Box<[AtomicU64]> = (0..WORDS).map(|_| AtomicU64::new(0)).collect();
        Self { words: words.try_into().unwrap_or_else(|_| unreachable!("the length is WORDS")) }
    }
}

impl Buffer {
    /// Stores the `index`-th word; false if there is no room. Only the owning thread calls this.
    #[inline]
    pub(super) fn put(&self, index: usize, word: u64) -> bool {
        match self.words.get(index) {
            Some(place) => {
                // Release: whoever sees the word also sees what it points to (a site of a library loaded just now).
                place.store(word, Release);
                true
            }
            None => false,
        }
    }

    /// The words from `from` on that are there already.
    pub(super) fn read(&self, from: usize) -> impl Iterator<Item = u64> {
        self.words[from..].iter().map(|word| word.load(Acquire)).take_while(|word| *word != 0)
    }

    /// Makes it empty. Only the writer calls this, when no thread has the buffer.
    pub(super) fn clear(&self) {
        for word in self.words.iter() {
            if word.load(Relaxed) == 0 {
                break;
            }
            word.store(0, Relaxed);
        }
    }
}

/// A buffer with the thread that writes it and its place in the row of that thread's buffers.
#[derive(Clone)]
pub(super) struct Handed {
    pub(super) thread: u32,
    pub(super) sequence: u64,
    pub(super) buffer: Arc<Buffer>,
}

#[cfg(test)]
mod models {
    use std::collections::VecDeque;

    use super::*;
    use crate::primitive::Mutex;
    use crate::primitive::model::{Plain, check, spawn};

    /// The writer sees a beginning of what the thread has put, and what the thread did before.
    #[test]
    fn a_buffer_is_read_front_to_back() {
        check("a buffer is read front to back", || {
            let shared = Arc::new((Buffer::default(), [0, 1].map(Plain::new)));
            let thread = Arc::clone(&shared);
            let thread = spawn(move || {
                for index in 0..2 {
                    thread.1[index].set(index + 10);
                    assert!(thread.0.put(index, index as u64 + 1));
                }
            });
            let first: Vec<u64> = shared.0.read(0).collect();
            assert_eq!(first, [1, 2][..first.len()]);
            for (place, _) in shared.1.iter().zip(&first) {
                assert!(place.get() >= 10);
            }
            let rest: Vec<u64> = shared.0.read(first.len()).collect();
            assert_eq!(rest, [1, 2][first.len()..first.len() + rest.len()]);
            thread.join().unwrap();
            assert_eq!(shared.0.read(0).collect::<Vec<_>>(), [1, 2]);
            assert!(!shared.0.put(WORDS, 3), "there is no room");
        });
    }

    /// A buffer goes from its thread to the writer, which empties it, and on to another thread: the writer never takes a
    /// word of the first for one of the second.
    #[test]
    fn a_buffer_is_used_again() {
        check("a buffer is used again", || {
            let free = Arc::new(Mutex::new(VecDeque::new()));
            let buffer = Arc::new(Buffer::default());
            let (first, second) = (Arc::clone(&buffer), Arc::clone(&free));
            let first = spawn(move || (0..2).for_each(|index| assert!(first.put(index, 7))));
            let second = spawn(move || {
                let buffer: Option<Arc<Buffer>> = second.lock().pop_front();
                buffer.is_some_and(|buffer| buffer.put(0, 8))
            });
            let seen: Vec<u64> = buffer.read(0).collect();
            assert_eq!(seen, [7, 7][..seen.len()]);
            first.join().unwrap();
            buffer.clear();
            free.lock().push_back(Arc::clone(&buffer));
            let seen: Vec<u64> = buffer.read(0).collect();
            assert_eq!(seen, [8][..seen.len()]);
            let used = second.join().unwrap();
            assert_eq!(buffer.read(0).collect::<Vec<_>>(), [8][..usize::from(used)]);
        });
    }
}
