//! Threads that read cells beside one another, without a word that they share being written.
//!
//! A cell that several threads only read is left *open*: who reads it says so in a slot of its own, and looks whether the cell
//! is still open. Who wants it alone closes it, and waits until no slot has it. Of these two at least one sees the other, for
//! there is a fence on both sides between what is said and the look (as in Dekker's algorithm, and in hazard pointers: Michael,
//! IEEE TPDS 2004).

use std::sync::atomic::Ordering;

use super::gate::me;
use crate::primitive::{AtomicUsize, Mutex, fence, pause};
use crate::record::context::Inside;

/// What a thread reads just now. On a line of its own.
#[repr(align(128))]
pub(crate) struct Slot {
    /// The address of a cell, or 0.
    cell: AtomicUsize,
    /// The thread, by its mark.
    thread: AtomicUsize,
}

impl Slot {
    /// The thread reads the cell, if that is open now, until [`end`](Self::end): with that, what was written before it was
    /// opened is seen. False, and nothing done, if the thread is at another cell: this is the handler of a signal then.
    #[inline(always)]
    pub(crate) fn begin(&self, cell: usize) -> bool {
        if self.cell.load(Ordering::Relaxed) != 0 {
            return false;
        }
        // Released, like the end before it, for who waits for that may see this in its place.
        self.cell.store(cell, Ordering::Release);
        fence(Ordering::SeqCst);
        true
    }

    /// The thread reads it no longer.
    #[inline(always)]
    pub(crate) fn end(&self) {
        self.cell.store(0, Ordering::Release);
    }
}

/// The slots of the process.
pub(crate) static READERS: Readers = Readers::new();

/// All slots.
pub(crate) struct Readers {
    slots: Mutex<Slots>,
}

struct Slots {
    all: Vec<&'static Slot>,
    /// Those of threads that have ended.
    free: Vec<&'static Slot>,
}

impl Readers {
    const fn new() -> Self {
        Self { slots: Mutex::new(Slots { all: Vec::new(), free: Vec::new() }) }
    }

    /// A slot for the thread with this mark. Slots are used again, and never freed: they are as many as the threads that had one
    /// at a time.
    fn join(&self, thread: usize) -> &'static Slot {
        let mut slots = self.slots.lock();
        let slot = slots.free.pop().unwrap_or_else(|| {
            let slot: &'static Slot =
                Box::leak(Box::new(Slot { cell: AtomicUsize::new(0), thread: AtomicUsize::new(0) }));
            slots.all.push(slot);
            slot
        });
        slot.thread.store(thread, Ordering::Relaxed);
        slot
    }

    /// The thread needs its slot no longer.
    fn leave(&self, slot: &'static Slot) {
        self.slots.lock().free.push(slot);
    }

    /// Waits until nobody reads the cell, which the caller, of this mark, has closed. What readers have done comes before.
    /// False, and it has not waited for all, if the caller reads it itself.
    ///
    /// A thread that gets a slot only after this has looked at them all finds the cell closed: the lock orders the two.
    pub(crate) fn wait_until_gone(&self, cell: usize, thread: usize) -> bool {
        // The first wait of a thread allocates.
        let _inside = Inside::new();
        fence(Ordering::SeqCst);
        let slots = self.slots.lock();
        for slot in &slots.all {
            let mut rounds = 0;
            while slot.cell.load(Ordering::Acquire) == cell {
                if slot.thread.load(Ordering::Relaxed) == thread {
                    return false;
                }
                pause(&mut rounds);
            }
        }
        true
    }

    /// How many slots there are.
    fn count(&self) -> usize {
        self.slots.lock().all.len()
    }
}

/// A thread's slot, once it needs one.
pub(crate) struct OwnSlot(Option<&'static Slot>);

impl OwnSlot {
    pub(crate) const NONE: Self = Self(None);

    #[inline(always)]
    pub(crate) fn get(&self) -> Option<&'static Slot> {
        self.0
    }

    /// One for the thread of this mark.
    #[cfg(test)]
    pub(super) fn of(thread: usize) -> Self {
        Self(Some(READERS.join(thread)))
    }
}

/// Reads of something that several threads read, none of them new, since it was last left open. Only who is alone inside counts.
#[derive(Clone, Copy, Default)]
pub(super) struct Repeated(u32);

impl Repeated {
    pub(super) const NONE: Self = Self(0);

    /// One more, by the thread whose slot it is. Are there enough by now to let threads read beside one another? Who then writes
    /// has to look at each slot; so many reads pay for that.
    #[cold]
    #[inline(never)]
    pub(super) fn again(&mut self, slot: &mut OwnSlot) -> bool {
        slot.0.get_or_insert_with(|| READERS.join(me()));
        self.0 += 1;
        let enough = self.0 as usize >= READERS.count().clamp(16, 1024);
        if enough {
            *self = Self::NONE;
        }
        enough
    }
}

impl Drop for OwnSlot {
    fn drop(&mut self) {
        if let Some(slot) = self.0.take() {
            READERS.leave(slot);
        }
    }
}
