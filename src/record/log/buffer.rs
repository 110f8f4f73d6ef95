//! The words that a thread has logged and the writer has not yet taken.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Words of a buffer: 64 KiB.
pub(super) const WORDS: usize = 8192;

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
