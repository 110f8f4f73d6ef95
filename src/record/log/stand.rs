//! Where a thread's part of the trace stands.

use crate::event::ThreadId;

/// Behind which event of which thread something stands: the thread's number plus one (24 bits), and how many events it had
/// logged by then (40 bits). One word, for every lock keeps one.
///
/// Beyond sixteen million threads, or a billion of a thread's events a thousand times over, it is [`Stand::STAMPED`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stand(pub(crate) u64);

const POSITION_BITS: u32 = 40;
/// The number, plus one, that no thread has.
const STAMPED: u64 = (1 << (64 - POSITION_BITS)) - 1;
/// A log whose position gets beyond this is far. There is a buffer's length and more to go then.
pub(super) const FAR_POSITION: u64 = (1 << POSITION_BITS) - (1 << 20);

impl Stand {
    /// Nowhere.
    pub(crate) const NONE: Self = Self(0);
    /// Behind an event that is stamped: what comes after it is to be stamped, too.
    pub(crate) const STAMPED: Self = Self(STAMPED << POSITION_BITS);

    /// Before the first event of a thread; `None` if there are too many threads.
    #[inline(always)]
    pub(crate) const fn begin(thread: ThreadId) -> Option<Self> {
        let number = thread.0 as u64 + 1;
        if number < STAMPED { Some(Self(number << POSITION_BITS)) } else { None }
    }

    /// Whose it is; `None` if it is nobody's or stamped.
    #[inline(always)]
    pub(crate) const fn thread(self) -> Option<ThreadId> {
        match self.0 >> POSITION_BITS {
            0 | STAMPED => None,
            number => Some(ThreadId(number as u32 - 1)),
        }
    }

    /// Is it this thread's?
    #[inline(always)]
    pub(crate) const fn is_of(self, thread: ThreadId) -> bool {
        self.0 >> POSITION_BITS == thread.0 as u64 + 1
    }

    /// How many events of the thread.
    #[inline(always)]
    pub(crate) const fn position(self) -> u64 {
        self.0 & ((1 << POSITION_BITS) - 1)
    }
}
