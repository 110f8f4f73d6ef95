//! Who is inside of something: one thread alone, or several that only look.

use std::sync::atomic::Ordering;

use super::readers::{READERS, Slot};
use crate::primitive::AtomicUsize;

/// Nobody is inside.
const FREE: usize = 0;
/// Nobody is inside, or threads that only read, side by side. No thread's mark.
const OPEN: usize = 1;

/// [`FREE`], [`OPEN`], or the mark of the one thread that is inside: to enter is one atomic operation, to leave a store.
pub(crate) struct Gate(AtomicUsize);

/// Why a thread is not let in.
pub(crate) enum Refused {
    /// It is inside.
    Nested,
    /// Another one is, or was when it was asked.
    Taken,
}

impl Gate {
    pub(crate) const fn new() -> Self {
        Self(AtomicUsize::new(FREE))
    }

    /// Lets the thread of this mark in, alone, if nobody is inside and it is not open.
    #[inline(always)]
    pub(crate) fn take_free(&self, me: usize) -> bool {
        self.0.compare_exchange(FREE, me, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Lets the thread of this mark in, alone. If it is open, no one comes in any more, and those who are inside are waited for.
    pub(crate) fn try_take(&self, me: usize) -> Result<(), Refused> {
        let word = self.0.load(Ordering::Relaxed);
        if word == me {
            // Only this thread can have stored its own mark, so a relaxed load sees it.
            return Err(Refused::Nested);
        }
        if word > OPEN || self.0.compare_exchange(word, me, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return Err(Refused::Taken);
        }
        if word == OPEN && !READERS.wait_until_gone(self.address(), me) {
            self.give(true);
            return Err(Refused::Nested);
        }
        Ok(())
    }

    /// The thread, which was alone inside, leaves. If it leaves the gate `open`, others may come in beside one another.
    #[inline(always)]
    pub(crate) fn give(&self, open: bool) {
        self.0.store(if open { OPEN } else { FREE }, Ordering::Release);
    }

    /// The mark of the one that is inside, or a small number.
    pub(crate) fn user(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Is it worth trying to come in beside others?
    #[inline(always)]
    pub(crate) fn is_open(&self) -> bool {
        self.0.load(Ordering::Relaxed) == OPEN
    }

    /// The thread, whose slot it is, is inside beside others that only look, until the result is dropped. `None` if the gate is
    /// not open.
    #[inline(always)]
    pub(crate) fn read_beside(&self, slot: &'static Slot) -> Option<Beside> {
        if !slot.begin(self.address()) {
            return None;
        }
        let beside = Beside(slot);
        if self.0.load(Ordering::Acquire) == OPEN { Some(beside) } else { None }
    }

    /// What readers say that they are at.
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

/// See [`Gate::read_beside`].
pub(crate) struct Beside(&'static Slot);

impl Drop for Beside {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.end();
    }
}

/// A mark of the current thread that no other living thread has, and that is no small number.
#[inline(always)]
pub(crate) fn me() -> usize {
    thread_local! {
        static MARK: u64 = const { 0 };
    }
    MARK.with(|mark| std::ptr::from_ref(mark).addr())
}

#[cfg(test)]
mod models {
    use std::sync::Arc;

    use super::super::readers::OwnSlot;
    use super::*;
    use crate::primitive::model::{Plain, check, check_within, spawn};

    /// Marks of threads, which loom runs all in one.
    const MARKS: [usize; 3] = [8, 16, 24];

    /// A cell that is open, and has been used.
    struct Cell(Gate, Plain<u32>);

    impl Cell {
        fn open(slots: &[&OwnSlot]) -> Arc<Self> {
            let cell = Self(Gate::new(), Plain::new(0));
            cell.enter(MARKS[2], true, |_| {}).unwrap();
            slots.iter().for_each(|slot| assert_eq!(cell.read(slot), Some(0)));
            Arc::new(cell)
        }

        fn read(&self, slot: &OwnSlot) -> Option<u32> {
            let _beside = self.0.read_beside(slot.get().unwrap())?;
            Some(self.1.get())
        }

        /// Alone inside, and then leaves it open or not; if nobody else is.
        fn enter<R>(&self, me: usize, open: bool, inside: impl FnOnce(&Plain<u32>) -> R) -> Option<R> {
            self.0.try_take(me).ok()?;
            let result = inside(&self.1);
            self.0.give(open);
            Some(result)
        }

        fn add(&self, me: usize, open: bool) -> Option<()> {
            self.enter(me, open, |value| value.set(value.get() + 1))
        }
    }

    fn slot(mark: usize) -> OwnSlot {
        OwnSlot::of(mark)
    }

    /// Two read while a third writes: none of them reads beside the write.
    #[test]
    fn nobody_reads_beside_a_write() {
        check_within(3, "nobody reads beside a write", || {
            let slots = [slot(MARKS[0]), slot(MARKS[1])];
            let cell = Cell::open(&[&slots[0], &slots[1]]);
            let readers = slots.map(|slot| {
                let cell = Arc::clone(&cell);
                spawn(move || {
                    let read = cell.read(&slot);
                    assert!(read.is_none_or(|value| value < 2));
                    slot
                })
            });
            cell.add(MARKS[2], false).unwrap();
            // So that each execution gets the slots in the same order.
            for reader in readers.into_iter().rev() {
                let slot = reader.join().unwrap();
                assert_eq!(cell.read(&slot), None, "it is closed");
            }
        });
    }

    /// Who finds the cell open sees what was written before it was opened, also if it is opened again meanwhile.
    #[test]
    fn who_reads_sees_what_was_written() {
        check_within(3, "who reads sees what was written", || {
            let slot = slot(MARKS[0]);
            let cell = Cell::open(&[&slot]);
            let reader = Arc::clone(&cell);
            let reader = spawn(move || {
                let read = [reader.read(&slot), reader.read(&slot)];
                assert!(read.iter().flatten().is_sorted(), "{read:?}");
                slot
            });
            cell.add(MARKS[2], true).unwrap();
            cell.add(MARKS[2], true).unwrap();
            assert_eq!(cell.read(&reader.join().unwrap()), Some(2));
        });
    }

    /// A slot that has gone on to another cell says so as well as an empty one that its thread has left the first.
    #[test]
    fn a_slot_goes_from_cell_to_cell() {
        check("a slot goes from cell to cell", || {
            let slot = slot(MARKS[0]);
            let (first, second) = (Cell::open(&[&slot]), Cell::open(&[&slot]));
            let reader = (Arc::clone(&first), Arc::clone(&second));
            let reader = spawn(move || {
                assert!(reader.0.read(&slot).is_none_or(|value| value < 2));
                assert_eq!(reader.1.read(&slot), Some(0));
                slot
            });
            first.add(MARKS[2], false).unwrap();
            drop(reader.join().unwrap());
        });
    }

    /// Two want to close the cell at once: they are inside one after the other, or only one of them is.
    #[test]
    fn two_close_one_cell() {
        check_within(3, "two close one cell", || {
            let slot = slot(MARKS[0]);
            let cell = Cell::open(&[&slot]);
            let other = Arc::clone(&cell);
            let other = spawn(move || other.add(MARKS[1], false));
            let reader = Arc::clone(&cell);
            let reader = spawn(move || {
                assert!(reader.read(&slot).is_none_or(|value| value < 3));
                slot
            });
            let mine = cell.add(MARKS[2], true);
            let both = mine.iter().chain(&other.join().unwrap()).count();
            drop(reader.join().unwrap());
            assert_eq!(cell.enter(MARKS[2], false, Plain::get), Some(both as u32));
            assert!(both > 0);
        });
    }

    /// The handler of a signal that interrupts a read takes nothing from it: it does not read beside others, and to be alone
    /// inside would be to wait for itself.
    #[test]
    fn a_reader_is_inside() {
        check("a reader is inside", || {
            let slot = slot(MARKS[0]);
            let cell = Cell::open(&[&slot]);
            let another = Cell::open(&[]);
            let waits = Arc::clone(&another);
            let thread = spawn(move || waits.add(MARKS[1], false).unwrap());
            let read = cell.0.read_beside(slot.get().unwrap());
            assert!(read.is_some());
            assert!(another.read(&slot).is_none());
            assert!(matches!(cell.0.try_take(MARKS[0]), Err(Refused::Nested)));
            drop(read);
            assert_eq!(cell.read(&slot), Some(0));
            thread.join().unwrap();
        });
    }
}
