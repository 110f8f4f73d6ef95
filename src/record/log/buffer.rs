//! The words that a thread has logged and nobody has passed on yet.

use std::ops::{Deref, Range};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::primitive::{self, AtomicU64};
use crate::trace::chunk::is_open;

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

    /// How many words there are, and the last; 0 if there is none. Only the owning thread calls this.
    #[inline(always)]
    pub(super) fn last(&self) -> (usize, u64) {
        let (len, last) = self.last_place();
        (len, last.load(Relaxed))
    }

    /// Replaces the last word, which [is open](is_open): as long as it is, the writer leaves it there. Gives how many words there are.
    /// Only the owning thread calls this.
    #[inline(always)]
    pub(super) fn close(&self, word: u64) -> usize {
        debug_assert!(is_open(self.last().1) && !is_open(word));
        let (len, last) = self.last_place();
        // Release: who sees that the word is closed reads it as one that nobody stores any more.
        last.store(word, Release);
        len
    }

    #[inline(always)]
    fn last_place(&self) -> (usize, &AtomicU64) {
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

    /// How many words stay as they are until the buffer is [cleared](Self::clear), and the one behind them if there is an open one.
    /// With `all`, which only the owning thread may say, that counts, too.
    pub(super) fn closed(&self, all: bool) -> (usize, Option<u64>) {
        let len = self.0[FILLED].load(Acquire) as usize;
        let last = if all { None } else { self.0[FIRST..][..len].last() };
        // Acquire: see `close`.
        let open = last.map(|last| last.load(Acquire)).filter(|last| is_open(*last));
        (len - usize::from(open.is_some()), open)
    }

    /// These words.
    ///
    /// # Safety
    ///
    /// [`closed`](Self::closed) has said so to this thread, and the buffer is not cleared as long as the result lives.
    pub(super) unsafe fn words(&self, words: Range<usize>) -> impl Deref<Target = [u64]> {
        // SAFETY: the owning thread stores no word that is closed; how many there are, and that the last of them is, was read
        // with what has acquired these stores.
        unsafe { primitive::values(&self.0[FIRST..][words]) }
    }
}

#[cfg(test)]
mod models {
    use super::*;
    use crate::primitive::Mutex;
    use crate::primitive::model::{Plain, check, spawn};
    use crate::trace::chunk;

    /// All words, as the writer reads them.
    fn read(buffer: &Buffer) -> Vec<u64> {
        let (closed, open) = buffer.closed(false);
        // SAFETY: it has just said so, and here the buffer is cleared only by a thread that keeps others away.
        let words = unsafe { buffer.words(0..closed) };
        words.iter().copied().chain(open).collect()
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

    /// What is added to the last word, while the writer looks: it sees the word as it was, or as it is, and the latter for good.
    #[test]
    fn a_word_is_closed() {
        check("a word is closed", || {
            let buffer = Buffer::default();
            let thread = buffer.clone();
            let thread = spawn(move || {
                thread.put(0, u64::from(chunk::HELD));
                thread.close(u64::from(chunk::HELD) + 1);
                thread.put(1, u64::from(chunk::LOOKED));
            });
            let seen = [read(&buffer), read(&buffer)];
            let open = u64::from(chunk::HELD);
            let all = [open + 1, u64::from(chunk::LOOKED)];
            for seen in &seen {
                assert!(*seen == [open] || *seen == all[..seen.len()], "{seen:?}");
            }
            assert!(seen[0].len() <= seen[1].len() && !(seen[0] == all[..1] && seen[1] == [open]));
            thread.join().unwrap();
            assert_eq!(read(&buffer), all);
        });
    }
}
