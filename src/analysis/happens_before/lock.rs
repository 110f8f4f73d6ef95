//! Locks: who comes after whom, by mode.

use crate::event::Mode;

use super::sync::SyncClock;
use super::thread::ThreadClock;

/// The clock of a mutex or a reader-writer lock.
///
/// An exclusive owner comes after every release before it; a reader after the last exclusive release; an upgradable
/// reader also after the last upgradable release. Readers do not order one another, whatever the lock happens to do
/// inside. An upgrade is a release and an exclusive acquisition by the same owner, a downgrade the reverse.
#[derive(Default, Debug)]
pub struct LockClock {
    exclusive: SyncClock,
    /// Absent until there was a reader.
    readers: Option<Box<Readers>>,
}

#[derive(Default, Debug)]
struct Readers {
    /// All shared releases since the last exclusive one.
    shared: SyncClock,
    /// The last upgradable release since then: one at a time, so the last knows the others.
    upgradable: SyncClock,
}

impl LockClock {
    /// A lock that nobody has released.
    #[must_use]
    pub const fn new() -> Self {
        Self { exclusive: SyncClock::new(), readers: None }
    }

    /// The thread got the lock.
    #[inline]
    pub fn acquired(&self, thread: &mut ThreadClock, mode: Mode) {
        self.exclusive.acquire(thread);
        if let Some(readers) = &self.readers
            && !mode.is_shared()
        {
            readers.upgradable.acquire(thread);
            if mode == Mode::Exclusive {
                readers.shared.acquire(thread);
            }
        }
    }

    /// The thread gives the lock back.
    #[inline]
    pub fn released(&mut self, thread: &mut ThreadClock, mode: Mode) {
        if mode != Mode::Exclusive {
            let readers = self.readers.get_or_insert_default();
            if mode == Mode::Upgradable {
                readers.upgradable.publish(thread);
            } else {
                readers.shared.publish_join(thread);
            }
            return;
        }
        self.exclusive.publish(thread);
        if let Some(readers) = &mut self.readers {
            // The exclusive owner came after them, so its release says it all.
            readers.shared.clear();
            readers.upgradable.clear();
        }
    }
}
